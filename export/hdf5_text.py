"""Short texts of untrusted HDF5 files, with variable length read by hand.

HDF5's own reader of variable-length data was seen to run for minutes on a damaged length.
"""

from math import prod
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from hetlava.errors import FormatError

TEXT_MAX = 64
TEXTS_MAX = 1 << 14
CHUNK_MAX = 1 << 20  # [byte]
# HDF5 file format 3.0, sections IV.B (a reference: length, address, index) and III.E (its heap)
REFERENCE, HEAP, OBJECT = 16, 16, 16  # [byte]
HEAP_MAX = 1 << 16  # [byte] of a heap that are searched
SIGNATURE = b"GCOL"


def read_text(path: Path, data: Any) -> str:
    """Return the ASCII text of a dataset that holds one string.

    Parameters
    ----------
    path : path
        The file, for what is read by hand.
    data : h5py.Dataset

    Raises
    ------
    FormatError
        If it holds anything else, or a text above 64 characters.
    """
    kind = h5py.check_string_dtype(data.dtype)
    if kind is None or data.shape not in ((), (1,)) or (kind.length or 0) > TEXT_MAX:
        raise FormatError(f"{data.dtype} {data.shape}, expected a short text")
    if kind.length is None:
        return _variable(path, data).decode("ascii")
    value = bytes(data[()] if data.shape == () else data[0])
    return value.decode("ascii")


def read_texts(path: Path, data: Any) -> list[str]:
    """Return the ASCII texts of a dataset of strings, row by row.

    Raises
    ------
    FormatError
        If it holds anything else, too many texts, or one above 64 characters.
    """
    kind = h5py.check_string_dtype(data.dtype)
    if kind is None or (kind.length or 0) > TEXT_MAX or data.shape is None:
        raise FormatError(f"{data.dtype}, expected short texts")
    n, chunk = prod(data.shape), prod(data.chunks or (0,)) * (kind.length or REFERENCE)
    if n > TEXTS_MAX or chunk > CHUNK_MAX or data.is_virtual or data.external:
        raise FormatError(f"{n} texts in chunks of {chunk} bytes, at most {TEXTS_MAX} are read")
    if kind.length is not None:
        return [bytes(value).decode("ascii") for value in np.ravel(data[()])]
    return [text.decode("ascii") for text in _variables(path, data, n)]


def _variable(path: Path, data: Any) -> bytes:
    return _variables(path, data, 1)[0]


def _variables(path: Path, data: Any, n: int) -> list[bytes]:
    plist = data.file.id.get_create_plist()
    offset = data.id.get_offset()
    if offset is None or plist.get_sizes() != (8, 8):
        raise FormatError("a text of variable length, stored in an unusual way")
    texts: list[bytes] = []
    heaps: dict[int, bytes] = {}
    with path.open("rb") as file:
        file.seek(offset)
        references = file.read(n * REFERENCE)
        for k in range(n):
            reference = references[k * REFERENCE : (k + 1) * REFERENCE]
            length = _number(reference, 0, 4)
            if length > TEXT_MAX:
                raise FormatError(f"a text of {length} characters, at most {TEXT_MAX} are read")
            at = plist.get_userblock() + _number(reference, 4, 8)
            if at not in heaps:
                file.seek(at)
                heaps[at] = file.read(HEAP_MAX)
            texts.append(_in_heap(heaps[at], _number(reference, 12, 4), length))
    return texts


def _in_heap(heap: bytes, wanted: int, length: int) -> bytes:
    if heap[:4] != SIGNATURE:
        raise FormatError("a text whose heap is not where it should be")
    at, end = HEAP, min(len(heap), _number(heap, 8, 8))
    while at + OBJECT <= end:
        index, size = _number(heap, at, 2), _number(heap, at + 8, 8)
        at += OBJECT
        if index == wanted and length <= size and at + length <= end:
            return heap[at : at + length]
        # objects are padded to 8 bytes
        at += -(-size // 8) * 8
    raise FormatError("a text that is missing from its heap")


def _number(raw: bytes, at: int, n: int) -> int:
    if len(raw) < at + n:
        raise FormatError("a text cut short")
    return int.from_bytes(raw[at : at + n], "little")
