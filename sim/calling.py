"""How compiled loops call others by address, and find the tables that they are handed."""

# numba infers the types of these functions
# mypy: allow-untyped-defs, allow-untyped-calls, allow-incomplete-defs

from math import prod

from llvmlite import ir
from numba import types
from numba.np import arrayobj

from hetlava.sim import columns as col
from hetlava.sim.vectors import I64, intrinsic, number

ROWS = 1 << 40  # no loop asks how many a table has
WORD = 8


@intrinsic
def call(context, at, arguments):
    """Call the loop at an address with words; a tuple of them, and return its word."""

    def generate(context, b, signature, values):
        at, packed = values
        words = [b.extract_value(packed, k) for k in range(len(signature.args[1]))]
        kind = ir.FunctionType(I64, [I64] * len(words))
        return b.call(b.inttoptr(at, kind.as_pointer()), words)

    return types.intp(types.intp, types.UniTuple(types.intp, len(arguments))), generate


def _table(*shape):
    """Make ``table(at)``, the array of words of 64 bits at an address."""

    @intrinsic
    def table(context, at):
        kind = types.Array(types.int64, len(shape), "C")

        def generate(context, b, signature, arguments):
            made = arrayobj.make_array(kind)(context, b)
            steps = [WORD * prod(shape[k + 1 :]) for k in range(len(shape))]
            arrayobj.populate_array(
                made,
                data=b.inttoptr(arguments[0], I64.as_pointer()),
                shape=tuple(map(number, shape)),
                strides=tuple(map(number, steps)),
                itemsize=number(WORD),
                meminfo=None,
            )
            return made._getvalue()

        return kind(types.intp), generate

    return table


source_table = _table(ROWS, col.SOURCE_COLUMNS)
wire_table = _table(ROWS, col.WIRE_COLUMNS)
run_table = _table(col.RUN_COLUMNS)
