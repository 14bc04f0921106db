"""Large arrays in HDF5 files: written past the library, and mapped instead of read.

Both need them stored as they lie in memory, in one piece. HDF5 then has no checksum of them; who
maps them is to compare one of their content.
"""

import io
import mmap
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from hetlava.arrays import AnyArray
from hetlava.errors import FormatError

PAGE = 1 << 12  # [byte] of an image that are kept together
BLOCK = 1 << 24  # [byte] that are read or written at a time


class Image(io.RawIOBase):
    """A file in memory that keeps only the pages that were written, and none of the large arrays.

    When a disk is full, plain Python says so and HDF5 is left in no odd state: so HDF5 writes to
    memory, and what comes of it is copied.
    """

    def __init__(self) -> None:
        self.pages: dict[int, bytearray] = {}
        self.at = self.size = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def writable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to a place."""
        self.at = offset + (0, self.at, self.size)[whence]
        return self.at

    def truncate(self, size: int | None = None) -> int:
        """Set the size; what is added is 0."""
        self.size = self.at if size is None else size
        return self.size

    def readinto(self, buffer: Any) -> int:
        """Read from where the file stands."""
        view = memoryview(buffer).cast("B")
        done = max(0, min(len(view), self.size - self.at))
        for page, inside, part in self._pages(done):
            held = self.pages.get(page, bytes(PAGE))
            view[part] = held[inside]
        self.at += done
        return done

    def write(self, data: Any) -> int:
        """Write where the file stands."""
        view = memoryview(data).cast("B")
        for page, inside, part in self._pages(len(view)):
            self.pages.setdefault(page, bytearray(PAGE))[inside] = view[part]
        self.at += len(view)
        self.size = max(self.size, self.at)
        return len(view)

    def _pages(self, n: int) -> Iterator[tuple[int, slice, slice]]:
        """Yield pages from here on, what of them is meant, and of what is read or written."""
        done = 0
        while done < n:
            page, start = divmod(self.at + done, PAGE)
            more = min(PAGE - start, n - done)
            yield page, slice(start, start + more), slice(done, done + more)
            done += more


def reserve(file: Any, name: str, array: AnyArray) -> int:
    """Make a dataset for an array in one piece, which is not written; return where it begins."""
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_layout(h5py.h5d.CONTIGUOUS)
    properties.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    properties.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    properties.set_obj_track_times(False)
    parent, _, key = name.rpartition("/")
    group = file.require_group(parent) if parent else file
    made = h5py.h5d.create(
        group.id,
        key.encode(),
        h5py.h5t.py_create(array.dtype),
        h5py.h5s.create_simple(array.shape),
        properties,
    )
    offset: int = made.get_offset()
    return offset


def write_image(path: Path, image: Image, arrays: Mapping[int, AnyArray]) -> None:
    """Write an image to a file, and arrays at their places."""
    with path.open("wb", buffering=0) as file:
        file.truncate(image.size)
        for page in sorted(image.pages):
            start = page * PAGE
            _write(file, start, memoryview(image.pages[page])[: image.size - start])
        for start, array in arrays.items():
            _write(file, start, _bytes_of(array))


def _write(file: Any, start: int, data: memoryview) -> None:
    file.seek(start)
    done = 0
    while done < len(data):
        done += file.write(data[done : done + BLOCK])


def _bytes_of(array: AnyArray) -> memoryview:
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data


def checksum(array: AnyArray) -> int:
    """Return the CRC-32 of an array's bytes."""
    view, crc = _bytes_of(array), 0
    for start in range(0, len(view), BLOCK):
        crc = zlib.crc32(view[start : start + BLOCK], crc)
    return crc


def is_in_one_piece(data: Any) -> bool:
    """Tell whether a dataset is stored as it lies in memory."""
    plain = data.id.get_create_plist()
    there = data.chunks is None and plain.get_layout() == h5py.h5d.CONTIGUOUS
    native = data.dtype.isnative and data.file.id.get_create_plist().get_userblock() == 0
    offset = data.id.get_offset() if there and native else None
    return offset is not None and offset % data.dtype.itemsize == 0


def mapped(path: Path, data: Any, crc: int, where: str) -> AnyArray:
    """Return a dataset in one piece as a read-only map of the file, which stays open for it.

    Pages are read as they are touched and may be dropped again. A file that is cut short while it
    is mapped ends the process; one that is replaced, as hetlava's own writers do, stays.

    Raises
    ------
    FormatError
        If it is not in the file as a whole, or its content is another than its writer's.
    """
    offset, shape = int(data.id.get_offset()), data.shape
    size = int(np.prod(shape, dtype=object)) * data.dtype.itemsize
    first = offset // mmap.ALLOCATIONGRANULARITY * mmap.ALLOCATIONGRANULARITY
    with path.open("rb") as file:
        if offset + size > file.seek(0, io.SEEK_END):
            raise FormatError(f"{where}: {size} bytes at {offset} are beyond the end of the file")
        _check(file, offset, size, crc, where)
        whole = mmap.mmap(
            file.fileno(), offset + size - first, access=mmap.ACCESS_READ, offset=first
        )
    array: AnyArray = np.frombuffer(whole, np.uint8, size, offset - first).view(data.dtype)
    return array.reshape(shape)


def _check(file: Any, offset: int, size: int, crc: int, where: str) -> None:
    """Compare the checksum; read, not mapped, so that no page of it stays in this process."""
    file.seek(offset)
    found = 0
    while size:
        block = file.read(min(size, BLOCK))
        found, size = zlib.crc32(block, found), size - len(block)
        if not block:
            raise FormatError(f"{where}: the file ends early")
    compare(found, crc, where)


def compare(found: int, crc: int, where: str) -> None:
    """Refuse another checksum than the writer's."""
    if found != crc:
        raise FormatError(f"{where}: damaged: its checksum is {found}, its writer's {crc}")
