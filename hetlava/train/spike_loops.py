"""Compiled loops over spikes: listing those of a tensor, summing the gradients that they met.

Numba's cache on disk knows the file of the outermost loop only: touch this one after a change in
:mod:`hetlava.train.cuba_forward`.
"""

# numba infers the types of these functions
# mypy: allow-untyped-defs, allow-untyped-calls, allow-incomplete-defs

import numba
import numpy as np

from hetlava.train.compiling import compiled
from hetlava.train.cuba_forward import Index, add_one, add_scaled


@compiled(parallel=True)
def sum_events(indptr, index, value, delay, grad, out, n_parts):
    """Add to row j of ``out`` (n_pre, n) what its spikes met of ``grad`` (n_steps, n_samples, n).

    Each of ``n_parts`` threads has columns of its own, so that none waits for another.
    """
    n_steps, n_samples, n = grad.shape
    for part in numba.prange(n_parts):
        low, high = part * n // n_parts, (part + 1) * n // n_parts
        for b in range(n_samples):
            for t in range(delay, n_steps):
                row = b * n_steps + t - delay
                _scatter(out, grad[t, b, low:high], low, index, value, indptr[row], indptr[row + 1])


@compiled()
def _scatter(out, grad, low, index, value, start, stop):
    high = low + len(grad)
    for e in range(start, stop):
        if len(value):
            add_scaled(out[index[e], low:high], grad, value[e])
        else:
            add_one(out[index[e], low:high], grad)


@compiled(parallel=True)
def count_nonzero(x, counts, graded):
    """Count what is not 0 in ``x`` (n_steps, n_samples, n), by sample and step.

    ``graded`` (n_samples,) is set where something is neither 0 nor 1.
    """
    n_steps, n_samples, _ = x.shape
    for b in numba.prange(n_samples):
        for t in range(n_steps):
            n_spikes, n_ones = _count(x[t, b])
            counts[b * n_steps + t] = n_spikes
            if n_spikes != n_ones:
                graded[b] = True


@compiled()
def _count(x):
    n_spikes, n_ones = np.int32(0), np.int32(0)
    for k in range(len(x)):
        n_spikes += np.int32(x[k] != 0)
        n_ones += np.int32(x[k] == 1)
    return n_spikes, n_ones


@compiled(parallel=True)
def list_nonzero(x, indptr, index, value):
    """List where ``x`` (n_steps, n_samples, n) is not 0, and what it is if ``value`` has room."""
    n_steps, n_samples, _ = x.shape
    for b in numba.prange(n_samples):
        for t in range(n_steps):
            start, stop = indptr[b * n_steps + t], indptr[b * n_steps + t + 1]
            _list(x[t, b], index[start:stop])
            for e in range(start, min(stop, len(value))):
                value[e] = x[t, b, index[e]]


@compiled()
def _list(x, index):
    e, n = 0, len(index)
    for k in range(len(x)):
        if e == n:
            return
        if x[k] != 0:
            index[Index(e)] = k
            e += 1
