"""Names and expressions of functions that become LLVM; see :mod:`hetlava.sim.translating`."""

# mypy: allow-untyped-calls

import ast
import builtins
import inspect
import textwrap
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, reduce
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import types

from hetlava.sim import integers
from hetlava.sim.instructions import CompilingError, Instruction, TableMaker
from hetlava.sim.integers import I64, KindError, Table, Value, convert, is_known, value_of

CASTS = {
    getattr(np, name): getattr(types, name)
    for name in ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
}
EXTREMES = {min: "Lt", max: "Gt"}


@dataclass(frozen=True, slots=True)
class Slot:
    kind: Any
    at: Any


class Source(NamedTuple):
    """The text of a function as a tree, and what its global names mean."""

    tree: ast.FunctionDef
    names: dict[str, Any]
    file: str


@cache
def source_of(function: Callable[..., Any]) -> Source:
    try:
        lines, first = inspect.getsourcelines(function)
    except OSError as error:
        raise CompilingError(f"the source of {function.__name__} is not there") from error
    tree = ast.parse(textwrap.dedent("".join(lines))).body[0]
    assert isinstance(tree, ast.FunctionDef)
    ast.increment_lineno(tree, first - 1)
    return Source(tree, function.__globals__, inspect.getfile(function))


class Frame(NamedTuple):
    """A call of a function: what its names stand for, and where it ends."""

    source: Source
    names: dict[str, Any]
    end: Any


