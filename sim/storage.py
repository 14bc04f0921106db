"""How the engine stores weights: a byte for each, by source neuron, in the order of its loops.

A weight is ``(byte + low) * step``: even weights of both signs and odd ones of one sign span at
most 256 steps. Where a matrix spans more it is split into two planes, ``weight // 2`` and the
lowest bit.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from hetlava.arrays import AnyArray, Int64
from hetlava.sim.placing import LANES, TILE, Place
from hetlava.synapses import QuantisedSynapses

Bytes = npt.NDArray[np.uint8]
SPAN = 1 << 8
LINE = 64  # bytes of a cache line, which vectors of weights must not straddle
PREFETCH = 64  # bytes that loops may read beyond an array
LISTED_BYTES = 3  # of a synapse in a list: 16 bits of place and a byte of weight
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


def planes_of(low: int, high: int, even: bool) -> tuple[Plane, ...]:
    """Choose how weights in ``low .. high`` become bytes."""
    step = 2 if even else 1
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
    if wire.weights.ndim != 2 or wire.weights.size < LISTED_MIN:
        return False
    return bool(np.count_nonzero(wire.weights) < DENSITY * wire.weights.size)


def spread(weights: AnyArray) -> tuple[int, int, bool]:
    """Return the smallest and the largest weight and whether all are even."""
    if not weights.size:
        return 0, 0, True
    even = int(np.bitwise_or.reduce(weights, axis=None)) % 2 == 0
    return int(weights.min()), int(weights.max()), even


def tiles(weights: AnyArray, place: Place, planes: tuple[Plane, ...]) -> Bytes:
    """Store a matrix (n_post, n_pre) tile by tile of target places, each by source neuron.

    All tiles of the first plane come first. In the row of a tile the bytes of places ``j`` and
    ``j + 32`` of every 64 are neighbours.
    """
    n_pre = weights.shape[1]
    at = np.full(place.size, -1)
    at[place.where] = np.arange(len(place.where))
    stored = aligned(len(planes) * n_pre * place.size)
    end = 0
    for k in range(len(planes)):
        for start in range(0, place.size, TILE):
            from_ = at[start : start + TILE]
            rows = np.zeros((from_.size, n_pre), np.int16)
            rows[from_ >= 0] = weights[from_[from_ >= 0]]
            part = list(bytes_of(rows, planes))[k]
            units = part.T.reshape(n_pre, -1, 2, LANES // 2).swapaxes(2, 3)
            stored[end : end + units.size] = units.ravel()
            end += units.size
    return stored


class Lists(NamedTuple):
    """Non-zero weights by chunk of the target and source neuron.

    Those of source ``j`` to the places of chunk ``c`` are synapses ``starts[c, j] ..
    starts[c, j + 1]``, counted from ``chunks[c]``; ``targets`` count from the chunk's first place.
    """

    chunks: Int64
    starts: npt.NDArray[np.uint32]
    targets: npt.NDArray[np.uint16]
    weights: AnyArray  # uint8 or int16
    fan_in: int


def lists(wire: QuantisedSynapses, place: Place, planes: tuple[Plane, ...]) -> Lists:
    """Store a sparse matrix as lists; weights are bytes, or plain where they need two planes."""
    rows = wire.rows()
    n_pre, chunk = wire.shape[1], place.chunk
    pre = np.repeat(np.arange(n_pre), np.diff(rows.indptr))
    post = place.where[rows.post]
    n_chunks = -(-place.size // chunk)
    key = (post // chunk) * n_pre + pre
    order = np.argsort(key, kind="stable")
    counts = np.bincount(key, minlength=n_chunks * n_pre)
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    by_chunk = starts[np.arange(n_chunks)[:, None] * n_pre + np.arange(n_pre + 1)]
    weight = rows.weight[order]
    (first, *more) = bytes_of(weight, planes)
    return Lists(
        by_chunk[:, 0],
        (by_chunk - by_chunk[:, :1]).astype(np.uint32),
        (post % chunk).astype(np.uint16)[order],
        weight if more else first,
        int(np.bincount(rows.post, minlength=1).max()),
    )
