"""Rows of different lengths in HDF5, read from the bytes of the file.

HDF5 keeps such a row in a *heap* and a reference to it (length, address of a heap, number in it) in
the data set. The library takes the length from the reference and the data from the heap and trusts
that they agree, which a damaged file makes it pay for with the memory of the process. Here both
are compared, and rows that would together be longer than the file are refused.
"""

import struct
import zlib
from typing import Any, NamedTuple

import h5py
import numpy as np
import numpy.typing as npt

from hetlava.arrays import AnyArray, Int64
from hetlava.errors import FormatError

REFERENCE = np.dtype([("length", "<u4"), ("heap", "<u8"), ("number", "<u4")])
DEFLATE, SHUFFLE = 1, 2  # HDF5's numbers of its filters; it allows no checksums of rows
HEAP_HEAD = struct.Struct("<4sB3xQ")  # signature, version, size of the heap with its head
OBJECT_HEAD = struct.Struct("<HHIQ")  # number, uses, nothing, size
ALIGNED = 8  # [byte] that objects of a heap are padded to
ROWS_MAX = 10_000_000

Bytes = npt.NDArray[np.uint8]


class Rows(NamedTuple):
    """Rows laid end to end; those of row i: ``indptr[i] : indptr[i + 1]``."""

    indptr: Int64
    values: AnyArray


def read_rows(dataset: Any, content: Bytes) -> Rows:
    """Return the rows of an ``h5py.Dataset`` of variable length.

    Parameters
    ----------
    content : (n,) uint8
        The whole file that the data set lies in.

    Raises
    ------
    FormatError
        If it is no such data set, is laid out in a way that is not read here, or its references
        and heaps do not agree.
    """
    dtype = _row_dtype(dataset)
    references = _references(dataset, content)
    sizes = references["length"].astype(np.int64) * dtype.itemsize
    if sizes.sum() > content.size:
        raise FormatError(
            f"rows of {sizes.sum()} bytes in a file of {content.size}: they cannot all be in it"
        )
    indptr = np.concatenate([[0], np.cumsum(references["length"], dtype=np.int64)])
    values = np.empty(indptr[-1], dtype)
    heaps: dict[int, dict[int, tuple[int, int]]] = {}
    for row in np.flatnonzero(sizes):
        address = int(references["heap"][row])
        if address not in heaps:
            heaps[address] = _heap(content, address)
        start, size = heaps[address].get(int(references["number"][row]), (0, -1))
        if size != sizes[row]:
            raise FormatError(
                f"row {row} declares {sizes[row]} bytes, its heap at {address} has "
                f"{'none' if size < 0 else size}"
            )
        values[indptr[row] : indptr[row + 1]] = content[start : start + size].view(dtype)
    return Rows(indptr, values.astype(dtype.newbyteorder("="), copy=False))


def _row_dtype(dataset: Any) -> np.dtype[Any]:
    dtype = h5py.check_vlen_dtype(dataset.dtype)
    if dtype is None or np.dtype(dtype).kind not in "uif" or dataset.ndim != 1:
        raise FormatError(f"{dataset.dtype} of {dataset.ndim} axes are no rows of numbers")
    if len(dataset) > ROWS_MAX:
        raise FormatError(f"declares {len(dataset)} rows, at most {ROWS_MAX} are read")
    plist = dataset.file.id.get_create_plist()
    if plist.get_sizes() != (8, 8) or plist.get_userblock():
        raise FormatError("addresses of other than 64 bits, or a foreign head, are not read")
    checked: np.dtype[Any] = np.dtype(dtype)
    return checked


def _references(dataset: Any, content: Bytes) -> AnyArray:
    if dataset.is_virtual or dataset.external:
        raise FormatError("stored in another file, which is not read")
    if dataset.chunks is not None:
        return _chunked(dataset, content)
    offset, n_bytes = dataset.id.get_offset(), len(dataset) * REFERENCE.itemsize
    if not n_bytes:
        return np.zeros(0, REFERENCE)
    if offset is None:
        raise FormatError("its rows are not stored, or in a way that is not read")
    return _slice(content, offset, n_bytes, "references").view(REFERENCE)


def _chunked(dataset: Any, content: Bytes) -> AnyArray:
    plist = dataset.id.get_create_plist()
    filters = [plist.get_filter(k)[0] for k in range(plist.get_nfilters())]
    if not set(filters) <= {DEFLATE, SHUFFLE}:
        raise FormatError(f"filters {filters} are not read")
    n, length = len(dataset), int(dataset.chunks[0])
    if length > max(n, ROWS_MAX):
        raise FormatError(f"chunks of {length} rows, at most {ROWS_MAX} are read")
    references = np.zeros(n, REFERENCE)
    for k in range(dataset.id.get_num_chunks()):
        chunk = dataset.id.get_chunk_info(k)
        raw = _slice(content, chunk.byte_offset, chunk.size, "chunk")
        applied = [f for bit, f in enumerate(filters) if not chunk.filter_mask >> bit & 1]
        rows = _unfiltered(raw, applied, length * REFERENCE.itemsize).view(REFERENCE)
        first = int(chunk.chunk_offset[0])
        references[first : first + length] = rows[: max(0, n - first)]
    return references


def _unfiltered(raw: Bytes, filters: list[int], n_bytes: int) -> Bytes:
    """Undo the filters of a chunk, the last first."""
    for number in reversed(filters):
        if number == DEFLATE:
            try:
                # one byte more than is due tells too much from just enough
                unpacked = zlib.decompressobj().decompress(raw.tobytes(), n_bytes + 1)
            except zlib.error as error:
                raise FormatError(f"a chunk is damaged ({error})") from error
            raw = np.frombuffer(unpacked, np.uint8)
        elif raw.size == n_bytes:
            raw = np.ascontiguousarray(raw.reshape(REFERENCE.itemsize, -1).T).ravel()
    if raw.size != n_bytes:
        raise FormatError(f"a chunk has {raw.size} bytes, expected {n_bytes}")
    return raw


def _heap(content: Bytes, address: int) -> dict[int, tuple[int, int]]:
    """Return start and size of every object of a heap by its number."""
    head = _slice(content, address, HEAP_HEAD.size, "heap").tobytes()
    signature, version, size = HEAP_HEAD.unpack(head)
    if signature != b"GCOL" or version != 1:
        raise FormatError(f"there is no heap at {address}")
    heap = _slice(content, address, size, "heap").data
    objects: dict[int, tuple[int, int]] = {}
    at = HEAP_HEAD.size
    while at + OBJECT_HEAD.size <= size:
        number, _, _, n_bytes = OBJECT_HEAD.unpack_from(heap, at)
        at += OBJECT_HEAD.size
        if number == 0:  # the free space at the end
            break
        if n_bytes > size - at:
            raise FormatError(f"an object of {n_bytes} bytes leaves its heap at {address}")
        objects[number] = (address + at, n_bytes)
        at += -(-n_bytes // ALIGNED) * ALIGNED
    return objects


def _slice(content: Bytes, start: int, size: int, what: str) -> Bytes:
    if not 0 <= start <= start + size <= content.size:
        raise FormatError(f"a {what} at {start} of {size} bytes lies outside the file")
    return content[start : start + size]
