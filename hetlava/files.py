"""Files and folders that are written whole or not at all."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryDirectory

from hetlava.errors import DataError, HetlavaError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside ``path`` and put it in its place when the block succeeds.

    When the block fails, nothing is left and the old file stays.

    Raises
    ------
    DataError
        If the folder is missing, or the disk refuses (full, read-only).
    """
    if not path.parent.is_dir():
        raise DataError(f"{path}: the folder {path.parent} does not exist; make it first")
    try:
        with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            temporary = Path(file.name)
    except OSError as error:
        raise DataError(f"{path}: cannot be written: {error.strerror or error}") from error
    try:
        yield temporary
        temporary.chmod(0o644)
        temporary.replace(path)
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
