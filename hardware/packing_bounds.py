"""What no placement can beat, and what no core can hold: lower bounds and misfits."""

import numpy as np

from hetlava.arrays import AnyArray, Int64
from hetlava.hardware.packing_demand import RESOURCES, UNLIMITED, Demand, Limits

MEMORY = RESOURCES.index("synapse memory")


def lower_bounds(demand: Demand, limits: Limits, q: int | None = None) -> Int64:
    """Return cores that each of ``RESOURCES`` needs whatever the placement, (6,) int64.

    Parameters
    ----------
    q : int or None
        Count the neurons of this population alone.
    """
    mine = slice(None) if q is None else demand.population == q
    into = slice(None) if q is None else slice(demand.into[q], demand.into[q + 1])
    total = np.array(
        [
            demand.profile[mine].size,
            np.unique(demand.profile[mine]).size,
            np.unique(demand.threshold[mine]).size,
            demand.least_bits[into].sum(),
            demand.used[into].sum(),
            demand.axons[mine].sum(),
        ],
        np.int64,
    )
    bounds: Int64 = np.maximum(-(-total // limits.values()), 1)
    sizes = np.bincount(demand.population, minlength=demand.n_populations)
    by_room = -(-sizes // most_neurons(demand, limits))
    bounds[MEMORY] = max(bounds[MEMORY], by_room.max() if q is None else by_room[q])
    return bounds


def most_neurons(demand: Demand, limits: Limits) -> Int64:
    """Return how many neurons of each population fit a core's memory, (n_populations,) int64.

    That is, if all had the fan-in of the least connected one.
    """
    c = np.arange(1, demand.dense.shape[1])
    least = demand.least_fan[:, None]
    sparse = least * _rates(demand.sparse)[:, None] * c
    memory = np.minimum(least * demand.dense[:, 1:], sparse)
    room = np.empty(demand.n_populations, np.int64)
    for q in range(demand.n_populations):
        taken = memory[demand.into[q] : demand.into[q + 1]].sum(axis=0)
        fits = int(np.searchsorted(taken, limits.memory or UNLIMITED, side="right"))
        room[q] = UNLIMITED if fits == len(taken) else max(1, fits)
    return room


def misfits(demand: Demand, limits: Limits) -> Int64:
    """Return what each neuron alone asks of a core beyond its limits, (n, 6) int64, 0 if none."""
    from hetlava.hardware import packing_loops

    need = np.ones((demand.n, len(RESOURCES)), np.int64)
    bits = np.minimum(demand.dense[:, 1], demand.sparse[:, 1])
    memory = np.zeros(demand.n, np.int64)
    packing_loops.alone(demand.indptr, demand.source, demand.projection, bits, memory)  # type: ignore[no-untyped-call]
    need[:, 3] = memory
    need[:, 4] = np.diff(demand.indptr)
    need[:, 5] = demand.axons
    excess: Int64 = np.where(need > limits.values(), need - limits.values(), 0)
    return excess


def _rates(bits: Int64) -> AnyArray:
    """Return the fewest bits per synapse of each encoding, (n_projections,) float64."""
    rates: AnyArray = np.min(bits[:, 1:] / np.arange(1, bits.shape[1]), axis=1, initial=np.inf)
    return rates
