"""What loops call that is no function of theirs: instructions written in LLVM, and tables."""

# mypy: allow-untyped-calls

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from llvmlite import ir
from numba import types

from hetlava.sim.integers import I64, Value, convert, value_of


class CompilingError(Exception):
    """A function cannot be compiled, or not on this machine."""


class Instruction:
    """Part of a loop that is written in LLVM, with numba's protocol of intrinsics."""

    def __init__(self, define: Callable[..., Any]) -> None:
        self._define = define

    def write(self, b: Any, arguments: Sequence[Any]) -> Any:
        """Write it with arguments of a loop; return its result, None for nothing."""
        kinds = [_tuple_kind(x) if isinstance(x, tuple) else value_of(x).kind for x in arguments]
        signature, generate = self._define(None, *kinds)
        words = [_packed(b, x, kind) for x, kind in zip(arguments, signature.args, strict=True)]
        word = generate(_Context, b, signature, words)
        kind = signature.return_type
        return None if kind == types.void else Value(kind, word)


class _Context:
    @staticmethod
    def get_dummy_value() -> None:
        """Return what stands for nothing."""


def _tuple_kind(x: tuple[Any, ...]) -> Any:
    return types.UniTuple(types.intp, len(x))


def _packed(b: Any, x: Any, kind: Any) -> Any:
    if not isinstance(x, tuple):
        return convert(b, x, kind).word
    packed = ir.Constant(ir.ArrayType(I64, len(x)), ir.Undefined)
    for k, part in enumerate(x):
        packed = b.insert_value(packed, convert(b, part, types.int64).word, k)
    return packed


@dataclass(frozen=True)
class TableMaker:
    """Makes of an address the table that is there."""

    columns: int
