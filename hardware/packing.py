"""Packing the neurons of one layer into cores, on arrays alone.

Whatever a core holds grows with every neuron put on it. So for a given order of the neurons,
filling each core until a limit is met gives the fewest cores of all cuts of that order. The fewest
over all orders is NP-hard to find (bin packing with splittable items and cardinality limits); a
few orders are tried, and lower bounds say how far from the best the result can be.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from hetlava.arrays import AnyArray, ArrayRecord, Int, Int64
from hetlava.hardware.packing_orders import orders

RESOURCES = (
    "neurons",
    "decay profiles",
    "thresholds",
    "synapse memory",
    "input axons",
    "output axons",
)
UNLIMITED = np.iinfo(np.int64).max


class Limits(NamedTuple):
    """What one core holds, in the order of ``RESOURCES``; 0 where there is no limit."""

    neurons: int
    profiles: int = 0
    thresholds: int = 0
    memory: int = 0  # [bit]
    inputs: int = 0
    outputs: int = 0

    def values(self) -> Int64:
        """Return them as (6,) int64, the largest number for no limit."""
        return np.array([limit or UNLIMITED for limit in self], np.int64)


@dataclass(frozen=True, eq=False, kw_only=True)
class Layer(ArrayRecord):
    """What the neurons of one layer ask of a core.

    Attributes
    ----------
    profile, threshold : (n,) int32
        Number of the decay pair and of the threshold of each neuron, 0, 1, ... in their order.
    axons : (n,) int64
        Output axons of each neuron: cores that listen to it.
    indptr, source : (n + 1,) int64, (n_synapses,) int32
        Synapses onto neuron ``i`` come from ``source[indptr[i] : indptr[i + 1]]``, each once.
        Sources are numbered through all projections.
    projection : (n_sources,) int32
        Projection of each source.
    fan : (n_projections, n) int64
        Synapses onto each neuron, by projection.
    dense, sparse : (n_projections, most + 1) int64
        Memory [bit] of one source that reaches a core with so many neurons (dense encoding) or
        has so many synapses there (sparse). Of the two, a projection takes what is smaller.
    """

    profile: Int
    threshold: Int
    axons: Int64
    indptr: Int64
    source: Int
    projection: Int
    fan: Int64
    dense: Int64
    sparse: Int64

    @property
    def n(self) -> int:
        """Number of neurons."""
        return int(self.profile.size)


@dataclass(frozen=True, eq=False, kw_only=True)
class Packing(ArrayRecord):
    """Neurons on cores.

    Attributes
    ----------
    core : (n,) int32
    usage : (n_cores, 6) int64
        What each core holds of ``RESOURCES``.
    closed_by : (n_cores,) int8
        The limit that the next neuron would have broken, -1 for the last core.
    reach : (n_sources,) int64
        Cores that each source has synapses on.
    order : str
        The order that the neurons were taken in.
    """

    core: Int
    usage: Int64
    closed_by: AnyArray
    reach: Int64
    order: str

    @property
    def n_cores(self) -> int:
        """Number of cores."""
        return int(self.usage.shape[0])


def pack(layer: Layer, limits: Limits) -> Packing:
    """Put neurons on as few cores as the best of several orders needs.

    Every neuron must fit a core of its own; see :func:`misfits`.
    """
    bound = int(lower_bounds(layer, limits).max())
    room = min(limits.neurons, _most_neurons(layer, limits))
    best: Packing | None = None
    for name, order in orders(layer.profile, layer.threshold, limits.profiles, room):
        packing = cut(layer, order, limits, name)
        if best is None or packing.n_cores < best.n_cores:
            best = packing
        if best.n_cores <= bound:
            break
    if best is None:
        raise ValueError("a layer without neurons")
    return best


def cut(layer: Layer, order: Int64, limits: Limits, name: str = "given") -> Packing:
    """Put neurons in the given order on cores, each filled until a limit is met."""
    from hetlava.hardware import packing_loops

    n, n_sources = layer.n, layer.projection.size
    core, usage = np.zeros(n, np.int32), np.zeros((n, len(RESOURCES)), np.int64)
    closed_by, reach = np.full(n, -1, np.int8), np.zeros(n_sources, np.int64)
    n_cores = packing_loops.cut(  # type: ignore[no-untyped-call]
        order.astype(np.int64),
        layer.profile,
        layer.threshold,
        layer.axons,
        layer.indptr,
        layer.source,
        layer.projection,
        layer.dense,
        layer.sparse,
        limits.values(),
        core,
        usage,
        closed_by,
        reach,
        np.full(int(layer.profile.max()) + 1, -1, np.int32),
        np.full(int(layer.threshold.max()) + 1, -1, np.int32),
        np.full(n_sources, -1, np.int32),
        np.zeros(n_sources, np.int32),
        np.zeros((4, len(layer.dense)), np.int64),
        np.zeros(len(RESOURCES), np.int64),
    )
    return Packing(
        core=core,
        usage=usage[:n_cores].copy(),
        closed_by=closed_by[:n_cores].copy(),
        reach=reach,
        order=name,
    )


def lower_bounds(layer: Layer, limits: Limits) -> Int64:
    """Return cores that each of ``RESOURCES`` needs whatever the placement, (6,) int64."""
    used = np.zeros(layer.projection.size, np.bool_)
    used[layer.source] = True
    total = np.array(
        [
            layer.n,
            np.unique(layer.profile).size,
            np.unique(layer.threshold).size,
            _least_memory(layer),
            np.count_nonzero(used),
            layer.axons.sum(),
        ],
        np.int64,
    )
    bounds: Int64 = np.maximum(-(-total // limits.values()), 1)
    bounds[3] = max(bounds[3], -(-layer.n // _most_neurons(layer, limits)))
    return bounds


def fans(indptr: Int64, source: Int, projection: Int, n_projections: int) -> Int64:
    """Count the synapses onto each neuron by projection, (n_projections, n) int64."""
    fan = np.zeros((n_projections, len(indptr) - 1), np.int64)
    for p in range(n_projections):
        mine = np.concatenate([[0], np.cumsum(projection[source] == p)])
        fan[p] = mine[indptr[1:]] - mine[indptr[:-1]]
    return fan


def misfits(layer: Layer, limits: Limits) -> Int64:
    """Return what each neuron alone asks of a core beyond its limits, (n, 6) int64, 0 if none."""
    fan, need = layer.fan, np.ones((layer.n, len(RESOURCES)), np.int64)
    need[:, 3] = np.minimum(fan * layer.dense[:, [1]], fan * layer.sparse[:, [1]]).sum(axis=0)
    need[:, 4] = fan.sum(axis=0)
    need[:, 5] = layer.axons
    excess: Int64 = np.where(need > limits.values(), need - limits.values(), 0)
    return excess


def _least_memory(layer: Layer) -> int:
    """Return the memory that all synapses take if they could be stored at the best rate."""
    rates = _rates(layer.dense), _rates(layer.sparse)
    return int(layer.fan.sum(axis=1) @ np.minimum(*rates))


def _most_neurons(layer: Layer, limits: Limits) -> int:
    """Return how many neurons fit a core's memory if all had the fan-in of the least connected."""
    c = np.arange(1, layer.dense.shape[1])
    least = layer.fan.min(axis=1)
    sparse = least[:, None] * _rates(layer.sparse)[:, None] * c
    memory = np.minimum(least[:, None] * layer.dense[:, 1:], sparse).sum(axis=0)
    return max(1, int(np.searchsorted(memory, limits.memory or UNLIMITED, side="right")))


def _rates(bits: Int64) -> AnyArray:
    """Return the fewest bits per synapse of each encoding, (n_projections,) float64."""
    rates: AnyArray = np.min(bits[:, 1:] / np.arange(1, bits.shape[1]), axis=1, initial=np.inf)
    return rates