class Expressions(ABC):
    """The part of a function's translation that gives values.

    Attributes
    ----------
    b : IRBuilder
        Where the next instruction is written.
    frame : Frame
        The function that is copied in at the moment.
    """

    def __init__(self, made: Any) -> None:
        self.b = ir.IRBuilder(made.append_basic_block("entry"))
        self.frame: Any = None

    @abstractmethod
    def call(self, function: Callable[..., Any], arguments: Sequence[Any]) -> Any:
        """Call a function of loops; return its result."""

    def unknown(self, node: ast.AST) -> Any:
        """Refuse what loops do not have."""
        raise KindError(f"compiled loops have no {type(node).__name__}")

    def slot(self, kind: Any) -> Any:
        with self.b.goto_entry_block():
            return self.b.alloca(integers.llvm_of(kind))

    def assign(self, target: Any, x: Any) -> None:
        if isinstance(target, ast.Tuple):
            for part, y in zip(target.elts, x, strict=True):
                self.assign(part, y)
        elif isinstance(target, ast.Subscript):
            self.b.store(convert(self.b, x, types.int64).word, self.place(target))
        else:
            self.name(target.id, x)

    def name(self, name: str, x: Any) -> None:
        """Let a name stand for a number, a table or a tuple."""
        names = self.frame.names
        if isinstance(x, Table):
            names[name] = x
        elif isinstance(x, tuple):
            parts = [f"{name}.{k}" for k in range(len(x))]
            for part, y in zip(parts, x, strict=True):
                self.name(part, y)
            names[name] = tuple(names[part] for part in parts)
        else:
            value = value_of(x)
            slot = names.setdefault(name, None) or Slot(value.kind, self.slot(value.kind))
            names[name] = slot
            if integers.common_kind(value, Value(slot.kind, None)) != slot.kind:
                raise KindError(f"{name} is {slot.kind} and then {value.kind}")
            self.b.store(convert(self.b, value, slot.kind).word, slot.at)

    def read(self, x: Any) -> Any:
        if isinstance(x, Slot):
            return Value(x.kind, self.b.load(x.at))
        if isinstance(x, tuple):
            return tuple(map(self.read, x))
        return x

    def place(self, node: ast.Subscript) -> Any:
        """Return a pointer to a word of a table."""
        table, which = self.value(node.value), self.value(node.slice)
        if not isinstance(table, Table):
            raise KindError("only words of tables have a place")
        word = which
        if table.columns:
            row = integers.binary(self.b, "Mult", which[0], table.columns)
            word = integers.binary(self.b, "Add", row, which[1])
        at = self.b.inttoptr(table.at.word, I64.as_pointer())
        return self.b.gep(at, [convert(self.b, word, types.int64).word])

    def value(self, node: ast.AST) -> Any:
        return getattr(self, f"_of_{type(node).__name__}", self.unknown)(node)

    def truth(self, node: ast.AST) -> Any:
        x = self.value(node)
        return bool(x) if is_known(x) else convert(self.b, x, types.boolean).word

    def _of_Constant(self, node: ast.Constant) -> Any:
        return node.value

    def _of_Name(self, node: ast.Name) -> Any:
        source, names = self.frame.source, self.frame.names
        if node.id in names:
            return self.read(names[node.id])
        if node.id in source.names:
            return source.names[node.id]
        return getattr(builtins, node.id)

    def _of_Attribute(self, node: ast.Attribute) -> Any:
        return getattr(self.value(node.value), node.attr)

    def _of_Tuple(self, node: ast.Tuple) -> Any:
        return tuple(self._all(node.elts))

    def _all(self, nodes: Sequence[ast.expr]) -> Iterator[Any]:
        for node in nodes:
            if isinstance(node, ast.Starred):
                yield from self.value(node.value)
            else:
                yield self.value(node)

    def _of_Subscript(self, node: ast.Subscript) -> Any:
        whole = self.value(node.value)
        if isinstance(whole, Table):
            return Value(types.int64, self.b.load(self.place(node)))
        return whole[self.value(node.slice)]

    def _of_BinOp(self, node: ast.BinOp) -> Any:
        x, y = self.value(node.left), self.value(node.right)
        if isinstance(x, tuple) and isinstance(y, tuple):
            return x + y
        return integers.binary(self.b, type(node.op).__name__, x, y)

    def _of_UnaryOp(self, node: ast.UnaryOp) -> Any:
        if isinstance(node.op, ast.Not):
            test = self.truth(node.operand)
            return not test if isinstance(test, bool) else Value(types.boolean, self.b.not_(test))
        x = self.value(node.operand)
        if isinstance(node.op, ast.USub):
            return integers.binary(self.b, "Sub", 0, x)
        return integers.binary(self.b, "BitXor", -1, x)

    def _of_Compare(self, node: ast.Compare) -> Any:
        parts = [self.value(x) for x in (node.left, *node.comparators)]
        holds = [
            integers.compare(self.b, type(op).__name__, x, y)
            for op, x, y in zip(node.ops, parts, parts[1:], strict=False)
        ]
        return reduce(lambda x, y: integers.binary(self.b, "BitAnd", x, y), holds)

    def _of_BoolOp(self, node: ast.BoolOp) -> Any:
        b, end, found = self.b, self.b.append_basic_block("end"), self.slot(types.boolean)
        for k, part in enumerate(node.values):
            word = convert(b, self.value(part), types.boolean).word
            b.store(word, found)
            if k < len(node.values) - 1:
                following = b.append_basic_block("next")
                ways = (following, end) if isinstance(node.op, ast.And) else (end, following)
                b.cbranch(word, *ways)
                b.position_at_end(following)
        b.branch(end)
        b.position_at_end(end)
        return Value(types.boolean, b.load(found))

    def _of_IfExp(self, node: ast.IfExp) -> Any:
        b, test = self.b, self.truth(node.test)
        if isinstance(test, bool):
            return self.value(node.body if test else node.orelse)
        then, otherwise, after = map(b.append_basic_block, ("then", "else", "after"))
        b.cbranch(test, then, otherwise)
        found = []
        for block, part in ((then, node.body), (otherwise, node.orelse)):
            b.position_at_end(block)
            found.append((value_of(self.value(part)), b.block))
        kind = integers.common_kind(*(value for value, _ in found))
        ways = []
        for value, block in found:
            b.position_at_end(block)
            ways.append((convert(b, value, kind).word, block))
            b.branch(after)
        b.position_at_end(after)
        result = b.phi(integers.llvm_of(kind))
        for way in ways:
            result.add_incoming(*way)
        return Value(kind, result)

    def _of_Call(self, node: ast.Call) -> Any:
        function, arguments = self.value(node.func), tuple(self._all(node.args))
        if node.keywords:
            raise KindError("compiled loops name no arguments")
        if function in CASTS:
            (x,) = arguments
            return function(x) if is_known(x) else convert(self.b, x, CASTS[function])
        if function in EXTREMES:
            return reduce(
                lambda x, y: integers.extreme(self.b, EXTREMES[function], x, y), arguments
            )
        if isinstance(function, Instruction):
            return function.write(self.b, arguments)
        if inspect.isfunction(function):
            return self.call(function, arguments)
        if isinstance(function, TableMaker):
            return Table(convert(self.b, arguments[0], types.int64), function.columns)
        raise KindError(f"compiled loops cannot call {function!r}")
