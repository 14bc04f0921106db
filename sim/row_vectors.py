"""Sums of rows of weights in vectors; see :mod:`hetlava.sim.vectors`.

A row is of 64 bytes, the weights of a source to 64 neurons.
"""

# what is compiled names no types
# mypy: allow-untyped-defs, allow-untyped-calls, allow-incomplete-defs

from llvmlite import ir
from numba import types

from hetlava.sim.vectors import (
    I8,
    I16,
    I32,
    I64,
    UNIT,
    Loop,
    address,
    every,
    intrinsic,
    load,
    number,
    repeated,
    store,
    vector,
)


def sums_of_rows(b, weights, events, start, stop, *, may_be_empty=False):
    """Sum rows of 64 bytes, at most 256 rows; return those of neurons 0 .. 31 and 32 .. 63.

    A word of 16 bits holds the bytes of two neurons 32 apart. The sum of the words modulo 2**16
    and the sum of their upper bytes give both sums back: three instructions for two vectors.
    """
    words = vector(I16, UNIT // 2)
    eight, zero = every(I16, UNIT // 2, 8), ir.Constant(words, None)
    loop = Loop(b, start, stop, number(1), [zero, zero], may_be_empty=may_be_empty)
    neuron = b.zext(b.load(address(b, events, loop.i, I32)), I64)
    pair = load(b, address(b, weights, b.mul(neuron, number(UNIT)), I8), words, UNIT)
    whole, high = loop.values
    whole, high = loop.close([b.add(whole, pair), b.add(high, b.lshr(pair, eight))])
    return b.sub(whole, b.shl(high, eight)), high


@intrinsic
def add_rows(context, weights, events, start, stop, drive, shift, low, keep):
    """Do ``drive[k] = (drive[k] & keep) + (sum of bytes + low << shift)``, in 32 bits.

    ``drive`` is of 64 neurons; there is at least one row.
    """

    def generate(context, b, signature, arguments):
        weights, events, start, stop, drive, shift, low, keep = arguments
        wide = vector(I32, UNIT // 2)
        parts = sums_of_rows(b, weights, events, start, stop)
        left, less, kept = (repeated(b, x, UNIT // 2) for x in (shift, low, keep))
        for half, part in enumerate(parts):
            value = b.shl(b.add(b.zext(part, wide), less), left)
            at = address(b, drive, number(UNIT // 2 * half), I32)
            store(b, b.add(b.and_(load(b, at, wide), kept), value), at)
        return context.get_dummy_value()

    return types.void(*[types.intp] * 5, *[types.int32] * 3), generate


@intrinsic
def add_graded_64(context, row, drive, value, shift, low):
    """Add ``(byte + low) * value << shift`` for the 64 weights of a row, in 32 bits."""

    def generate(context, b, signature, arguments):
        row, drive, value, shift, low = arguments
        words, wide = vector(I16, UNIT // 2), vector(I32, UNIT // 2)
        times, left, less = (repeated(b, x, UNIT // 2) for x in (value, shift, low))
        pair = load(b, address(b, row, number(0), I8), words, UNIT)
        upper = b.lshr(pair, every(I16, UNIT // 2, 8))
        for half, part in enumerate((b.and_(pair, every(I16, UNIT // 2, 255)), upper)):
            weight = b.add(b.zext(part, wide), less)
            at = address(b, drive, number(UNIT // 2 * half), I32)
            store(b, b.add(load(b, at, wide), b.shl(b.mul(weight, times), left)), at)
        return context.get_dummy_value()

    return types.void(*[types.intp] * 2, *[types.int32] * 3), generate
