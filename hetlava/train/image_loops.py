"""Compiled loops over the spikes of images: what each adds through a kernel, and its gradient.

Kernels and sums lie by place, channels last, kernels turned round in x: with a stride of 1 a spike
then adds rows of ``kernel * c_out`` numbers in one piece.
"""

# numba infers the types of these functions
# mypy: allow-untyped-defs, allow-untyped-calls, allow-incomplete-defs

import numba
import numpy as np

from hetlava.train.compiling import compiled

Index = np.uintp  # a signed index may count from the end, which costs a test


@compiled(parallel=True)
def sum_spikes(events, kernels, geometry, delay, out):
    """Fill ``out`` (n_steps, n_samples, c_out, height * width) with what spikes add up to.

    Parameters
    ----------
    events : (indptr, index, value)
        As of :class:`hetlava.train.spike_rows.SpikeRows`.
    kernels : (c_in * kernel * kernel * c_out,)
    geometry : (height, width before, pool, pooled height, pooled width, kernel, stride, padding,
        height, width, c_out)
    """
    indptr, index, value = events
    n_steps, n_samples, c_out, n_places = out.shape
    for b in numba.prange(n_samples):
        sums = np.zeros(n_places * c_out, out.dtype)
        for t in range(n_steps):
            row = b * n_steps + t - delay
            if t < delay or indptr[row] == indptr[row + 1]:
                out[t, b] = 0
                continue
            for e in range(indptr[row], indptr[row + 1]):
                height = value[e] if len(value) else out.dtype.type(1)
                _meet(sums, kernels, index[e], height, geometry, False)
            _channels_first(sums, out[t, b])
            sums[:] = 0


@compiled(parallel=True)
def sum_gradients(events, grad, geometry, delay, out):
    """Add to ``out`` (n_parts, c_in * kernel * kernel * c_out) what spikes met of ``grad``.

    Samples are shared among the parts, each of which has sums of its own.

    Parameters
    ----------
    grad : (n_steps, n_samples, c_out, height * width)
    """
    indptr, index, value = events
    n_steps, n_samples, c_out, n_places = grad.shape
    n_parts = len(out)
    for part in numba.prange(n_parts):
        met = np.empty(n_places * c_out, grad.dtype)
        for b in range(part * n_samples // n_parts, (part + 1) * n_samples // n_parts):
            for t in range(delay, n_steps):
                row = b * n_steps + t - delay
                if indptr[row] == indptr[row + 1]:
                    continue
                _channels_last(grad[t, b], met)
                for e in range(indptr[row], indptr[row + 1]):
                    height = value[e] if len(value) else grad.dtype.type(1)
                    _meet(met, out[part], index[e], height, geometry, True)


@compiled()
def _meet(places, kernels, index, height, geometry, backward):
    """Add kernels to the places that a spike reaches, or these to kernels, ``height`` times."""
    high, wide, pool, rows, columns, kernel, stride, padding, out_high, out_wide, c_out = geometry
    channel, y, x = index // (high * wide), index // wide % high // pool, index % wide // pool
    if y >= rows or x >= columns:
        return  # it lies in no window
    y, x = y + padding, x + padding
    left, right = max(0, -((kernel - 1 - x) // stride)), min(out_wide - 1, x // stride)
    for to_y in range(max(0, -((kernel - 1 - y) // stride)), min(out_high - 1, y // stride) + 1):
        i = y - to_y * stride
        line = (channel * kernel + i) * kernel
        if stride == 1:
            # turned round: the place to_x meets number kernel - 1 - (x - to_x)
            first = line + kernel - 1 - (x - left)
            n = (right - left + 1) * c_out
            _add(places, (to_y * out_wide + left) * c_out, kernels, first * c_out, n, height,
                 backward)  # fmt: skip
            continue
        for to_x in range(left, right + 1):
            at = line + kernel - 1 - (x - to_x * stride)
            _add(places, (to_y * out_wide + to_x) * c_out, kernels, at * c_out, c_out, height,
                 backward)  # fmt: skip


@compiled()
def _add(places, a, kernels, b, n, height, backward):
    if backward:
        for k in range(n):
            kernels[Index(b + k)] += places[Index(a + k)] * height
    else:
        for k in range(n):
            places[Index(a + k)] += kernels[Index(b + k)] * height


@compiled()
def _channels_first(sums, out):
    c_out, n_places = out.shape
    for o in range(c_out):
        for k in range(n_places):
            out[Index(o), Index(k)] = sums[Index(k * c_out + o)]


@compiled()
def _channels_last(grad, met):
    c_out, n_places = grad.shape
    for o in range(c_out):
        for k in range(n_places):
            met[Index(k * c_out + o)] = grad[Index(o), Index(k)]
