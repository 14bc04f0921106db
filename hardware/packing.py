"""Packing neurons into cores, on arrays alone.

Whatever a core holds grows with every neuron put on it. So for a given order of the neurons,
filling each core until a limit is met gives the fewest cores of all cuts of that order. The fewest
over all orders is NP-hard to find (bin packing with splittable items and cardinality limits); a
few orders are tried, and lower bounds (:mod:`hetlava.hardware.packing_bounds`) say how far from
the best the result can be.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from hetlava.arrays import AnyArray, ArrayRecord, Int, Int64
from hetlava.hardware.packing_bounds import lower_bounds, most_neurons
from hetlava.hardware.packing_demand import RESOURCES, Demand, Limits
from hetlava.hardware.packing_orders import by_decay, orders, side_by_side

MERGED_MAX = 64  # cores up to which it is tried to join partly filled ones


@dataclass(frozen=True, eq=False, kw_only=True)
class Packing(ArrayRecord):
    """Neurons on cores.

    Attributes
    ----------
    core : (n,) int32
        In -1 for neurons that were left out.
    usage : (n_cores, 6) int64
        What each core holds of ``RESOURCES``.
    closed_by : (n_cores,) int8
        The limit that the next neuron would have broken, -1 where there was none.
    order : str
        The order that the neurons were taken in.
    """

    core: Int
    usage: Int64
    closed_by: AnyArray
    order: str

    @property
    def n_cores(self) -> int:
        """Number of cores."""
        return int(self.usage.shape[0])


class _Tried(NamedTuple):
    order: Int64
    packing: Packing


def pack(demand: Demand, limits: Limits) -> Packing:
    """Put neurons on as few cores as the best of several orders needs.

    Every neuron must fit a core of its own; see :func:`hetlava.hardware.packing_bounds.misfits`.
    """
    bound = int(lower_bounds(demand, limits).max())
    parts = [_one_population(demand, q, limits) for q in range(demand.n_populations)]
    best = parts[0]
    if len(parts) > 1:
        best = _fewest(demand, limits, _mixtures(demand, parts), bound)
    if bound < best.packing.n_cores <= MERGED_MAX:
        return _joined(demand, best.packing, limits, bound)
    return best.packing


def _fewest(
    demand: Demand, limits: Limits, tried: Iterator[tuple[str, Int64]], bound: int
) -> _Tried:
    """Return the first of the orders that takes the fewest cores, looking no further at a bound."""
    best: _Tried | None = None
    for name, order in tried:
        packing = cut(demand, order, limits, name)
        if best is None or packing.n_cores < best.packing.n_cores:
            best = _Tried(order, packing)
        if best.packing.n_cores <= bound:
            break
    if best is None:
        raise ValueError("no neurons to pack")
    return best


def _one_population(demand: Demand, q: int, limits: Limits) -> _Tried:
    """Return the best order of the neurons of one population, cores of their own."""
    members = np.flatnonzero(demand.population == q)
    # numbers without gaps, as the orders expect
    profile = np.unique(demand.profile[members], return_inverse=True)[1].astype(np.int32)
    room = min(limits.neurons, int(most_neurons(demand, limits)[q]))
    tried = orders(profile, demand.threshold[members], limits.profiles, room)
    bound = int(lower_bounds(demand, limits, q).max())
    return _fewest(demand, limits, ((name, members[order]) for name, order in tried), bound)


def _mixtures(demand: Demand, parts: list[_Tried]) -> Iterator[tuple[str, Int64]]:
    """Yield orders of all populations; those that follow one another share a core at most."""
    names = dict.fromkeys(part.packing.order for part in parts)
    own = [part.order for part in parts]
    yield ", ".join(names), np.concatenate(own)
    yield "decay of all", by_decay(demand.profile, demand.threshold)
    yield "side by side", side_by_side(own)
    small = sorted(parts, key=lambda part: (part.packing.n_cores, part.order.size))
    yield "small first", np.concatenate([part.order for part in small])


def _joined(demand: Demand, packing: Packing, limits: Limits, bound: int) -> Packing:
    """Put the neurons of two cores on one wherever they fit, the emptiest cores first."""
    cores = [np.flatnonzero(packing.core == k) for k in range(packing.n_cores)]
    closed = packing.closed_by.tolist()

    def fits(members: Int64) -> bool:
        # what adds up is cheaper to look at than the rest
        if members.size > limits.neurons or demand.axons[members].sum() > limits.values()[-1]:
            return False
        return cut(demand, members, limits).n_cores == 1

    emptiest = 0
    while emptiest < len(cores) and len(cores) > bound:
        ranked = sorted(range(len(cores)), key=lambda k: (cores[k].size, k))
        one = ranked[emptiest]
        others = (k for k in ranked if k != one)
        home = next((k for k in others if fits(np.concatenate([cores[k], cores[one]]))), None)
        if home is None:
            emptiest += 1
            continue
        cores[home] = np.concatenate([cores[home], cores[one]])
        del cores[one], closed[one]
        emptiest = 0
    if len(cores) == packing.n_cores:
        return packing
    core, usage = np.full(demand.n, -1, np.int32), []
    for k, members in enumerate(cores):
        core[members] = k
        usage.append(cut(demand, members, limits).usage[0])
    return Packing(
        core=core,
        usage=np.array(usage, np.int64),
        closed_by=np.array(closed, np.int8),
        order=f"{packing.order}, joined",
    )


def cut(demand: Demand, order: Int64, limits: Limits, name: str = "given") -> Packing:
    """Put neurons in the given order on cores, each filled until a limit is met."""
    from hetlava.hardware import packing_loops

    k, n_sources = len(order), demand.projection.size
    core = np.full(demand.n, -1, np.int32)
    usage, closed_by = np.zeros((k, len(RESOURCES)), np.int64), np.full(k, -1, np.int8)
    n_cores = packing_loops.cut(  # type: ignore[no-untyped-call]
        order.astype(np.int64),
        demand.population,
        demand.into,
        demand.profile,
        demand.threshold,
        demand.axons,
        demand.indptr,
        demand.source,
        demand.projection,
        demand.dense,
        demand.sparse,
        limits.values(),
        core,
        usage,
        closed_by,
        np.full(int(demand.profile.max()) + 1, -1, np.int32),
        np.full(int(demand.threshold.max()) + 1, -1, np.int32),
        np.full(n_sources, -1, np.int32),
        np.zeros(n_sources, np.int32),
        np.full(demand.n_populations, -1, np.int32),
        np.zeros(demand.n_populations, np.int64),
        np.zeros((6, len(demand.dense)), np.int64),
        np.zeros(len(RESOURCES), np.int64),
    )
    return Packing(
        core=core,
        usage=usage[:n_cores].copy(),
        closed_by=closed_by[:n_cores].copy(),
        order=name,
    )


def reach(demand: Demand, packing: Packing) -> Int64:
    """Return the cores that each source has synapses on, (n_sources,) int64."""
    from hetlava.hardware import packing_loops

    n_sources = demand.projection.size
    cores = np.zeros(n_sources, np.int64)
    packing_loops.reach(  # type: ignore[no-untyped-call]
        np.argsort(packing.core, kind="stable"),
        packing.core,
        demand.indptr,
        demand.source,
        np.full(n_sources, -1, np.int32),
        cores,
    )
    return cores
