"""Zip archives from strangers: read in place, never unpacked, and checked before they are read."""

import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

from hetlava.errors import DataError

MEMBERS_MAX = 200_000
TOTAL_MAX = 8 << 30  # [byte] unpacked; the largest data set we read has 1.4 GiB
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
ENCRYPTED = 0x1  # bit of a member's flags
# what zipfile raises, in one version or another, on damaged archives
DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    NotImplementedError,
    ValueError,
)


@dataclass(frozen=True)
class Archive:
    """An open archive: its path, the zip, and its members by name, folders left out."""

    path: Path
    zip: zipfile.ZipFile
    members: Mapping[str, zipfile.ZipInfo]

    def size(self, name: str) -> int:
        """Return the size of a member [byte] as the archive declares it.

        Raises
        ------
        DataError
            If there is no such member.
        """
        if name not in self.members:
            raise DataError(f"{self.path}: {name} is missing; fetch the archive again")
        return self.members[name].file_size

    def read(self, name: str, limit: int) -> bytes:
        """Return the content of a member of at most ``limit`` bytes.

        Raises
        ------
        DataError
            If it is missing, declares more than the limit, or is damaged.
        """
        size = self.size(name)
        if size > limit:
            raise DataError(f"{self.path}: {name} declares {size} bytes, at most {limit} are read")
        try:
            with self.zip.open(name) as file:
                # one byte more than declared is asked for: a member that unpacks to more than it
                # says is cut there, and its checksum is compared
                content = file.read(size + 1)
        except DAMAGE as error:
            raise DataError(f"{self.path}: {name} is damaged ({error}); fetch it again") from error
        if len(content) != size:
            raise DataError(f"{self.path}: {name} has {len(content)} of {size} bytes")
        return content


@contextmanager
def open_archive(path: Path) -> Iterator[Archive]:
    """Open a zip archive and check all of its members' names, kinds and declared sizes.

    Raises
    ------
    DataError
        If it is damaged, or a member is absolute, climbs out of the archive, is a link, is
        doubled, encrypted or packed in an unknown way, or together they declare too much.
    """
    try:
        file = zipfile.ZipFile(path)
    except DAMAGE as error:
        raise DataError(f"{path}: no zip archive, or a damaged one ({error})") from error
    with file:
        yield Archive(path, file, _members(path, file.infolist()))


def _members(path: Path, infos: list[zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
    if len(infos) > MEMBERS_MAX:
        raise DataError(f"{path}: {len(infos)} members, at most {MEMBERS_MAX} are read")
    total = sum(info.file_size for info in infos)
    if total > TOTAL_MAX:
        raise DataError(f"{path}: declares {total} bytes unpacked, at most {TOTAL_MAX} are read")
    members: dict[str, zipfile.ZipInfo] = {}
    for info in infos:
        wrong = _fault(info, members)
        if wrong:
            raise DataError(f"{path}: member {info.orig_filename!r} {wrong}; it was not opened")
        if not info.is_dir():
            members[info.filename] = info
    return members


def _fault(info: zipfile.ZipInfo, earlier: Mapping[str, zipfile.ZipInfo]) -> str:
    # the name as it stands in the file: zipfile cuts it at a NUL and turns separators round
    name = info.orig_filename
    windows = PureWindowsPath(name)
    if "\0" in name or not name:
        return "has an impossible name"
    if name.startswith("/") or windows.drive or windows.root:
        return "has an absolute path"
    if ".." in PurePosixPath(name).parts or ".." in windows.parts:
        return "climbs out of the archive's folder"
    if "\\" in name:
        return "has a backslash in its path"
    if stat.S_ISLNK(info.external_attr >> 16):
        return "is a link"
    if info.filename in earlier:
        return "is there twice"
    if info.flag_bits & ENCRYPTED:
        return "is encrypted"
    return "" if info.compress_type in METHODS else "is packed in an unknown way"
