"""Compiled loops over spikes: listing those of a tensor, summing the gradients that they met.

Numba's cache on disk knows the file of the outermost loop only: touch this one after a change in
:mod:`hetlava.train.cuba_forward`.
"""

# numba infers the types of these functions
# mypy: allow-untyped-defs, allow-untyped-calls, allow-incomplete-defs

import numba
import numpy as np

from hetlava.train.compiling import compiled
from hetlava.train.cuba_forward import Index, add_rows, list_row


@compiled(parallel=True)
def sum_events(indptr, index, value, first, delay, grad, out):
    """Add to row j of ``out`` (n_pre, n) what the spikes of neuron j met of ``grad``.

    Parameters
    ----------
    first : int
        The first of the samples, whose gradients (n_samples, n_steps, n) are given.
    """
    n_samples, n_steps, n = grad.shape
    stop = (first + n_samples) * n_steps
    n_events = indptr[stop] - indptr[first * n_steps]
    starts = np.zeros(len(out) + 2, np.int64)
    met, height = np.empty(n_events, np.int32), np.empty(n_events * (len(value) > 0), value.dtype)
    _sort(indptr, index, value, first, n_samples, n_steps, delay, starts, met, height)
    rows = grad.reshape(n_samples * n_steps, n)
    for j in numba.prange(len(out)):
        add_rows(out[j], rows, met, height, starts[j], starts[j + 1])


@compiled()
def _sort(indptr, index, value, first, n_samples, n_steps, delay, starts, met, height):
    """Sort events by sender: row ``met[e]`` of the gradient, ``starts[j] <= e < starts[j + 1]``."""
    for b in range(n_samples):
        row = (first + b) * n_steps
        for e in range(indptr[row], indptr[row + n_steps - delay]):
            starts[Index(index[Index(e)] + 2)] += 1
    for j in range(2, len(starts)):
        starts[j] += starts[j - 1]
    for b in range(n_samples):
        for t in range(n_steps - delay):
            row = (first + b) * n_steps + t
            for e in range(indptr[row], indptr[row + 1]):
                slot = Index(index[Index(e)] + 1)
                at = Index(starts[slot])
                met[at] = b * n_steps + t + delay
                if len(value):
                    height[at] = value[Index(e)]
                starts[slot] += 1


@compiled(parallel=True)
def list_nonzero(x, counts, found, graded):
    """List what is not 0 in ``x`` (n_samples, n_steps, n), sample by sample, step by step.

    Parameters
    ----------
    counts : (n_samples * n_steps,)
        How many there are.
    found : (n_samples, n_steps * n) int32
        Which: those of sample b are the first of row b.
    graded : (n_samples,)
        Set where something is neither 0 nor 1.
    """
    n_samples, n_steps, _ = x.shape
    for b in numba.prange(n_samples):
        e = 0
        for t in range(n_steps):
            count = list_row(x[b, t], found[b, e:])
            counts[b * n_steps + t] = count
            for j in range(e, e + count):
                if x[b, t, found[b, j]] != 1:
                    graded[b] = True
            e += count
