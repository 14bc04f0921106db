"""Weights on the grid of an analog chip: few bits and a sign, one scale for each population."""

from dataclasses import replace

import numpy as np

from hetlava.arrays import AnyArray, Float
from hetlava.network import Network, with_matrices

# where the largest code may lie, in largest weights: clipping a few may round the others finer
CLIPS = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3)


def round_weights(net: Network, bits: int) -> Network:
    """Return the network with weights that are whole numbers in ``-(2^bits - 1) .. 2^bits - 1``.

    Every two neurons have a synapse of their own, so that kernels and lists become matrices.
    Times a scale, one for all synapses of a population, as these share one circuit: of eight that
    clip more or fewer of the largest weights, the one of the least squared error.

    Parameters
    ----------
    bits : int
        Of the magnitude; 0 leaves the weights as they are.
    """
    net = with_matrices(net)
    if not bits:
        return net
    steps = {}
    for p in net.populations:
        into = [q.weights.ravel() for q in net.projections if q.target == p.name]
        steps[p.name] = weight_step(np.concatenate(into), bits) if into else 0.0
    projections = (
        replace(q, weights=on_grid(q.weights, steps[q.target], bits), grid=steps[q.target])
        for q in net.projections
    )
    return replace(net, projections=tuple(projections))


def weight_step(weights: Float, bits: int) -> float:
    """Return the step [V] of the grid with the least squared error; 0 if all weights are 0."""
    top, largest = (1 << bits) - 1, float(np.abs(weights).max(initial=0.0))
    steps = [clip * largest / top for clip in CLIPS]
    errors = [float(np.square(on_grid(weights, s, bits) - weights).sum()) for s in steps]
    return steps[int(np.argmin(errors))]


def on_grid(weights: AnyArray, step: float, bits: int) -> Float:
    """Return weights rounded to multiples of ``step`` and clipped to what the bits hold."""
    top = (1 << bits) - 1
    if step == 0:
        return np.zeros(weights.shape)
    rounded: Float = np.clip(np.rint(weights / step), -top, top) * step
    return rounded
