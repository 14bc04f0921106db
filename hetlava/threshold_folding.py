"""Thresholds folded into weights: a core holds few thresholds, but every weight is a neuron's own.

The equations of :mod:`hetlava.neurons.cuba` are linear between spikes: with incoming weights,
resting and reset potential multiplied by ``c``, current and voltage are ``c`` times as large, and a
threshold ``c`` times as large is met at the same steps. So neurons can have one threshold if their
weights take the ratio. Where weights were trained on a grid that is done only if the scaled ones
are on it again: then rounding to the chip, which keeps the grid, changes none of them. Weights off
any grid are rounded for the chip once, folded or not.
"""

from dataclasses import replace

import numpy as np

from hetlava.arrays import Bool, Float
from hetlava.float_synapses import FloatSynapses
from hetlava.network import Network, Population, from_reset
from hetlava.neurons.cuba import CubaLIF

GRID_STEPS = (-128, 127)  # of a grid that keeps to the chip's weights of mixed sign
SLACK = 1e-9  # of a step: the ratio of two thresholds is rounded

Folded = dict[str, tuple[int, int]]


def fold_thresholds(net: Network) -> tuple[Network, Folded]:
    """Give the neurons of every population one threshold where that is exact.

    The threshold is the one of those there are that most neurons can take; ties go to the lower.

    Returns
    -------
    Network
        Of the same spikes, in real numbers, with voltages measured from reset potentials.
    mapping of population to (int, int)
        Thresholds that were folded, and distinct ones that are left, where there were several.
    """
    net = from_reset(net)  # a chip's threshold is what lies above the reset
    populations, projections, folded = [], list(net.projections), Folded()
    for p in net.populations:
        neurons = p.neurons
        if not isinstance(neurons, CubaLIF) or np.unique(neurons.v_threshold).size == 1:
            populations.append(p)
            continue
        incoming = [k for k, q in enumerate(projections) if q.target == p.name]
        target, ratio = _best_ratio(neurons.v_threshold, [projections[k] for k in incoming])
        for k in incoming:
            q = projections[k]
            projections[k] = replace(q, weights=_on_grid(q.weights * q.by_target(ratio), q.grid))
        scaled = _scaled(neurons, ratio, target)
        populations.append(Population(name=p.name, neurons=scaled))
        left = np.unique(scaled.v_threshold).size
        folded[p.name] = (int(np.count_nonzero(ratio != 1)), int(left))
    changed = replace(net, populations=tuple(populations), projections=tuple(projections))
    return changed, folded


def _scaled(neurons: CubaLIF, ratio: Float, target: float) -> CubaLIF:
    """Return neurons of ``ratio`` times the voltages; those that change have the target's."""
    return replace(
        neurons,
        v_threshold=np.where(ratio != 1, target, neurons.v_threshold),
        v_leak=neurons.v_leak * ratio,
        v_reset=neurons.v_reset * ratio,
    )


def _best_ratio(threshold: Float, incoming: list[FloatSynapses]) -> tuple[float, Float]:
    """Return a threshold for all and what to multiply each neuron's weights with, (n,).

    The ratio is 1 where folding is not exact.
    """
    best, most = (float(threshold[0]), np.ones(threshold.size)), -1
    for target in np.unique(threshold):
        ratio = target / threshold
        exact = np.ones(threshold.size, np.bool_)
        for q in incoming:
            exact &= _stays_on_grid(q, ratio)
        exact = _together(incoming, ratio, exact)
        if np.count_nonzero(exact) > most:
            best = float(target), np.where(exact, ratio, 1.0)
            most = int(np.count_nonzero(exact))
    return best


def _together(incoming: list[FloatSynapses], ratio: Float, exact: Bool) -> Bool:
    """Tell which neurons can take their ratio with all others that share a kernel's weights."""
    while True:
        taken = np.where(exact, ratio, 1.0)
        kept = exact.copy()
        for q in incoming:
            kept &= q.shares_evenly(taken)
        if np.array_equal(kept, exact):
            return exact
        exact = kept


def _stays_on_grid(q: FloatSynapses, ratio: Float) -> Bool:
    """Tell for every row whether its scaled weights are steps of the grid, (n_post,)."""
    if not q.grid:
        return np.ones(ratio.size, np.bool_)
    steps = q.weights * (q.by_target(ratio) / q.grid)
    whole = np.abs(steps - np.rint(steps)) <= SLACK * np.maximum(1.0, np.abs(steps))
    low, high = GRID_STEPS
    inside = whole & (steps > low - 0.5) & (steps < high + 0.5)
    fits: Bool = q.all_of_target(inside) | (ratio == 1)
    return fits


def _on_grid(weights: Float, grid: float) -> Float:
    """Take the last bits off weights that are steps of a grid up to the rounding of a ratio."""
    if not grid:
        return weights
    steps = np.rint(weights / grid)
    near = np.abs(weights / grid - steps) <= SLACK * np.maximum(1.0, np.abs(steps))
    y: Float = np.where(near, steps * grid, weights)
    return y
