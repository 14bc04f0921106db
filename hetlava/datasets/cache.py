"""Results that take long to compute, kept in files that are named by what they were made of.

A file may be deleted at any time. One that is damaged is made anew.
"""

import hashlib
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TypeVar

import numpy as np

from hetlava.arrays import AnyArray, ArrayRecord
from hetlava.datasets.recordings import Recordings
from hetlava.errors import DataError
from hetlava.events import Events
from hetlava.files import replacing
from hetlava.recording_file import DAMAGE

LIMIT = 8 << 30  # [byte] of a cache
STEM, VERSION = "hetlava-data-", 1
R = TypeVar("R", bound=ArrayRecord)


@dataclass(frozen=True)
class Cache:
    """A folder of at most ``limit`` bytes; what was used the longest ago goes first."""

    folder: Path
    limit: int = LIMIT

    def binned(self, recordings: Recordings, dt: float, n_steps: int) -> Events:
        """Return what :meth:`Recordings.binned` does, from the file if there is one."""
        return self.record(
            Events, (recordings, repr(dt), str(n_steps)), lambda: recordings.binned(dt, n_steps)
        )

    def record(
        self, kind: type[R], made_of: tuple[Recordings | str, ...], make: Callable[[], R]
    ) -> R:
        """Return what ``make`` does, from the file of what it is made of if there is one.

        Raises
        ------
        DataError
            If the folder cannot be made or written.
        """
        path = self.folder / f"{STEM}{_digest(kind, made_of)}.npz"
        found = _read(kind, path, self.limit)
        if found is None:
            found = make()
            self._write(path, found)
        return found

    def _write(self, path: Path, record: ArrayRecord) -> None:
        values = {f.name: getattr(record, f.name) for f in fields(record)}
        arrays = {name: np.asarray(v) for name, v in values.items() if v is not None}
        size = sum(array.nbytes for array in arrays.values())
        if size > self.limit:
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._make_room(size)
        except OSError as error:
            raise DataError(f"{self.folder}: no cache can be kept there: {error}") from error
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]

    def _make_room(self, size: int) -> None:
        files = sorted(self.folder.glob(f"{STEM}*.npz"), key=lambda f: f.stat().st_mtime)
        total = size + sum(f.stat().st_size for f in files)
        for file in files:
            if total <= self.limit:
                return
            total -= file.stat().st_size
            file.unlink(missing_ok=True)


def _digest(kind: type[ArrayRecord], made_of: tuple[Recordings | str, ...]) -> str:
    digest = hashlib.sha256(f"{VERSION} {kind.__name__}".encode())
    for part in made_of:
        if isinstance(part, str):
            digest.update(f"|{part}".encode())
            continue
        for f in fields(part):
            value = getattr(part, f.name)
            digest.update(f"|{f.name}".encode())
            is_array = isinstance(value, np.ndarray)
            digest.update(np.ascontiguousarray(value).data if is_array else repr(value).encode())
    return digest.hexdigest()


def _read(kind: type[R], path: Path, limit: int) -> R | None:
    """Return the record of a file, None if there is none or it is damaged."""
    if not path.is_file():
        return None
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(member.file_size for member in archive.infolist()) > 2 * limit:
                return None
        with np.load(path, allow_pickle=False) as content:
            record = kind(**_values(dict(content)))
        path.touch()  # the clock of what was used last
    except DAMAGE:
        return None
    return record


def _values(arrays: Mapping[str, AnyArray]) -> dict[str, object]:
    for array in arrays.values():
        array.flags.writeable = False  # records copy what can be written
    return {name: a if a.ndim else a.item() for name, a in arrays.items()}
