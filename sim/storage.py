"""How the engine stores weights: a byte for each, by source neuron, in the order of its loops.

A weight is ``(byte + low) * step``: even weights of both signs and odd ones of one sign span at
most 256 steps. Where a matrix spans more it is split into two planes, ``weight // 2`` and the
lowest bit.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from hetlava.arrays import AnyArray, Int, Int16, Int64, let_go
from hetlava.sim.placing import LANES, TILE, Place
from hetlava.sparse_synapses import QuantisedSparse
from hetlava.synapses import QuantisedProjection, QuantisedSynapses, Span

Bytes = npt.NDArray[np.uint8]
SPAN = 1 << 8
LINE = 64  # bytes of a cache line, which vectors of weights must not straddle
PREFETCH = 64  # bytes that loops may read beyond an array
PLACES = 1 << 16  # that 16 bits tell apart
LISTED_BYTES = 3  # of a synapse in a list: 16 bits of place and a byte of weight
START_BYTES = 4  # of where the list of a source begins
DENSITY = 1 / 50  # of non-zero weights, below which a list is faster than the rows of the matrix
LISTED_MIN = 1 << 12  # weights of a matrix that is worth a list


class Plane(NamedTuple):
    """A part of a weight: ``(byte + low) << double``."""

    low: int
    double: int  # 0 or 1


def aligned(n_bytes: int) -> Bytes:
    """Return zeros that begin with a cache line."""
    whole = np.zeros(n_bytes + LINE + PREFETCH, np.uint8)
    start = -whole.ctypes.data % LINE
    return whole[start : start + n_bytes]


def planes_of(span: Span) -> tuple[Plane, ...]:
    """Choose how weights become bytes."""
    low, high, bits = span
    step = 1 if bits % 2 else 2
    if (high - low) // step < SPAN:
        return (Plane(low // step, step - 1),)
    return (Plane(low // 2, 1), Plane(0, 0))


def bytes_of(weights: AnyArray, planes: tuple[Plane, ...]) -> Iterator[Bytes]:
    """Yield the bytes of every plane."""
    for k, plane in enumerate(planes):
        part = weights & 1 if k else weights >> plane.double
        yield (part - plane.low).astype(np.uint8)


def is_sparse(wire: QuantisedSynapses) -> bool:
    """Say whether a list of the non-zero weights serves better than the matrix."""
    if isinstance(wire, QuantisedSparse):
        return True
    if wire.weights.ndim != 2 or wire.weights.size < LISTED_MIN:
        return False
    return wire.n_nonzero() < DENSITY * wire.weights.size


def tiled_bytes(wire: QuantisedSynapses, place: Place, planes: int) -> int:
    """Return what :func:`tiles` will take."""
    return planes * wire.shape[1] * place.size


def listed_bytes(wire: QuantisedSynapses, place: Place, planes: int) -> int:
    """Return what :func:`lists` will take."""
    chunks = -(-place.size // min(place.chunk, PLACES))
    synapses = (LISTED_BYTES + planes - 1) * wire.n_nonzero()
    return synapses + START_BYTES * chunks * (wire.shape[1] + 1)


def tiles(wire: QuantisedProjection, place: Place, planes: tuple[Plane, ...]) -> Bytes:
    """Store a matrix (n_post, n_pre) tile by tile of target places, each by source neuron.

    All tiles of the first plane come first. In the row of a tile the bytes of places ``j`` and
    ``j + 32`` of every 64 are neighbours.
    """
    n_pre = wire.shape[1]
    at = np.full(place.size, -1)
    at[place.where] = np.arange(len(place.where))
    stored = aligned(len(planes) * n_pre * place.size)
    end = 0
    for k in range(len(planes)):
        for start in range(0, place.size, TILE):
            from_ = at[start : start + TILE]
            rows = np.zeros((from_.size, n_pre), np.int16)
            rows[from_ >= 0] = wire.whole(from_[from_ >= 0])
            part = list(bytes_of(rows, planes))[k]
            units = part.T.reshape(n_pre, -1, 2, LANES // 2).swapaxes(2, 3)
            stored[end : end + units.size] = units.ravel()
            end += units.size
            let_go(wire.weights)
    return stored


class Lists(NamedTuple):
    """Non-zero weights by chunk of ``chunk`` places of the target, and by source neuron.

    Those of source ``j`` to the places of chunk ``c`` are synapses ``starts[c, j] ..
    starts[c, j + 1]``, counted from ``chunks[c]``; ``targets`` count from the chunk's first place.
    """

    chunks: Int64
    starts: npt.NDArray[np.uint32]
    targets: npt.NDArray[np.uint16]
    weights: AnyArray  # uint8 or int16
    fan_in: int
    chunk: int


def lists(wire: QuantisedSynapses, place: Place, planes: tuple[Plane, ...]) -> Lists:
    """Store sparse synapses as lists; weights are bytes, or plain where they need two planes.

    Chunk by chunk: nothing but what is stored is as long as all synapses.
    """
    indptr, to, weight = _in_lists(wire)
    chunk = min(place.chunk, PLACES)
    n_chunks = -(-place.size // chunk)
    starts = np.empty((n_chunks, wire.shape[1] + 1), np.uint32)
    targets = np.empty(to.size, np.uint16)
    weights = np.empty(to.size, np.uint8 if len(planes) == 1 else np.int16)
    chunks, fan_in, end = np.empty(n_chunks, np.int64), 0, 0
    for c in range(n_chunks):
        first = c * chunk
        post = to if place.straight else place.where[to]
        here = np.flatnonzero((post >= first) & (post < first + chunk))
        starts[c] = np.searchsorted(here, indptr)
        stored = slice(end, end + here.size)
        targets[stored] = post[here] - first
        kept = weight(here)
        weights[stored] = kept if len(planes) > 1 else next(bytes_of(kept, planes))
        fan_in = max(fan_in, int(np.bincount(targets[stored], minlength=1).max()))
        chunks[c], end = end, end + here.size
    return Lists(chunks, starts, targets, weights, fan_in, chunk)


def _in_lists(wire: QuantisedSynapses) -> tuple[Int64, Int, Callable[[Int64], Int16]]:
    """Return starts and targets of the synapses of non-zero weight, and what gives weights."""
    if isinstance(wire, QuantisedSparse) and wire.weights.all():
        return wire.indptr, wire.post, wire.whole  # which may be bytes: taken when needed
    indptr, post, weights = wire.rows()
    return indptr, post, weights.__getitem__
