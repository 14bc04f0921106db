"""HDF5 as untrusted input and as reproducible output."""

import io
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from hetlava.arrays import AnyArray
from hetlava.errors import DataError, FormatError, HetlavaError
from hetlava.export import hdf5_image
from hetlava.export.hdf5_text import read_text, read_texts
from hetlava.files import replacing, to_read

# from 1.10 on HDF5 guards its own structures by checksums; every lava-dl reads it
LIBRARY = ("v110", "v110")
CHUNK_BYTES = 1 << 20
NUMBER_MAX = 8  # [byte] per element
INFLATED_MAX = 1 << 30  # [byte] that compressed data of one file may grow to
INFLATE_RATIO = 1100  # deflate cannot do better than 1032
DEFLATE, SHUFFLE, FLETCHER32 = 1, 2, 3  # HDF5's numbers of its own filters

# what h5py raises on damaged structures; narrower lists were each broken by a flipped byte
DAMAGE = (
    OSError,
    RuntimeError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    ArithmeticError,
    MemoryError,
)


class _Budget:
    """Bytes that may still be read, so that links to one block cannot multiply it."""

    def __init__(self, size: int) -> None:
        self.size = size
        # every block is read once, and once more where two layouts share it
        self.stored = 2 * size
        self.inflated = INFLATED_MAX

    def spend(self, n_bytes: int, inflates: bool) -> bool:
        if inflates:
            self.inflated -= n_bytes
        else:
            self.stored -= n_bytes
        return min(self.inflated, self.stored) >= 0


@dataclass(frozen=True)
class Group:
    """A group of an untrusted file: every size is checked before anything is allocated for it.

    Only hard links to groups, numbers and short texts inside the file are followed. Data must be
    stored in full: what a file declares without holding it is refused.
    """

    path: Path
    name: str
    handle: Any
    budget: _Budget
    on_disk: bool = True

    def where(self, key: str = "") -> str:
        """Return file and place, as every error message begins."""
        return f"{self.path}: {'/'.join(part for part in (self.name, key) if part)}"

    def keys(self) -> tuple[str, ...]:
        """Return the names of the members, sorted."""
        with _blaming(self.where()):
            return tuple(sorted(self.handle.keys()))

    def has_group(self, key: str) -> bool:
        """Return whether a member is a subgroup."""
        with _blaming(self.where(key)):
            return self.handle.get(key, getclass=True, getlink=True) is h5py.HardLink and (
                self.handle.get(key, getclass=True) is h5py.Group
            )

    def group(self, key: str) -> "Group":
        """Return a subgroup."""
        handle = self._member(key, h5py.Group, "a group")
        name = f"{self.name}/{key}".lstrip("/")
        return Group(self.path, name, handle, self.budget, self.on_disk)

    def array(self, key: str, *, shape: tuple[int, ...] | None = None) -> AnyArray:
        """Return a dataset of numbers or booleans, of ``shape`` if given.

        Raises
        ------
        FormatError
            If it is missing, of another type or shape, linked from elsewhere, or not stored.
        """
        data = self.dataset(key)
        with _blaming(self.where(key)):
            self._check(key, data, shape)
            value = np.asarray(data[()])
        return value.astype(value.dtype.newbyteorder("="), copy=False)

    def mapped(self, key: str, *, crc: int, shape: tuple[int, ...] | None = None) -> AnyArray:
        """Return a dataset as a map of the file where that can be, else as :meth:`array`.

        Raises
        ------
        FormatError
            As :meth:`array`, and if the CRC-32 of its bytes is not ``crc``.
        """
        data = self.dataset(key)
        with _blaming(self.where(key)):
            self._check(key, data, shape)
            if self.on_disk and hdf5_image.is_in_one_piece(data):
                return hdf5_image.mapped(self.path, data, crc, self.where(key))
            value = np.asarray(data[()])
            hdf5_image.compare(hdf5_image.checksum(value), crc, self.where(key))
        return value.astype(value.dtype.newbyteorder("="), copy=False)

    def _check(self, key: str, data: Any, shape: tuple[int, ...] | None) -> None:
        self._check_type(key, data)
        if shape is not None and data.shape != shape:
            raise FormatError(f"{self.where(key)}: shape {data.shape}, expected {shape}")
        self._check_storage(key, data)

    def dataset(self, key: str) -> Any:
        """Return the ``h5py.Dataset`` of a member, of which nothing but its place is checked."""
        return self._member(key, h5py.Dataset, "a dataset")

    def text(self, key: str) -> str:
        """Return a short ASCII text, stored as one string."""
        data = self.dataset(key)
        with _blaming(self.where(key)):
            try:
                return read_text(self.path, data)
            except FormatError as error:
                raise FormatError(f"{self.where(key)}: {error}") from error

    def texts(self, key: str) -> list[str]:
        """Return the short ASCII texts of a dataset of strings, row by row."""
        data = self.dataset(key)
        with _blaming(self.where(key)):
            try:
                return read_texts(self.path, data)
            except FormatError as error:
                raise FormatError(f"{self.where(key)}: {error}") from error

    def holds_text(self, key: str) -> bool:
        """Return whether a dataset is one of strings."""
        data = self.dataset(key)
        with _blaming(self.where(key)):
            return h5py.check_string_dtype(data.dtype) is not None

    def _member(self, key: str, kind: type, what: str) -> Any:
        with _blaming(self.where(key)):
            link = self.handle.get(key, getlink=True)
            if link is None:
                raise FormatError(f"{self.where(key)}: missing; there are {list(self.keys())[:20]}")
            if not isinstance(link, h5py.HardLink):
                raise FormatError(f"{self.where(key)}: a link to elsewhere, which is not followed")
            member = self.handle[key]
        if not isinstance(member, kind):
            raise FormatError(f"{self.where(key)}: expected {what}")
        return member

    def _check_type(self, key: str, data: Any) -> None:
        dtype = data.dtype
        if dtype.kind not in "biuf" or dtype.itemsize > NUMBER_MAX or data.shape is None:
            raise FormatError(f"{self.where(key)}: {dtype} is no array of plain numbers")
        if data.is_virtual or data.external:
            raise FormatError(f"{self.where(key)}: stored in another file, which is not read")

    def _check_storage(self, key: str, data: Any) -> None:
        filters = _filters(data)
        if not filters <= {DEFLATE, SHUFFLE, FLETCHER32}:
            raise FormatError(f"{self.where(key)}: filters {sorted(filters)} are not read")
        inflates = DEFLATE in filters
        stored = int(data.id.get_storage_size())
        declared = _product(data.shape) * data.dtype.itemsize
        chunk = _product(data.chunks or (0,)) * data.dtype.itemsize
        limit = stored * INFLATE_RATIO if inflates else stored
        # HDF5 allocates whole chunks, however little of one is used
        oversized = chunk > max(declared, CHUNK_BYTES)
        if oversized or declared > limit or stored > self.budget.size:
            raise FormatError(
                f"{self.where(key)}: shape {data.shape} declares {declared} bytes "
                f"in chunks of {chunk}, the file of {self.budget.size} bytes stores {stored}"
            )
        if not self.budget.spend(declared, inflates):
            raise FormatError(f"{self.where(key)}: the parts add up to more than the file holds")


