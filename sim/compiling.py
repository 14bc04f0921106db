"""How loops are compiled, and where the result is kept for the next process.

Numba's own cache on disk looks at the file of the outermost loop only: after a change in a loop
that it calls, or in a constant of another file, an old program would run on. Here a folder is named
after the content of every file that a loop is made from.
"""

# mypy: allow-subclassing-any

import inspect
import os
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryFile
from threading import Lock
from typing import Any, TypeVar

import numba
from numba.core import ccallback as numba_ccallback
from numba.core import errors

from hetlava import fixedpoint

ccallback: Any = numba_ccallback  # not annotated
CompilingError = errors.NumbaError

F = TypeVar("F", bound=Callable[..., Any])
# without counting of references, which costs 2x; numba's annotation lacks _nrt
LOOSE: dict[str, Any] = {"error_model": "numpy", "_nrt": False}
OPTIONS: dict[str, Any] = {"nogil": True, **LOOSE}


def inlined(function: F) -> F:
    """Copy into the loops that call it: no handing over of tables, and the shortest compilation.

    LLVM optimises a function that is called again with everyone that calls it, however deep.
    """
    jit: Any = numba.njit
    fast: F = jit(inline="always", **OPTIONS)(function)
    return fast


def called(function: F) -> F:
    """Compile once for all loops that call it."""
    jit: Any = numba.njit
    fast: F = jit(**OPTIONS)(function)
    return fast


def compiled(function: F) -> F:
    """Compile on first use, keeping the result on disk where a folder can be written."""
    fast: Any = called(function)
    folder = cache_folder(function)
    if folder is not None:
        fast._cache = _cache_in(folder, function)
    result: F = fast
    return result


class Apart:
    """A loop compiled on its own when its address is first asked for, and called by that.

    Its arguments and its result are words of 64 bits. Nothing of it is compiled again with those
    who call it, and a network compiles only what it needs.
    """

    def __init__(self, function: Callable[..., int]) -> None:
        self._function, self._lock = function, Lock()
        self._program: Any = None  # kept, or the memory at the address is given back

    @property
    def address(self) -> int:
        """Where the program is."""
        with self._lock:  # the threads of a run ask at once, and a second program would end one
            if self._program is None:
                self._program = self._compile()
        return int(self._program.address)

    def _compile(self) -> Any:
        word: Any = numba.types.intp
        words = (word,) * self._function.__code__.co_argcount
        made: Any = ccallback.CFunc(self._function, (words, word), locals={}, options=LOOSE)
        folder = cache_folder(self._function)
        if folder is not None:
            made._cache = _cache_in(folder, self._function)
        made.compile()
        return made


def cache_folder(function: Callable[..., Any]) -> Path | None:
    """Return where programs made from these sources are kept; None if nothing can be written.

    ``NUMBA_CACHE_DIR`` if it is set, otherwise beside the sources, or in the user's cache where
    the installation is read-only.
    """
    own = Path(inspect.getfile(function))
    sources = [*sorted(Path(__file__).parent.glob("*.py")), Path(fixedpoint.__file__), own]
    digest = sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:16]
    places = [own.parent / "__pycache__", _user_cache()]
    config: Any = numba.config
    if config.CACHE_DIR:
        places = [Path(config.CACHE_DIR)]
    return next(filter(_is_writable, (place / f"hetlava-{digest}" for place in places)), None)


def _user_cache() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")) / "hetlava"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "hetlava"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hetlava"


def _is_writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        TemporaryFile(dir=folder).close()
    except OSError:
        return False
    return True


def _cache_in(folder: Path, function: Callable[..., Any]) -> Any:
    """Return numba's cache of a function's programs, in a folder that nothing else shares."""
    from numba.core import caching as numba_caching

    caching: Any = numba_caching

    class Place(caching._CacheLocator):
        _py_file = inspect.getfile(function)  # for messages

        def get_cache_path(self) -> str:
            return str(folder)

        def get_source_stamp(self) -> str:
            return folder.name  # a change of the sources changes the folder

        def get_disambiguator(self) -> str:
            return str(function.__code__.co_firstlineno)

        @classmethod
        def from_function(cls, py_func: object, py_file: object) -> "Place":
            return cls()

    class Programs(caching.CompileResultCacheImpl):
        _locator_classes = [Place]

    class Cache(caching.FunctionCache):
        _impl_class = Programs

    return Cache(function)
