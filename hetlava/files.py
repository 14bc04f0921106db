"""Files that are written whole or not at all."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile

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
