"""Where compiled loops are kept for the next process.

Numba's own cache on disk looks at the file of the outermost loop only: after a change in a loop
that it calls, or in a constant of another file, an old program would run on. Here a folder is named
after the content of every file that a loop is made from.
"""

import os
import sys
from collections.abc import Callable, Iterator
from hashlib import sha256
from inspect import getfile
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryFile
from typing import Any

import numba

from hetlava import fixedpoint

DIGEST, LENGTH = 32, 8  # bytes: of all that follows, and of what says how long the program is


def cache_folder(function: Callable[..., Any]) -> Path | None:
    """Return where programs made from these sources are kept.

    None if nothing can be written, or if the sources are not there. ``NUMBA_CACHE_DIR`` if it is
    set, otherwise beside the sources, or in the user's cache where the installation is read-only.
    """
    own = Path(getfile(function))
    sources = [*sorted(Path(__file__).parent.glob("*.py")), Path(fixedpoint.__file__), own]
    try:
        digest = sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:16]
    except OSError:
        return None
    places = [own.parent / "__pycache__", *_user_cache()]
    config: Any = numba.config
    if config.CACHE_DIR:
        places = [Path(config.CACHE_DIR)]
    return next(filter(_is_writable, (place / f"hetlava-{digest}" for place in places)), None)


def _user_cache() -> Iterator[Path]:
    try:
        home = Path.home()
    except RuntimeError:  # a user that the machine does not know, as in a container
        return
    if sys.platform == "win32":
        yield Path(os.environ.get("LOCALAPPDATA", home / "AppData" / "Local")) / "hetlava"
    elif sys.platform == "darwin":
        yield home / "Library" / "Caches" / "hetlava"
    else:
        yield Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache") / "hetlava"


def _is_writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        TemporaryFile(dir=folder).close()
    except OSError:
        return False
    return True


def read_program(file: Path) -> tuple[bytes, bytes] | None:
    """Return a program that was kept and its LLVM text; None where there is none that is whole."""
    try:
        content = file.read_bytes()
    except OSError:
        return None
    rest = content[DIGEST:]
    if sha256(rest).digest() != content[:DIGEST]:
        return None
    end = LENGTH + int.from_bytes(rest[:LENGTH], "little")
    return rest[LENGTH:end], rest[end:]


def write_program(file: Path, program: bytes, text: bytes) -> None:
    """Keep a program, if it can be written; other processes see all of it or nothing."""
    rest = len(program).to_bytes(LENGTH, "little") + program + text
    made = None
    try:
        with NamedTemporaryFile(dir=file.parent, delete=False) as made:
            made.write(sha256(rest).digest() + rest)
        os.replace(made.name, file)
    except OSError:  # the next process makes it again
        if made is not None:
            Path(made.name).unlink(missing_ok=True)
