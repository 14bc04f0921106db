"""How compiled loops call others by address, and find the tables that they are handed."""

# what is compiled names no types
# mypy: allow-untyped-defs, allow-untyped-calls, allow-incomplete-defs

from typing import Any

from llvmlite import ir
from numba import types

from hetlava.sim import columns as col
from hetlava.sim.instructions import TableMaker
from hetlava.sim.vectors import I64, intrinsic


@intrinsic
def call(context, at, arguments):
    """Call the loop at an address with words; a tuple of them, and return its word."""

    def generate(context, b, signature, values):
        at, packed = values
        words = [b.extract_value(packed, k) for k in range(len(signature.args[1]))]
        kind = ir.FunctionType(I64, [I64] * len(words))
        return b.call(b.inttoptr(at, kind.as_pointer()), words)

    return types.intp(types.intp, types.UniTuple(types.intp, len(arguments))), generate


source_table: Any = TableMaker(col.SOURCE_COLUMNS)
wire_table: Any = TableMaker(col.WIRE_COLUMNS)
run_table: Any = TableMaker(0)
