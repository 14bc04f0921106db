"""How the engine stores weights: a byte for each, by source neuron, in the order of its loops.

A weight is ``(byte + low) * step``: even weights of both signs and odd ones of one sign span at
most 256 steps. Where a matrix spans more it is split into two planes, ``weight // 2`` and the
lowest bit.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from hetlava.arrays import AnyArray, let_go
from hetlava.sim.placing import LANES, Place
from hetlava.sparse_synapses import QuantisedSparse
from hetlava.synapses import QuantisedProjection, QuantisedSynapses, Span

Bytes = npt.NDArray[np.uint8]
SPAN = 1 << 8
LINE = 64  # bytes of a cache line, which vectors of weights must not straddle
PREFETCH = 64  # bytes that loops may read beyond an array
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


def tiled_bytes(wire: QuantisedSynapses, place: Place, planes: tuple[Plane, ...]) -> int:
    """Return what :func:`tiles` will take."""
    return len(planes) * wire.shape[1] * place.size


def tiles(wire: QuantisedProjection, place: Place, planes: tuple[Plane, ...]) -> Bytes:
    """Store a matrix (n_post, n_pre) tile by tile of target places, each by source neuron.

    A tile is of 64 places; all tiles of the first plane come first. In the row of a tile the bytes
    of places ``j`` and ``j + 32`` are neighbours.
    """
    n_pre = wire.shape[1]
    at = np.full(place.size, -1)
    at[place.where] = np.arange(len(place.where))
    stored = aligned(len(planes) * n_pre * place.size)
    end = 0
    for k in range(len(planes)):
        for start in range(0, place.size, LANES):
            from_ = at[start : start + LANES]
            rows = np.zeros((from_.size, n_pre), np.int16)
            rows[from_ >= 0] = wire.whole(from_[from_ >= 0])
            part = list(bytes_of(rows, planes))[k]
            units = part.T.reshape(n_pre, 2, LANES // 2).swapaxes(1, 2)
            stored[end : end + units.size] = units.ravel()
            end += units.size
            let_go(wire.weights)
    return stored
