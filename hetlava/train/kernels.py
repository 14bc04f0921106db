"""Compiled loops over time for the leaky integrator in training."""

import numba
import numpy as np

from hetlava.arrays import AnyArray
from hetlava.fixedpoint import DECAY_BITS
from hetlava.train.compiling import compiled

FULL = 1 << DECAY_BITS


@compiled(parallel=True)
def integrate(
    x: AnyArray, decay: AnyArray, start: AnyArray, scale: float, limit: int, y: AnyArray
) -> None:
    """Run fixed-point leaky integrators with a hard reset above ``limit``.

    Parameters
    ----------
    x, y : (n_rows, n_steps) float32
        Input, and where the state before the reset goes, both in units of ``1 / scale``.
    decay : (n_rows,) int64
        Decay words.
    start : (n_rows,) int64
        State before the first step.
    limit : int
        A state above it is set to 0 before the next step.
    """
    for row in numba.prange(x.shape[0]):
        keep, unit = FULL - decay[row], 1.0 / scale
        state = start[row]
        for t in range(x.shape[1]):
            kept = state * keep
            # a shift rounds down, the chip rounds toward zero
            kept = kept >> DECAY_BITS if kept >= 0 else -(-kept >> DECAY_BITS)
            state = kept + np.int64(x[row, t] * scale)
            y[row, t] = state * unit
            if state > limit:
                state = 0


@compiled(parallel=True)
def differentiate(
    grad_y: AnyArray,
    y: AnyArray,
    decay: AnyArray,
    start: AnyArray,
    limit: float,
    grad_x: AnyArray,
    grad_decay: AnyArray,
) -> None:
    """Run the adjoint of :func:`integrate` backwards in time for its fixed pattern of resets.

    Parameters
    ----------
    grad_y, y, grad_x : (n_rows, n_steps) float32
        Gradient of the output, the output, and where the gradient of the input goes.
    decay : (n_rows,) float32
        Decay words.
    start : (n_rows,) float32
        State before the first step, in the unit of ``y``.
    limit : float
        An output above it was reset.
    grad_decay : (n_rows,) float64
        Where the gradient of the decay words goes, a value per row.
    """
    for row in numba.prange(y.shape[0]):
        keep = np.float32(1) - decay[row] / np.float32(FULL)
        later = np.float32(0)
        total = 0.0
        for t in range(y.shape[1] - 1, -1, -1):
            here = np.float32(0) if y[row, t] > limit else np.float32(1)
            total += later * here * y[row, t]
            later = grad_y[row, t] + keep * here * later
            grad_x[row, t] = later
        total += later * start[row]
        grad_decay[row] = -total / FULL