@contextmanager
def opened(path: Path) -> Iterator[Group]:
    """Open an untrusted file for reading and give its root.

    Raises
    ------
    DataError
        If there is no such file or it may not be read.
    FormatError
        If it is empty or no HDF5, or damaged where it is read.
    """
    to_read(path)
    try:
        with path.open("rb") as file:
            size = file.seek(0, io.SEEK_END)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    if size == 0:
        raise FormatError(f"{path}: the file is empty")
    with _blaming(str(path)):
        if not h5py.is_hdf5(path):
            raise FormatError(f"{path}: not an HDF5 file")
        handle = h5py.File(path, "r", locking=False)
    with _closing(handle):
        yield Group(path, "", handle, _Budget(size))


@contextmanager
def opened_content(path: Path, content: bytes) -> Iterator[Group]:
    """Open the content of an untrusted file, of an archive for example, and give its root.

    Parameters
    ----------
    path : Path
        What errors name.

    Raises
    ------
    FormatError
        If it is no HDF5, or damaged where it is read.
    """
    with _blaming(str(path)):
        handle = h5py.File(io.BytesIO(content), "r")
    with _closing(handle):
        yield Group(path, "", handle, _Budget(len(content)), on_disk=False)


@contextmanager
def _closing(handle: Any) -> Iterator[None]:
    try:
        yield
    finally:
        with suppress(*DAMAGE):
            handle.close()


def write_arrays(path: Path, arrays: Mapping[str, AnyArray], pieces: Collection[str] = ()) -> None:
    """Write named arrays to a new file: the same arrays, the same bytes.

    The same array object under two names is stored once. Bytes of the type ``S`` are texts. The
    arrays of ``pieces`` are stored in one piece each, to be mapped.

    Raises
    ------
    DataError
        If the disk refuses; an old file of that name stays.
    """
    # built in memory: when a disk is full, plain Python says so and HDF5 is left in no odd state
    image = hdf5_image.Image() if pieces else io.BytesIO()
    aligned = {"alignment_threshold": 1, "alignment_interval": NUMBER_MAX}
    places: dict[int, AnyArray] = {}
    with h5py.File(image, "w", libver=LIBRARY, **(aligned if pieces else {})) as file:
        first: dict[int, str] = {}
        for name, array in arrays.items():
            if id(array) in first:
                file[name] = file[first[id(array)]]
            else:
                first[id(array)] = name
                if name in pieces:
                    places[hdf5_image.reserve(file, name, array)] = array
                    continue
                checked = {}
                if array.size and array.ndim:  # HDF5 has no chunks of nothing
                    checked = {"chunks": _chunks(array), "fletcher32": True}
                file.create_dataset(name, data=array, track_times=False, **checked)
    with replacing(path) as temporary:
        if isinstance(image, io.BytesIO):
            temporary.write_bytes(image.getbuffer())
        else:
            hdf5_image.write_image(temporary, image, places)


@contextmanager
def _blaming(where: str) -> Iterator[None]:
    try:
        yield
    except HetlavaError:
        raise
    except DAMAGE as error:
        raise FormatError(f"{where}: damaged: {error}") from error


def _filters(data: Any) -> set[int]:
    plist = data.id.get_create_plist()
    return {plist.get_filter(k)[0] for k in range(plist.get_nfilters())}


def _product(shape: tuple[int, ...]) -> int:
    # Python integers: a declared shape may overflow 64 bits
    total = 1
    for n in shape:
        total *= int(n)
    return total


def _chunks(array: AnyArray) -> tuple[int, ...]:
    row = max(1, array[:1].nbytes)
    return (min(len(array), max(1, CHUNK_BYTES // row)), *array.shape[1:])
