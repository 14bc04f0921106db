"""How a ``.net`` file stores synapses: large arrays in one piece, to be mapped, weights in bytes.

A file says of each such array the CRC-32 of its bytes, since HDF5 has checksums of chunks only, and
whether it holds halves of the weights (:class:`hetlava.synapses.QuantisedSynapses`).
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from hetlava.arrays import AnyArray, Int8, Int16
from hetlava.convolution import QuantisedConvolution
from hetlava.errors import FormatError
from hetlava.export.hdf5 import Group
from hetlava.export.hdf5_image import checksum
from hetlava.quantised import QuantisedNetwork
from hetlava.sparse_synapses import QuantisedSparse
from hetlava.synapses import QuantisedSynapses

MAPPED_MIN = 1 << 22  # [byte] of an array, 16 bits for each weight, that is stored in one piece
COMPACT = "weights are stored in bytes, which netx does not read"


class Stored(NamedTuple):
    """The arrays of a projection by name, and the CRC-32 of those that are in one piece."""

    arrays: Mapping[str, AnyArray]
    checksums: Mapping[str, int]
    halved: bool


def stored(q: QuantisedSynapses, *, in_bytes: bool) -> Stored:
    """Return what a file holds of a projection; ``in_bytes`` large weights where they fit."""
    weights: AnyArray = q.whole()
    large, halved = is_large(q), False
    if large and in_bytes:
        weights, halved = compact(q)
    arrays = {"weights": weights}
    if q.delays is not None:
        arrays["delays"] = q.delays
    if q.synaptic_delays is not None:
        arrays["synaptic_delays"] = q.synaptic_delays
    if isinstance(q, QuantisedSparse):
        arrays |= {"post": q.post, "indptr": q.indptr}
    pieces = [name for name, a in arrays.items() if large if a.nbytes >= MAPPED_MIN // 2]
    return Stored(arrays, {name: checksum(arrays[name]) for name in pieces}, halved)


def is_large(q: QuantisedSynapses) -> bool:
    """Tell whether weights are worth a map; kernels are read."""
    return not isinstance(q, QuantisedConvolution) and 2 * q.weights.size >= MAPPED_MIN


def compact(q: QuantisedSynapses) -> tuple[Int8 | Int16, bool]:
    """Return the weights in 8 bits where they fit, and whether they are halves."""
    if q.weights.dtype == np.int8:
        return q.weights, q.halved
    low, high, bits = q.span()
    halved = not -128 <= low <= high <= 127
    if halved and (bits % 2 or not -256 <= low <= high <= 254):
        return q.whole(), False
    made, done = np.empty(q.weights.shape, np.int8), 0
    for block in q.blocks():
        made[done : done + len(block)] = block >> halved
        done += len(block)
    made.flags.writeable = False
    return made, halved


def whole(net: QuantisedNetwork) -> QuantisedNetwork:
    """Return the network with 16 bits for every weight, as netx reads them."""
    projections = tuple(
        replace(q, weights=q.whole(), halved=False) if q.weights.dtype == np.int8 else q
        for q in net.projections
    )
    return replace(net, projections=projections)


def read_arrays(
    group: Group, shapes: Mapping[str, tuple[int, ...] | None], checksums: Mapping[str, Any]
) -> dict[str, AnyArray]:
    """Return the arrays of a projection, those that ``checksums`` has mapped.

    Raises
    ------
    FormatError
        If one is missing, of another shape, not stored in full, or another than its checksum says.
    """
    unknown = checksums.keys() - shapes.keys()
    # bool is an int to isinstance, but no number here
    if unknown or any(type(crc) is not int for crc in checksums.values()):
        raise FormatError(f"{group.where()}: checksums {str(dict(checksums))[:60]} are none")
    return {
        name: group.mapped(name, shape=shape, crc=checksums[name])
        if name in checksums
        else group.array(name, shape=shape)
        for name, shape in shapes.items()
    }
