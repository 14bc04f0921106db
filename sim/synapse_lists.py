"""How the engine stores lists of synapses: four to a group, less than three bytes for each.

A group is the places, then four weights. Bits 0 .. 15 are the place of the first synapse, the three
numbers above tell how far beyond it the others are: of 13 bits, 7 bytes in all, or of 16 bits where
synapses are so rare that a group spans more.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from hetlava.arrays import AnyArray, Int64
from hetlava.sim.placing import Place
from hetlava.sparse_synapses import QuantisedSparse
from hetlava.synapses import QuantisedSynapses, Span

Bytes = npt.NDArray[np.uint8]
FOUR = 4  # synapses of a group
PLACE_BITS = 16  # of the first place of a group
PLACES = 1 << PLACE_BITS  # that it tells apart
BITS = 13, 16  # of each further place, of which the fewest that serve are taken
SPARE = 64  # bytes that loops may read beyond the last group
START_BYTES = 4  # of where the list of a source begins
BLOCK = 1 << 20  # synapses that are stored at a time


class Lists(NamedTuple):
    """Non-zero weights by chunk of ``chunk`` places of the target, and by source neuron.

    Those of source ``j`` to the places of chunk ``c`` are groups ``starts[c, j] ..
    starts[c, j + 1]``, counted from ``chunks[c]``; places count from the chunk's first. A weight
    is ``1 << double`` times what is stored.
    """

    chunks: Int64
    starts: npt.NDArray[np.uint32]
    groups: Bytes
    chunk: int
    fan_in: int
    double: int
    in_bytes: bool
    bits: int  # of each place but the first of a group


class _Stored(NamedTuple):
    """What is stored of a weight: a multiple of ``1 << double``, of so many bytes."""

    double: int
    n_bytes: int


def _stored(span: Span) -> _Stored:
    double = 0 if span.bits % 2 else 1
    low, high = span.low >> double, span.high >> double
    return _Stored(double, 1 if -128 <= low and high <= 127 else 2)


def place_bytes(bits: int) -> int:
    """Return the bytes of the places of a group."""
    return (PLACE_BITS + (FOUR - 1) * bits + 7) // 8


def listed_bytes(wire: QuantisedSynapses, place: Place, span: Span) -> int:
    """Return what :func:`lists` will take at least."""
    chunks = -(-place.size // min(place.chunk, PLACES))
    group = place_bytes(BITS[0]) + FOUR * _stored(span).n_bytes
    groups = int((-(-wire.fan_out() // FOUR)).sum())
    return group * groups + SPARE + START_BYTES * chunks * (wire.shape[1] + 1)


def lists(wire: QuantisedSynapses, place: Place, span: Span) -> Lists:
    """Store synapses as lists, block by block: only what is stored is as long as all of them."""
    stored, chunk = _stored(span), min(place.chunk, PLACES)
    bits = next(b for b in BITS if b == BITS[-1] or _widest(wire, place, chunk) < 1 << b)
    n_chunks = -(-place.size // chunk)
    counts = np.zeros((n_chunks, wire.shape[1]), np.int64)
    parts: list[list[Bytes]] = [[] for _ in range(n_chunks)]
    fans = np.zeros(place.size, np.int64)
    for block in _blocks(wire, place):
        fans += np.bincount(block.place, minlength=place.size)
        for c, part in _by_chunk(block, chunk):
            groups, counts[c, block.first : block.last] = _grouped(part, stored, bits)
            parts[c].append(groups)
    starts = np.zeros((n_chunks, wire.shape[1] + 1), np.uint32)
    np.cumsum(counts, axis=1, out=starts[:, 1:])
    fan_in = int(fans.max(initial=0))
    return Lists(
        chunks=np.concatenate([[0], np.cumsum(counts.sum(axis=1))[:-1]]).astype(np.int64),
        starts=starts,
        groups=np.concatenate([*(g for of in parts for g in of), np.zeros(SPARE, np.uint8)]),
        chunk=chunk,
        fan_in=fan_in,
        double=stored.double,
        in_bytes=stored.n_bytes == 1,
        bits=bits,
    )


class _Synapses(NamedTuple):
    """Synapses of sources ``first .. last - 1`` in the order of sources and places."""

    first: int
    last: int
    pre: Int64  # counted from the first
    place: Int64
    weight: AnyArray  # int8 or int16


def _blocks(wire: QuantisedSynapses, place: Place) -> Iterator[_Synapses]:
    """Yield the synapses of non-zero weight, some sources at a time."""
    as_stored = isinstance(wire, QuantisedSparse) and bool(wire.weights.all())
    if isinstance(wire, QuantisedSparse) and as_stored:  # made whole when needed
        indptr, to, weights = wire.indptr, wire.post, wire.weights
    else:
        indptr, to, weights = wire.rows()
    a, n = 0, indptr.size - 1
    while a < n:
        b = int(np.searchsorted(indptr, indptr[a] + BLOCK, side="right")) - 1
        b = min(max(b, a + 1), n)
        here = slice(int(indptr[a]), int(indptr[b]))
        weight = wire.whole(here) if as_stored else weights[here]
        pre = np.repeat(np.arange(b - a), np.diff(indptr[a : b + 1]))
        if place.straight:
            yield _Synapses(a, b, pre, to[here].astype(np.int64), weight)
        else:
            at = place.where[to[here]].astype(np.int64)
            order = np.lexsort((at, pre))
            yield _Synapses(a, b, pre[order], at[order], weight[order])
        a = b


def _by_chunk(block: _Synapses, chunk: int) -> Iterator[tuple[int, _Synapses]]:
    """Yield the synapses that lead to each chunk of places, if any, with places counted in it."""
    of = block.place // chunk
    for c in range(int(of.min(initial=0)), int(of.max(initial=-1)) + 1):
        here = of == c
        at = block.place[here] - c * chunk
        yield c, block._replace(pre=block.pre[here], place=at, weight=block.weight[here])


def _widest(wire: QuantisedSynapses, place: Place, chunk: int) -> int:
    """Return how many places a group spans at most, less one."""
    parts = (part for block in _blocks(wire, place) for _, part in _by_chunk(block, chunk))
    return max((int(_ahead(_slots(p)[0], p.place).max(initial=0)) for p in parts), default=0)


def _grouped(part: _Synapses, stored: _Stored, bits: int) -> tuple[Bytes, Int64]:
    """Return the synapses in groups, and how many each source has of these."""
    slot, counts = _slots(part)
    shape = int(counts.sum()), FOUR
    numbers, weights = np.zeros(shape, np.uint64), np.zeros(shape, f"<i{stored.n_bytes}")
    numbers.ravel()[slot] = np.where(slot % FOUR, _ahead(slot, part.place), part.place)
    weights.ravel()[slot] = part.weight >> stored.double
    shifts = np.array([0, *(PLACE_BITS + bits * k for k in range(FOUR - 1))], np.uint64)
    words = np.bitwise_or.reduce(numbers << shifts, axis=1).astype("<u8")
    width = place_bytes(bits)
    groups = np.empty((shape[0], width + FOUR * stored.n_bytes), np.uint8)
    groups[:, :width] = words.view(np.uint8).reshape(-1, 8)[:, :width]
    groups[:, width:] = weights.view(np.uint8)
    return groups.ravel(), counts


def _slots(part: _Synapses) -> tuple[Int64, Int64]:
    """Return where the synapses stand, four to a group, and how many groups each source has."""
    count = np.bincount(part.pre, minlength=part.last - part.first)
    n_groups = -(-count // FOUR)
    within = np.arange(part.pre.size) - (np.cumsum(count) - count)[part.pre]
    return FOUR * (np.cumsum(n_groups) - n_groups)[part.pre] + within, n_groups


def _ahead(slot: Int64, place: Int64) -> Int64:
    """Return how far each synapse is beyond the first of its group."""
    leads = np.flatnonzero(slot % FOUR == 0)
    ahead: Int64 = place - place[np.repeat(leads, np.diff(np.append(leads, slot.size)))]
    return ahead
