"""Whole numbers of compiled loops as LLVM values: of which kind they are, and arithmetic on them.

Kinds are numba's. Numbers are brought to 64 bits before anything is done with them, signed ones
unless all are unsigned, so that only what is written as ``np.int32(...)`` can wrap earlier.
"""

# mypy: allow-untyped-calls

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types

BIT, I64 = ir.IntType(1), ir.IntType(64)
# of numbers without a kind, and the instructions for signed and for unsigned words
OPERATORS: dict[str, tuple[Callable[[int, int], int], str, str]] = {
    "Add": (operator.add, "add", "add"),
    "Sub": (operator.sub, "sub", "sub"),
    "Mult": (operator.mul, "mul", "mul"),
    "BitAnd": (operator.and_, "and_", "and_"),
    "BitOr": (operator.or_, "or_", "or_"),
    "BitXor": (operator.xor, "xor", "xor"),
    "LShift": (operator.lshift, "shl", "shl"),
    "RShift": (operator.rshift, "ashr", "lshr"),
    "FloorDiv": (operator.floordiv, "sdiv", "udiv"),
    "Mod": (operator.mod, "srem", "urem"),
}
COMPARISONS: dict[str, tuple[Callable[[int, int], bool], str]] = {
    "Lt": (operator.lt, "<"),
    "LtE": (operator.le, "<="),
    "Gt": (operator.gt, ">"),
    "GtE": (operator.ge, ">="),
    "Eq": (operator.eq, "=="),
    "NotEq": (operator.ne, "!="),
}


class KindError(TypeError):
    """Something of a kind that compiled loops do not have, or that does not fit where it stands."""


@dataclass(frozen=True, eq=False, slots=True)
class Value:
    """A number that is known when the loop runs."""

    kind: Any
    word: Any


@dataclass(frozen=True, eq=False, slots=True)
class Table:
    """Rows of words of 64 bits at an address; no columns for a table that is a single row."""

    at: Value
    columns: int


def is_known(x: object) -> bool:
    """Say whether it is a number without a kind, known when the loop is compiled."""
    return isinstance(x, int)  # which True and False are too


def llvm_of(kind: Any) -> Any:
    """Return LLVM's type of a kind."""
    return BIT if kind == types.boolean else ir.IntType(kind.bitwidth)


def value_of(x: object) -> Value:
    """Return what an expression gives as a number of the loop; a table is where it begins.

    Raises
    ------
    KindError
        If it is no number.
    """
    if isinstance(x, Value):
        return x
    if isinstance(x, Table):
        return x.at
    if isinstance(x, bool):
        return Value(types.boolean, ir.Constant(BIT, int(x)))
    if isinstance(x, int):
        return Value(types.int64, ir.Constant(I64, x))
    if isinstance(x, np.integer):
        kind = getattr(types, x.dtype.name)
        return Value(kind, ir.Constant(llvm_of(kind), int(x)))
    raise KindError(f"{x!r} is not a whole number")


def convert(b: Any, x: object, kind: Any) -> Value:
    """Return a number as one of another kind, cut or extended by its sign."""
    of = value_of(x)
    if of.kind == kind:
        return of
    if kind == types.boolean:
        return Value(kind, b.icmp_unsigned("!=", of.word, ir.Constant(of.word.type, 0)))
    more = llvm_of(kind).width - of.word.type.width
    if more < 0:
        return Value(kind, b.trunc(of.word, llvm_of(kind)))
    if more == 0:
        return Value(kind, of.word)
    extend = b.sext if _is_signed(of.kind) else b.zext
    return Value(kind, extend(of.word, llvm_of(kind)))


def common_kind(x: Value, y: Value) -> Any:
    """Return the kind that holds both.

    Raises
    ------
    KindError
        If there is none.
    """
    if x.kind == y.kind:
        return x.kind
    pair = {x.kind, y.kind}
    if all(_is_signed(kind) or kind.bitwidth < I64.width for kind in pair - {types.boolean}):
        return types.int64
    if not any(map(_is_signed, pair)):
        return types.uint64
    raise KindError(f"{x.kind} and {y.kind} have no kind in common")


def binary(b: Any, name: str, x: Any, y: Any) -> Any:
    """Return the result of an operator."""
    fold, signed, unsigned = OPERATORS[name]
    if is_known(x) and is_known(y):
        return fold(x, y)
    x, y = value_of(x), value_of(y)
    kind = common_kind(x, y)
    if kind != types.boolean or not name.startswith("Bit"):
        kind = types.int64 if _is_signed(kind) or kind == types.boolean else types.uint64
    left, right = convert(b, x, kind).word, convert(b, y, kind).word
    word = getattr(b, signed if _is_signed(kind) else unsigned)(left, right)
    if _is_signed(kind) and name in ("FloorDiv", "Mod"):
        word = _floored(b, name, left, right, word)
    return Value(kind, word)


def _floored(b: Any, name: str, x: Any, y: Any, word: Any) -> Any:
    """Correct a division that rounds toward zero to one that rounds down."""
    zero, rest = ir.Constant(I64, 0), b.srem(x, y)
    apart = b.icmp_signed("<", b.xor(x, y), zero)
    off = b.and_(b.icmp_signed("!=", rest, zero), apart)
    if name == "Mod":
        return b.add(word, b.select(off, y, zero))
    return b.sub(word, b.zext(off, I64))


def compare(b: Any, name: str, x: Any, y: Any) -> Any:
    """Return whether a comparison holds."""
    fold, sign = COMPARISONS[name]
    if is_known(x) and is_known(y):
        return fold(x, y)
    x, y = value_of(x), value_of(y)
    kind = common_kind(x, y)
    left, right = convert(b, x, kind).word, convert(b, y, kind).word
    how = b.icmp_signed if _is_signed(kind) else b.icmp_unsigned
    return Value(types.boolean, how(sign, left, right))


def extreme(b: Any, name: str, x: Any, y: Any) -> Any:
    """Return the smaller or, by ``Gt``, the larger of two numbers."""
    first = compare(b, name, x, y)
    if isinstance(first, bool):
        return x if first else y
    x, y = value_of(x), value_of(y)
    kind = common_kind(x, y)
    left, right = convert(b, x, kind).word, convert(b, y, kind).word
    return Value(kind, b.select(first.word, left, right))


def _is_signed(kind: Any) -> bool:
    return bool(kind != types.boolean and kind.signed)
