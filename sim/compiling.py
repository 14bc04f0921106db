"""How the engine's loops are compiled, when they are first needed."""

# mypy: allow-untyped-calls

import ctypes
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from threading import Lock
from typing import Any, TypeVar

import llvmlite
import numba
from numba.core import codegen as numba_codegen
from numba.core import compiler_lock as numba_lock

from hetlava.sim import columns as col
from hetlava.sim.caching import cache_folder, read_program, write_program
from hetlava.sim.instructions import CompilingError as CompilingError
from hetlava.sim.translating import Program

F = TypeVar("F", bound=Callable[..., Any])
TABLES = {"sources": col.SOURCE_COLUMNS, "wires": col.WIRE_COLUMNS, "run": 0}  # of these names
_apart: set[Callable[..., Any]] = set()


def inlined(function: F) -> F:
    """Copy into the loops that call it, as is done with every function that is not ``called``."""
    return function


def called(function: F) -> F:
    """Write it once in a loop, however often that calls it; it returns nothing."""
    _apart.add(function)
    return function


class Loop:
    """A loop that is compiled when it is first called, or its address is asked for.

    Its arguments and its result are words of 64 bits; those called ``sources``, ``wires`` and
    ``run`` are where such tables are. The program is kept on disk where a folder can be written.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.name = f"{function.__module__}.{function.__name__}"
        self.from_disk = False
        self._function, self._lock = function, Lock()
        self._library: Any = None  # kept, or the memory at the address is given back
        self._address = 0
        self._call: Any = None

    @property
    def address(self) -> int:
        """Where the program is."""
        if not self._address:
            with self._lock:  # the threads of a run ask at once
                if not self._address:
                    self._library = self._loaded()
                    self._address = int(self._library.get_pointer_to_function(self.name))
        return self._address

    def __call__(self, *arguments: int) -> int:
        """Run it without Python's lock."""
        if self._call is None:
            words = [ctypes.c_int64] * len(arguments)
            self._call = ctypes.CFUNCTYPE(ctypes.c_int64, *words)(self.address)
        result: int = self._call(*arguments)
        return result

    def _loaded(self) -> Any:
        folder = cache_folder(self._function)
        file = folder / f"{self.name}-{_machine()}.program" if folder else None
        found = read_program(file) if file else None
        self.from_disk = found is not None
        with numba_lock.global_compiler_lock:
            if found is not None:
                return _codegen().unserialize_library((self.name, "object", found))
            made = self._compiled()
            if file:
                write_program(file, *made.serialize_using_object_code()[2])
            return made

    def _compiled(self) -> Any:
        program = Program(self._function, TABLES, _apart)
        try:
            library = _codegen().create_library(self.name)
            library.enable_object_caching()
            library.add_ir_module(program.module)
            library.finalize()
        except RuntimeError as error:  # from LLVM
            raise CompilingError(f"{self.name}: {error}") from error
        return library


def compiled(function: Callable[..., Any]) -> Loop:
    """Compile when first needed."""
    return Loop(function)


@cache
def _codegen() -> Any:
    """Return numba's way from LLVM to the instructions of this machine."""
    return numba_codegen.JITCPUCodegen("hetlava")


@cache
def _machine() -> str:
    """Return a name for what programs depend on but the sources: processor and compiler."""
    parts = (*_codegen().magic_tuple(), numba.__version__, llvmlite.__version__)
    return sha256(repr(parts).encode()).hexdigest()[:16]
