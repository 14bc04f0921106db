"""How the engine sums what arrives: compiled loops over matrices and kernels, and late spikes.

Every sum is made in words in which it either cannot overflow or wraps as the chip's does:

* a 16-bit word holds the halves of two even weights, ``256 * high + low + 128``; the sum of words
  modulo 2**16 and the sum of ``word >> 8`` give both sums back, so that one addition serves two
  synapses; odd weights have a word each;
* up to 120 rows are added in 16 bits, then flushed to 32;
* a kernel's sums lie with the channels innermost, next to each other as its weights are.

Numba's cache on disk knows the file of the outermost loop only: touch kernels.py after a change
here. Numba widens every integer operation to 64 bits, which halves the vectors: hence the many
casts. It lets a signed index count from the end, which prevents vectors altogether: hence
``Index``.
"""

# numba infers the types of these functions
# mypy: allow-untyped-defs, allow-untyped-calls, allow-incomplete-defs

import numpy as np

from hetlava.fixedpoint import STATE_SHIFT
from hetlava.sim.compiling import compiled
from hetlava.sim.wiring import PAIR_EXCESS

ROWS = 120  # 120 * 256 < 2**15
Index = np.uintp


@compiled
def zero(x, n):
    for k in range(n):
        x[k] = 0


@compiled
def receive(drive, total, sums, highs, paired, shift, weights, offset, n, events, start, stop):
    # the floor is of the whole sum, so a right shift waits for the last row
    target, by = (total, 0) if shift < 0 else (drive, shift + STATE_SHIFT)
    if shift < 0:
        zero(total, n)
    while start < stop:
        end = min(start + ROWS, stop)
        if paired:
            _add_pairs(sums, highs, weights, offset, n // 2, events, start, end)
            _flush_pairs(target, sums, highs, n // 2, PAIR_EXCESS * (end - start), by)
        else:
            _add_words(sums, weights, offset, n, events, start, end)
            _flush_words(target, sums, n, by)
        start = end
    if shift < 0:
        _floor(drive, total, n, -shift)


@compiled
def _floor(drive, total, n, shift):
    by, up = np.int32(shift), np.int32(STATE_SHIFT)
    for k in range(n):
        drive[k] = np.int32(drive[k] + np.int32(np.int32(total[k] >> by) << up))


@compiled
def _flush_words(target, sums, n, shift):
    by = np.int32(shift)
    for k in range(n):
        target[k] = np.int32(target[k] + np.int32(np.int32(sums[k]) << by))


@compiled
def _flush_pairs(target, sums, highs, n, excess, shift):
    by, bias = np.int32(shift), np.int32(excess)
    for k in range(n):
        low = np.int32(np.uint16(sums[k] - np.int16(highs[k] << np.int16(8))))
        target[k] = np.int32(target[k] + np.int32(np.int32(low - bias) << by))
    for k in range(n):
        high = Index(n + k)
        target[high] = np.int32(target[high] + np.int32(np.int32(highs[k]) << by))


@compiled
def _row(events, e, stop, base, n):
    """Return where the row of event e begins; past the last event the row of zeros at 0."""
    row = base + Index(events[e]) * n
    return row if e < stop else Index(0)


@compiled
def _add_pairs(sums, highs, weights, offset, n, events, start, stop):
    zero(sums, n)
    zero(highs, n)
    m, o = Index(n), Index(offset)
    for e in range(start, stop, 8):
        r0, r1 = _row(events, e, stop, o, m), _row(events, e + 1, stop, o, m)
        r2, r3 = _row(events, e + 2, stop, o, m), _row(events, e + 3, stop, o, m)
        r4, r5 = _row(events, e + 4, stop, o, m), _row(events, e + 5, stop, o, m)
        r6, r7 = _row(events, e + 6, stop, o, m), _row(events, e + 7, stop, o, m)
        for j in range(n):
            k = Index(j)
            a, b, c, d = weights[r0 + k], weights[r1 + k], weights[r2 + k], weights[r3 + k]
            f, g, h, i = weights[r4 + k], weights[r5 + k], weights[r6 + k], weights[r7 + k]
            x = np.int16(np.int16(a + b) + np.int16(c + d))
            y = np.int16(np.int16(f + g) + np.int16(h + i))
            sums[k] = np.int16(sums[k] + np.int16(x + y))
            x = np.int16(np.int16((a >> 8) + (b >> 8)) + np.int16((c >> 8) + (d >> 8)))
            y = np.int16(np.int16((f >> 8) + (g >> 8)) + np.int16((h >> 8) + (i >> 8)))
            highs[k] = np.int16(highs[k] + np.int16(x + y))


@compiled
def _add_words(sums, weights, offset, n, events, start, stop):
    zero(sums, n)
    m, o = Index(n), Index(offset)
    for e in range(start, stop, 4):
        r0, r1 = _row(events, e, stop, o, m), _row(events, e + 1, stop, o, m)
        r2, r3 = _row(events, e + 2, stop, o, m), _row(events, e + 3, stop, o, m)
        for j in range(n):
            k = Index(j)
            x = np.int16(weights[r0 + k] + weights[r1 + k])
            y = np.int16(weights[r2 + k] + weights[r3 + k])
            sums[k] = np.int16(sums[k] + np.int16(x + y))


@compiled
def convolve(drive, total, weights, offset, geometry, w, events, start, stop, shift):
    """Add what the events give through the kernel of wire ``w`` to the drive."""
    if start == stop:
        return
    height, width, kh, kw = geometry[w, 0], geometry[w, 1], geometry[w, 2], geometry[w, 3]
    sy, sx, dy, dx = geometry[w, 4], geometry[w, 5], geometry[w, 6], geometry[w, 7]
    top, left, oh, ow = geometry[w, 8], geometry[w, 9], geometry[w, 10], geometry[w, 11]
    per_in, per_out, c_out = geometry[w, 12], geometry[w, 13], geometry[w, 14]
    zero(total, oh * ow * c_out)
    for e in range(start, stop):
        channel, pixel = divmod(np.int64(events[Index(e)]), height * width)
        y, x = divmod(pixel, width)
        first = channel // per_in * per_out
        for i in range(kh):
            to_y, off_y = divmod(y + top - i * dy, sy)
            if off_y or to_y < 0 or to_y >= oh:
                continue
            for j in range(kw):
                to_x, off_x = divmod(x + left - j * dx, sx)
                if off_x or to_x < 0 or to_x >= ow:
                    continue
                to = Index((to_y * ow + to_x) * c_out + first)
                row = Index(offset + ((channel * kh + i) * kw + j) * per_out)
                for k in range(per_out):
                    at = to + Index(k)
                    total[at] = np.int32(total[at] + np.int32(weights[row + Index(k)]))
    _flush_channels(drive, total, oh * ow, c_out, shift)


@compiled
def _flush_channels(drive, total, area, c_out, shift):
    left = np.int32(STATE_SHIFT + max(shift, 0))
    right = np.int32(max(-shift, 0))
    for c in range(c_out):
        for p in range(area):
            a, b = Index(c * area + p), Index(p * c_out + c)
            drive[a] = np.int32(drive[a] + np.int32(np.int32(total[b] >> right) << left))


@compiled
def gather(events, at, steps, first, last, delays, offset, rows, source, first_row, row):
    """Collect from ``at`` on the spikes that arrive at ``row`` by their delays; return the end.

    ``steps[first:last]`` are the distinct delays, ascending, ``delays[offset:]`` that of each
    source neuron; the sample began at ``first_row``.
    """
    for k in range(first, last):
        sent = row - 1 - steps[k]
        if sent < first_row:
            break
        for e in range(rows[source, sent], rows[source, sent + 1]):
            neuron = events[Index(e)]
            if delays[Index(offset + neuron)] == steps[k]:
                events[Index(at)] = neuron
                at += 1
    return at
