"""What neurons ask of the cores of a chip, as arrays: the problem that packing solves."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from hetlava.arrays import ArrayRecord, Int, Int64

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


class Incoming(NamedTuple):
    """The synapses of one projection, by source neuron, and what they take.

    Source ``j`` has synapses onto ``post[starts[j] : starts[j + 1]]``, onto each neuron once.
    ``dense``, ``sparse`` (most + 1,): memory [bit] of one source that reaches a core with so many
    neurons of the population (dense encoding) or has so many synapses there (sparse). Of the two,
    a projection takes what is smaller. ``repeats``: sources may have equal lists of synapses, which
    can be stored once (:mod:`hetlava.hardware.kernel_packing`).
    """

    starts: Int64  # (n_sources + 1,)
    post: Int  # (n_synapses,)
    dense: Int64
    sparse: Int64
    repeats: bool = False


class Neurons(NamedTuple):
    """A population: numbers of decay profiles and thresholds (n,), synapses onto it."""

    profile: Int
    threshold: Int
    incoming: Sequence[Incoming] = ()


@dataclass(frozen=True, eq=False, kw_only=True)
class Demand(ArrayRecord):
    """What neurons of populations that may share cores ask of a core.

    Attributes
    ----------
    population : (n,) int32
        Population of each neuron; they stand one after another.
    into : (n_populations + 1,) int64
        The projections into population ``q`` are ``into[q] .. into[q + 1] - 1``.
    profile, threshold : (n,) int32
        Number of the decay pair and of the threshold of each neuron, 0, 1, ... in their order.
    axons : (n,) int64
        Output axons of each neuron: cores that listen to it.
    indptr, source : (n + 1,) int64, (n_synapses,) int32
        Synapses onto neuron ``i`` come from ``source[indptr[i] : indptr[i + 1]]``, each once.
        Sources are numbered through all projections.
    projection : (n_sources,) int32
        Projection of each source.
    dense, sparse : (n_projections, most + 1) int64
        Memory [bit], see :class:`Incoming`.
    least_bits, used, least_fan : (n_projections,) int64
        Memory [bit] that its synapses take at the best, sources that have any, and synapses of the
        neuron that has the fewest.
    """

    population: Int
    into: Int64
    profile: Int
    threshold: Int
    axons: Int64
    indptr: Int64
    source: Int
    projection: Int
    dense: Int64
    sparse: Int64
    least_bits: Int64
    used: Int64
    least_fan: Int64

    @property
    def n(self) -> int:
        """Number of neurons."""
        return int(self.profile.size)

    @property
    def n_populations(self) -> int:
        """Number of populations."""
        return len(self.into) - 1


def demand_of(populations: Sequence[Neurons]) -> Demand:
    """Put populations that may share cores together; nobody listens to them yet."""
    sizes = [p.profile.size for p in populations]
    incoming = [q for p in populations for q in p.incoming]
    n_into = [len(p.incoming) for p in populations]
    indptr, source = by_target(populations)
    most = max((len(q.dense) for q in incoming), default=2)
    fans = [
        np.bincount(q.post, minlength=size) if not q.repeats else np.zeros(1, np.int64)
        for p, size in zip(populations, sizes, strict=True)
        for q in p.incoming
    ]
    n_sources = [len(q.starts) - 1 for q in incoming]
    return Demand(
        population=np.repeat(np.arange(len(sizes), dtype=np.int32), sizes),
        into=np.concatenate([[0], np.cumsum(n_into)]).astype(np.int64),
        profile=np.concatenate([p.profile for p in populations]).astype(np.int32),
        threshold=np.concatenate([p.threshold for p in populations]).astype(np.int32),
        axons=np.zeros(sum(sizes), np.int64),
        indptr=indptr,
        source=source,
        projection=np.repeat(np.arange(len(incoming), dtype=np.int32), n_sources),
        dense=_table([q.dense for q in incoming], most),
        sparse=_table([q.sparse for q in incoming], most),
        least_bits=np.array([_least_bits(q) for q in incoming], np.int64),
        used=np.array([np.count_nonzero(np.diff(q.starts)) for q in incoming], np.int64),
        least_fan=np.array([fan.min() if fan.size else 0 for fan in fans], np.int64),
    )


def _least_bits(q: Incoming) -> int:
    """Return the memory that synapses take if each source had its best number of them on a core.

    Of lists that repeat, nothing is known.

    A source with ``f`` synapses has at most ``f`` on a core, each of which costs the least that
    one of as many or fewer costs in either encoding.
    """
    if q.repeats:
        return 0
    c = np.arange(1, len(q.dense))
    rates = np.minimum.accumulate(np.minimum(q.dense[1:], q.sparse[1:]) / c)
    fan_out = np.bincount(np.diff(q.starts))
    f = np.arange(len(fan_out))
    return int(np.sum(fan_out * f * rates[np.clip(f, 1, c.size) - 1]))


def _table(rows: Sequence[Int64], most: int) -> Int64:
    """Stack tables of unequal lengths; what is beyond the end of one is never asked for."""
    table = np.zeros((len(rows), most), np.int64)
    for row, values in zip(table, rows, strict=True):
        row[: len(values)] = values
        row[len(values) :] = values[-1]
    return table


def by_target(populations: Sequence[Neurons]) -> tuple[Int64, Int]:
    """Turn synapses by source into sources by target neuron, (n + 1,) int64 and (n_synapses,).

    Targets are numbered through all populations and sources through all projections, in the
    order in which they stand; the sources of a neuron ascend.
    """
    from hetlava.hardware import packing_loops

    fan = [np.zeros(p.profile.size, np.int64) for p in populations]
    for counts, p in zip(fan, populations, strict=True):
        for q in p.incoming:
            counts += np.bincount(q.post, minlength=counts.size)
    indptr = np.concatenate([[0], np.cumsum(np.concatenate([*fan, np.zeros(0)]))]).astype(np.int64)
    source: Int = np.empty(int(indptr[-1]), np.int32)
    first_neuron, first_source = 0, 0
    for p in populations:
        n = p.profile.size
        at = indptr[first_neuron : first_neuron + n].copy()
        for q in p.incoming:
            packing_loops.turn(q.starts, q.post, first_source, at, source)  # type: ignore[no-untyped-call]
            first_source += len(q.starts) - 1
        first_neuron += n
    return indptr, source
