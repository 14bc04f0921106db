"""Loops over floats and records of arrays, which numba compiles: those of the analog simulator."""

# mypy: allow-subclassing-any

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numba

from hetlava.sim.caching import cache_folder

F = TypeVar("F", bound=Callable[..., Any])
# without counting of references, which costs 2x; numba's annotation lacks _nrt
OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "_nrt": False}


def jitted(function: F) -> F:
    """Compile on first use, keeping the result on disk where a folder can be written."""
    jit: Any = numba.njit
    fast: Any = jit(**OPTIONS)(function)
    folder = cache_folder(function)
    if folder is not None:
        fast._cache = _cache_in(folder, function)
    result: F = fast
    return result


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
