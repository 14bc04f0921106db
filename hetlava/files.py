"""Files and folders that are written whole or not at all."""

import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryDirectory

from hetlava.errors import DataError, HetlavaError


def to_read(path: Path) -> Path:
    """Return the path of a file that is there.

    Raises
    ------
    DataError
        If there is none, or it is a folder, a device or a pipe.
    """
    try:
        if path.is_file():
            return path
        what = "is a folder; name a file" if path.is_dir() else "is no file"
        why = what if path.exists() else "no such file"
    except OSError as error:  # a name that is too long, a folder that may not be searched
        why = error.strerror or str(error)
    raise DataError(f"{path}: {why}")


def to_write(path: Path) -> Path:
    """Return where a file of that name goes: where links lead, and never over what is no file.

    Raises
    ------
    DataError
        If it is a folder, a device or a pipe, or the folder around it is missing or read-only.
    """
    try:
        place = path.resolve()
        why = _why_not_written(place)
    except (OSError, RuntimeError) as error:  # too long, or links in a circle
        why = str(getattr(error, "strerror", "") or error)
    if why:
        raise DataError(f"{path}: {why}")
    return place


def _why_not_written(place: Path) -> str:
    if place.is_dir():
        return "is a folder; name a file"
    if place.exists() and not place.is_file():
        return "is a device or a pipe, which no file takes the place of"
    if not place.parent.is_dir():
        return f"the folder {place.parent} does not exist; make it first"
    if not os.access(place.parent, os.W_OK):
        return f"the folder {place.parent} may not be written"
    return ""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside ``path`` and put it in its place when the block succeeds.

    When the block fails, nothing is left and the old file stays.

    Raises
    ------
    DataError
        As :func:`to_write`, or if the disk refuses (full, read-only).
    """
    place = to_write(path)
    try:
        with NamedTemporaryFile(dir=place.parent, prefix=".hetlava.", delete=False) as file:
            temporary = Path(file.name)
    except OSError as error:
        raise DataError(f"{path}: cannot be written: {error.strerror or error}") from error
    try:
        yield temporary
        temporary.chmod(0o644)
        temporary.replace(place)
    except HetlavaError:
        raise
    except OSError as error:
        raise DataError(f"{path}: not written, the old file stays: {error}") from error
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def replacing_folder(path: Path, members: Collection[str]) -> Iterator[Path]:
    """Give a temporary folder beside ``path`` and put it in its place when the block succeeds.

    An old folder goes only if it holds nothing but ``members``. When the block fails, nothing is
    left and the old one stays.

    Raises
    ------
    DataError
        If the old one holds something else or is no folder, the one around it is missing, or the
        disk refuses.
    """
    path = path.absolute()
    _check_folder(path, members)
    try:
        with TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as around:
            new, old = Path(around) / "new", Path(around) / "old"
            new.mkdir()
            yield new
            if path.exists():
                path.rename(old)
            try:
                new.rename(path)
            except OSError:
                if old.exists():
                    old.rename(path)
                raise
    except HetlavaError:
        raise
    except OSError as error:
        raise DataError(f"{path}: not written, the old folder stays: {error}") from error


def _check_folder(path: Path, members: Collection[str]) -> None:
    if not path.parent.is_dir():
        raise DataError(f"{path}: the folder {path.parent} does not exist; make it first")
    if not path.exists() and not path.is_symlink():
        return
    if path.is_symlink() or not path.is_dir():
        raise DataError(f"{path}: exists and is no folder; give another name")
    others = sorted(p.name for p in path.iterdir() if p.name not in members)
    if others:
        raise DataError(
            f"{path}: holds {others[:5]}, which no export wrote; give the name of a new folder"
        )
