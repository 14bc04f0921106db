"""Time constants from sampled traces, by least squares in all neurons at once."""

from collections.abc import Callable

import numpy as np

from hetlava.arrays import Float
from hetlava.hardware.virtual_chip import response

ROUNDS = 20
STEP = 1e-3  # of a logarithm, for the derivative
SPREAD = 3.0  # a fitted time constant lies within exp(+-3) of the one that was expected


def fit_relaxation(times: Float, trace: Float, expected: Float) -> Float:
    """Return tau (n,) of ``a + b exp(-t / tau)`` through traces at ``times``, (n_times, n) each."""
    return _fit(lambda tau: np.exp(-times / tau), trace, expected)


def fit_response(times: Float, trace: Float, tau_mem: Float, expected: Float) -> Float:
    """Return tau_syn (n,) of ``a + b r(t; tau_mem, tau_syn)`` through such traces."""
    return _fit(lambda tau: response(times, tau_mem, tau), trace, expected)


def fit_slope(times: Float, trace: Float, tau_mem: Float, tau_syn: Float) -> Float:
    """Return the slope b (n,) of ``a + b r(t; tau_mem, tau_syn)`` through such traces."""
    basis = response(times, tau_mem, tau_syn)
    x, y = basis - basis.mean(axis=0), trace - trace.mean(axis=0)
    slope: Float = np.sum(x * y, axis=0) / np.sum(x * x, axis=0)
    return slope


def _fit(shape: Callable[[Float], Float], trace: Float, expected: Float) -> Float:
    """Return tau for which ``a + b shape(tau)`` is nearest, a and b the best for each tau.

    A coarse grid finds the valley, halving steps around the best its bottom: traces that hold no
    response have none, and end within the grid.
    """
    centre, width = np.log(expected), SPREAD
    grid = np.linspace(-1, 1, 9)
    for _ in range(ROUNDS):
        errors = np.stack([_residue(shape(np.exp(centre + width * g)), trace) for g in grid])
        centre = centre + width * grid[np.argmin(errors, axis=0)]
        width *= 0.5
        if width < STEP:
            break
    found: Float = np.exp(np.clip(centre, np.log(expected) - SPREAD, np.log(expected) + SPREAD))
    return found


def _residue(basis: Float, trace: Float) -> Float:
    """Return what a line in ``basis`` leaves of the traces, summed squares, (n,)."""
    x, y = basis - basis.mean(axis=0), trace - trace.mean(axis=0)
    xx, xy = np.sum(x * x, axis=0), np.sum(x * y, axis=0)
    share = np.divide(xy * xy, xx, out=np.zeros_like(xx), where=xx > 0)
    left: Float = np.sum(y * y, axis=0) - share
    return left
