"""From Python to LLVM: functions of whole numbers, branches and loops, as the engine's are.

Numba knows much more of Python, and spends four fifths of its time on finding out what is meant:
ten seconds for a network with a loop, where this takes two. Functions know numbers (see
:mod:`hetlava.sim.integers`), tables of words, tuples of both, ``range``, ``min``, ``max``, each
other, and instructions (:data:`hetlava.sim.vectors.intrinsic`). A name stands for numbers of one
kind; a step of a range is positive; dividing by zero is not defined; no function calls itself.
"""

# mypy: allow-untyped-calls

import ast
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from llvmlite import ir
from numba import types

from hetlava.sim import integers
from hetlava.sim.expressions import Expressions, Frame, source_of
from hetlava.sim.instructions import CompilingError
from hetlava.sim.integers import I64, KindError, Table, Value, convert, value_of

RESULT = "return"  # no name of Python's


class Program:
    """An LLVM module of one loop and all that it calls.

    Parameters
    ----------
    function : callable
        Its arguments are words of 64 bits, or tables where they have the name of one.
    tables : dict
        The columns of tables by name.
    apart : collection of callable
        Functions that are not copied into those who call them.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        tables: Mapping[str, int],
        apart: Collection[Callable[..., Any]],
    ) -> None:
        self.name = f"{function.__module__}.{function.__name__}"
        self.module = ir.Module(self.name)
        self.apart = apart
        self._called: dict[Any, Any] = {}
        words = function.__code__.co_varnames[: function.__code__.co_argcount]
        made = ir.Function(self.module, ir.FunctionType(I64, [I64] * len(words)), self.name)
        arguments: list[Any] = [Value(types.int64, word) for word in made.args]
        for k, name in enumerate(words):
            if name in tables:
                arguments[k] = Table(arguments[k], tables[name])
        body = _Body(self, made)
        result = body.inline(function, arguments)
        body.b.ret(convert(body.b, 0 if result is None else result, types.int64).word)

    def called(self, function: Callable[..., Any], arguments: Sequence[Any]) -> Any:
        """Return the LLVM function for arguments of these kinds."""
        kinds = tuple(str(value.word.type) for value in _flat(arguments))
        key = function, kinds, _shape(tuple(arguments))
        if key not in self._called:
            words = [value.word.type for value in _flat(arguments)]
            name = f"{function.__module__}.{function.__name__}.{len(self._called)}"
            made = ir.Function(self.module, ir.FunctionType(ir.VoidType(), words), name)
            made.linkage = "internal"
            self._called[key] = made
            body = _Body(self, made)
            if body.inline(function, _rebuilt(tuple(arguments), iter(made.args))) is not None:
                raise CompilingError(f"{name}: what is called apart returns nothing")
            body.b.ret_void()
        return self._called[key]


def _flat(arguments: Sequence[Any]) -> Iterator[Value]:
    for x in arguments:
        if isinstance(x, tuple):
            yield from _flat(x)
        else:
            yield value_of(x)


def _shape(x: Any) -> Any:
    if isinstance(x, Table):
        return x.columns
    if isinstance(x, tuple):
        return tuple(map(_shape, x))
    return str(value_of(x).kind)


def _rebuilt(x: Any, words: Iterator[Any]) -> Any:
    """Return arguments like ``x`` that consist of other words."""
    if isinstance(x, Table):
        return Table(Value(types.int64, next(words)), x.columns)
    if isinstance(x, tuple):
        return tuple(_rebuilt(part, words) for part in x)
    return Value(value_of(x).kind, next(words))


class _Body(Expressions):
    """An LLVM function while it is written, with the functions that are copied into it."""

    def __init__(self, program: Program, made: Any) -> None:
        super().__init__(made)
        self.program = program
        self.loops: list[tuple[Any, Any]] = []  # where `continue` and `break` lead

    def call(self, function: Callable[..., Any], arguments: Sequence[Any]) -> Any:
        """Call a function where it is apart, otherwise copy it in; return its result."""
        if function not in self.program.apart:
            return self.inline(function, arguments)
        words = [value.word for value in _flat(arguments)]
        self.b.call(self.program.called(function, arguments), words)
        return None

    def inline(self, function: Callable[..., Any], arguments: Sequence[Any]) -> Any:
        """Copy a function in; return its result."""
        source, outer, loops = source_of(function), self.frame, self.loops
        parameters = source.tree.args.args
        self.frame = Frame(source, {}, self.b.append_basic_block("end"))
        self.loops = []
        for parameter, x in zip(parameters, arguments, strict=True):
            self.name(parameter.arg, x)
        self._statements(source.tree.body)
        self._go(self.frame.end)
        self.b.position_at_end(self.frame.end)
        result = self.read(self.frame.names[RESULT]) if RESULT in self.frame.names else None
        self.frame, self.loops = outer, loops
        return result

    def _go(self, block: Any) -> None:
        if not self.b.block.is_terminated:
            self.b.branch(block)

    def _statements(self, nodes: Sequence[ast.stmt]) -> None:
        for node in nodes:
            if self.b.block.is_terminated:
                return
            try:
                getattr(self, f"_do_{type(node).__name__}", self.unknown)(node)
            except (KindError, AttributeError, LookupError, TypeError, ValueError) as error:
                where = f"{self.frame.source.file}:{node.lineno}"
                raise CompilingError(f"{where}: {error}") from error

    def _do_Expr(self, node: ast.Expr) -> None:
        self.value(node.value)

    def _do_Pass(self, node: ast.Pass) -> None:
        pass

    def _do_Assign(self, node: ast.Assign) -> None:
        x = self.value(node.value)
        for target in node.targets:
            self.assign(target, x)

    def _do_AugAssign(self, node: ast.AugAssign) -> None:
        before: Any = node.target
        if isinstance(before, ast.Subscript):
            at = self.place(before)
            x = integers.binary(
                self.b, type(node.op).__name__, Value(types.int64, self.b.load(at)),
                self.value(node.value),
            )  # fmt: skip
            self.b.store(convert(self.b, x, types.int64).word, at)
            return
        x = self.read(self.frame.names[before.id])
        x = integers.binary(self.b, type(node.op).__name__, x, self.value(node.value))
        self.name(before.id, x)

    def _do_Return(self, node: ast.Return) -> None:
        if node.value is not None:
            self.name(RESULT, self.value(node.value))
        self.b.branch(self.frame.end)

    def _do_Break(self, node: ast.Break) -> None:
        self.b.branch(self.loops[-1][1])

    def _do_Continue(self, node: ast.Continue) -> None:
        self.b.branch(self.loops[-1][0])

    def _do_If(self, node: ast.If) -> None:
        test = self.truth(node.test)
        if isinstance(test, bool):
            self._statements(node.body if test else node.orelse)
            return
        then, otherwise, after = map(self.b.append_basic_block, ("then", "else", "after"))
        self.b.cbranch(test, then, otherwise)
        for block, body in ((then, node.body), (otherwise, node.orelse)):
            self.b.position_at_end(block)
            self._statements(body)
            self._go(after)
        self.b.position_at_end(after)

    def _do_While(self, node: ast.While) -> None:
        head, body, after = map(self.b.append_basic_block, ("while", "body", "after"))
        self.b.branch(head)
        self.b.position_at_end(head)
        self.b.cbranch(convert(self.b, self.value(node.test), types.boolean).word, body, after)
        self._turn(node.body, body, head, after)
        self.b.position_at_end(after)

    def _do_For(self, node: ast.For) -> None:
        start, stop, step = self._range(node.iter)
        b, i = self.b, self.slot(types.int64)
        b.store(start, i)
        head, body, following, after = map(
            b.append_basic_block, ("for", "body", "next", "after")
        )  # fmt: skip
        b.branch(head)
        b.position_at_end(head)
        here = b.load(i)
        b.cbranch(b.icmp_signed("<", here, stop), body, after)
        b.position_at_end(body)
        self.assign(node.target, Value(types.int64, here))
        self._turn(node.body, body, following, after)
        b.position_at_end(following)
        b.store(b.add(here, step), i)
        b.branch(head)
        b.position_at_end(after)

    def _turn(self, nodes: Sequence[ast.stmt], body: Any, again: Any, after: Any) -> None:
        """Write the body of a loop, up to where it goes on with the next turn."""
        self.b.position_at_end(body)
        self.loops.append((again, after))
        self._statements(nodes)
        self.loops.pop()
        self._go(again)

    def _range(self, node: Any) -> list[Any]:
        if not isinstance(node, ast.Call) or self.value(node.func) is not range:
            raise KindError("compiled loops run over a range")
        ends = [self.value(x) for x in node.args]
        bounds = [[0, ends[0], 1], [*ends, 1], ends][len(ends) - 1]
        return [convert(self.b, x, types.int64).word for x in bounds]
