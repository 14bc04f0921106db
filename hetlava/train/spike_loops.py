"""Compiled loops over spikes: listing those of a tensor, summing the gradients that they met.

Numba's cache on disk knows the file of the outermost loop only: touch this one after a change in
:mod:`hetlava.train.cuba_forward`.
"""

# numba infers the types of these functions
# mypy: allow-untyped-defs, allow-untyped-calls, allow-incomplete-defs

import numba

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
def list_nonzero(x, counts, found, graded):
    """List what is not 0 in ``x`` (n_steps, n_samples, n), sample by sample, step by step.

    Views of rows would cost more here than the rows themselves.

    Parameters
    ----------
    counts : (n_samples * n_steps,)
        How many there are.
    found : (n_samples, n_steps * n) int32
        Which: those of sample b are the first of row b.
    graded : (n_samples,)
        Set where something is neither 0 nor 1.
    """
    n_steps, n_samples, n = x.shape
    for b in numba.prange(n_samples):
        e = 0
        for t in range(n_steps):
            start = e
            for k in range(n):
                if x[Index(t), Index(b), Index(k)] != 0:
                    found[Index(b), Index(e)] = k
                    e += 1
            counts[b * n_steps + t] = e - start
            for j in range(start, e):
                if x[Index(t), Index(b), Index(found[Index(b), Index(j)])] != 1:
                    graded[b] = True
