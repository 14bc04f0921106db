"""Loops of the engine in vectors, written as LLVM instructions of any machine.

Numba's own vectorisation stops at half of what a processor can do here: it widens small integers,
knows no masks and no rounding mode. These functions hand LLVM vector types instead, and LLVM picks
the instructions of the machine that it compiles for (SSE, AVX2, AVX-512, NEON). They take addresses
of arrays, whose owners must outlive the call.

Spikes are bits: neuron ``64 w + b`` is bit ``b`` of word ``w``.
"""

# what is compiled names no types
# mypy: allow-untyped-defs, allow-untyped-calls, allow-incomplete-defs

import platform
from typing import Any

from llvmlite import binding, ir
from numba import types
from numba.core import cgutils

from hetlava.fixedpoint import STATE_BITS
from hetlava.sim.instructions import Instruction

intrinsic: Any = Instruction

UNIT = 64  # bytes of a row that are handled together: 64 neurons
BIT, I8, I16, I32, I64 = (ir.IntType(n) for n in (1, 8, 16, 32, 64))
F32 = ir.FloatType()
HALF = 1 << (STATE_BITS - 1)
TO_ZERO, TO_NEAREST = 0, 1  # LLVM's numbers of rounding modes
# LLVM cannot change the rounding of other machines; integers serve there
CAN_ROUND = platform.machine().lower() in ("x86_64", "amd64", "aarch64", "arm64")
LANES = 16 if binding.get_host_cpu_features().get("avx512f") else 8  # 32-bit neurons of a vector
# LLVM's numbers: to read, into the nearest cache or the one behind it, of data
READ_DATA_SOON, READ_DATA_LATER = (0, 3, 1), (0, 2, 1)
STACK = 64  # words that a loop may put down for itself
BITS_AT_ONCE = 8  # spikes written before the loop looks whether there are more


def vector(kind, n):
    return ir.VectorType(kind, n)


def every(kind, n, value):
    return ir.Constant(vector(kind, n), [value] * n)


def number(value):
    return ir.Constant(I64, value)


def address(b, base, offset, kind):
    """Return a pointer to element ``offset`` of the array of ``kind`` at the integer ``base``."""
    return b.gep(b.inttoptr(base, kind.as_pointer()), [offset])


def load(b, pointer, kind, align=4):
    value = b.load(b.bitcast(pointer, kind.as_pointer()))
    value.align = align
    return value


def store(b, value, pointer, align=4):
    b.store(value, b.bitcast(pointer, value.type.as_pointer())).align = align


def repeated(b, scalar, n):
    undefined = ir.Constant(vector(scalar.type, n), ir.Undefined)
    one = b.insert_element(undefined, scalar, ir.Constant(I32, 0))
    return b.shuffle_vector(one, undefined, every(I32, n, 0))


def _intrinsic(b, name, result, arguments):
    found = b.module.globals.get(name)
    return found or ir.Function(b.module, ir.FunctionType(result, arguments), name)


def _keep_rolled(module, branch):
    """Forbid to unroll a loop of few turns: the loop for the rest would be guessed wrong too."""
    off = module.add_metadata([ir.MetaDataString(module, "llvm.loop.unroll.disable")])
    loop = module.add_metadata([off])
    loop.operands = (loop, off)  # LLVM names a loop by a record that contains itself
    branch.set_metadata("llvm.loop", loop)


class Loop:
    """A loop over ``i`` from start to stop with values carried along.

    It runs at least once, unless it ``may_be_empty``.
    """

    def __init__(self, b, start, stop, step, carried, *, may_be_empty=False):
        self.b, self.stop, self.step = b, stop, step
        entry = b.block
        self.head, self.end = b.append_basic_block("loop"), b.append_basic_block("after")
        self.skipped = (entry, carried) if may_be_empty else None
        if may_be_empty:
            b.cbranch(b.icmp_signed("<", start, stop), self.head, self.end)
        else:
            b.branch(self.head)
        b.position_at_end(self.head)
        self.i = b.phi(I64)
        self.i.add_incoming(start, entry)
        self.values = []
        for value in carried:
            phi = b.phi(value.type)
            phi.add_incoming(value, entry)
            self.values.append(phi)

    def close(self, new):
        """End the loop; return the carried values as they are after it."""
        b, last = self.b, self.b.block
        following = b.add(self.i, self.step)
        self.i.add_incoming(following, last)
        for phi, value in zip(self.values, new, strict=True):
            phi.add_incoming(value, last)
        again = b.cbranch(b.icmp_signed("<", following, self.stop), self.head, self.end)
        if self.skipped is not None:
            _keep_rolled(b.module, again)
        b.position_at_end(self.end)
        if self.skipped is None:
            return new
        left = []
        entry, carried = self.skipped
        for before, value in zip(carried, new, strict=True):
            left.append(b.phi(value.type))
            left[-1].add_incoming(before, entry)
            left[-1].add_incoming(value, last)
        return left


def _reader(kind, result, align=None):
    """Make ``read(base, index)``; an alignment is stated where it is not that of the kind."""

    @intrinsic
    def read(context, base, index):
        def generate(context, b, signature, arguments):
            return b.load(address(b, arguments[0], arguments[1], kind), align=align)

        return result(types.intp, types.intp), generate

    return read


read_uint8 = _reader(I8, types.uint8)
read_int8 = _reader(I8, types.int8)
read_uint32 = _reader(I32, types.uint32)
read_int16 = _reader(I16, types.int16, 1)
read_int32 = _reader(I32, types.int32)
read_int64 = _reader(I64, types.int64)
read_uint64 = _reader(I64, types.uint64)
read_anywhere = _reader(I64, types.uint64, 1)  # also across words
read_weights = _reader(I32, types.uint32, 1)  # four bytes


def _writer(kind, given):
    """Make ``write(base, index, value)``."""

    @intrinsic
    def write(context, base, index, value):
        def generate(context, b, signature, arguments):
            b.store(arguments[2], address(b, arguments[0], arguments[1], kind))
            return context.get_dummy_value()

        return types.void(types.intp, types.intp, given), generate

    return write


write_int16 = _writer(I16, types.int16)
write_int32 = _writer(I32, types.int32)
write_int64 = _writer(I64, types.int64)


@intrinsic
def stack_words(context):
    """Return the address of ``STACK`` words of 64 bits that last as long as the loop."""

    def generate(context, b, signature, arguments):
        return b.ptrtoint(cgutils.alloca_once(b, I64, size=number(STACK)), I64)

    return types.intp(), generate


@intrinsic
def clear(context, base, n_bytes):
    """Write zeros."""

    def generate(context, b, signature, arguments):
        pointer = b.inttoptr(arguments[0], I8.as_pointer())
        cgutils.memset(b, pointer, arguments[1], 0)
        return context.get_dummy_value()

    return types.void(types.intp, types.intp), generate


@intrinsic
def round_to(context, mode):
    """Set how floating-point numbers are rounded by this thread."""

    def generate(context, b, signature, arguments):
        b.call(_intrinsic(b, "llvm.set.rounding", ir.VoidType(), [I32]), arguments)
        return context.get_dummy_value()

    return types.void(types.int32), generate


@intrinsic
def count_bits(context, word):
    """Return the number of ones in a uint64."""

    def generate(context, b, signature, arguments):
        return b.call(_intrinsic(b, "llvm.ctpop.i64", I64, [I64]), arguments)

    return types.int64(types.uint64), generate


@intrinsic
def set_bit(context, words, place):
    """Set bit ``place`` of the words."""

    def generate(context, b, signature, arguments):
        at = address(b, arguments[0], b.lshr(arguments[1], number(6)), I64)
        bit = b.shl(number(1), b.and_(arguments[1], number(63)))
        b.store(b.or_(b.load(at), bit), at)
        return context.get_dummy_value()

    return types.void(types.intp, types.intp), generate


@intrinsic
def add_sized_run(context, target, source, n, value, shift):
    """Add ``n`` numbers of 16 bits times ``value << shift`` to words of 32 bits.

    ``n`` is a multiple of 16 and not 0.
    """

    def generate(context, b, signature, arguments):
        target, source, n, value, shift = arguments
        kind = vector(I32, 8)
        times, up = repeated(b, value, 8), repeated(b, shift, 8)
        loop = Loop(b, number(0), n, number(8), [])
        to, of = address(b, target, loop.i, I32), address(b, source, loop.i, I16)
        part = b.shl(b.mul(b.sext(load(b, of, vector(I16, 8), 2), kind), times), up)
        store(b, b.add(load(b, to, kind), part), to)
        loop.close([])
        return context.get_dummy_value()

    return types.void(types.intp, types.intp, types.intp, types.int32, types.int32), generate


@intrinsic
def add_run(context, target, source, n):
    """Add ``n`` numbers of 16 bits, a multiple of 16 and not 0, to those at ``target``."""

    def generate(context, b, signature, arguments):
        target, source, n = arguments
        kind = vector(I16, 16)
        loop = Loop(b, number(0), n, number(16), [])
        to, of = address(b, target, loop.i, I16), address(b, source, loop.i, I16)
        store(b, b.add(load(b, to, kind, 2), load(b, of, kind, 2)), to, 2)
        loop.close([])
        return context.get_dummy_value()

    return types.void(types.intp, types.intp, types.intp), generate


@intrinsic
def add_floor(context, target, source, n, right, left):
    """Add ``n`` sums, a multiple of 8 and not 0, shifted right and then left."""

    def generate(context, b, signature, arguments):
        target, source, n, right, left = arguments
        kind = vector(I32, 8)
        down, up = repeated(b, right, 8), repeated(b, left, 8)
        loop = Loop(b, number(0), n, number(8), [])
        to, of = address(b, target, loop.i, I32), address(b, source, loop.i, I32)
        value = b.shl(b.ashr(load(b, of, kind), down), up)
        store(b, b.add(load(b, to, kind), value), to)
        loop.close([])
        return context.get_dummy_value()

    return types.void(types.intp, types.intp, types.intp, types.int32, types.int32), generate


@intrinsic
def add_halves(context, target, source, n, shift, keep):
    """Do ``target[k] = (target[k] & keep) + (source[k] << shift)`` for ``n`` sums of 16 bits.

    ``n`` is a multiple of 8 and not 0.
    """

    def generate(context, b, signature, arguments):
        target, source, n, shift, keep = arguments
        kind = vector(I32, 8)
        up, kept = repeated(b, shift, 8), repeated(b, keep, 8)
        loop = Loop(b, number(0), n, number(8), [])
        to, of = address(b, target, loop.i, I32), address(b, source, loop.i, I16)
        value = b.shl(b.sext(load(b, of, vector(I16, 8), 2), kind), up)
        store(b, b.add(b.and_(load(b, to, kind), kept), value), to)
        loop.close([])
        return context.get_dummy_value()

    return types.void(types.intp, types.intp, types.intp, types.int32, types.int32), generate


def _lister(some):
    @intrinsic
    def write_events(context, words, chosen, n_words, events, position):
        """Write the places of bits set in words (and in ``chosen``) from ``position`` on.

        Returns the end, beyond which up to ``BITS_AT_ONCE - 1`` numbers are written.
        """

        def generate(context, b, signature, arguments):
            words, chosen, n_words, events, position = arguments
            count = _intrinsic(b, "llvm.ctpop.i64", I64, [I64])
            trailing = _intrinsic(b, "llvm.cttz.i64", I64, [I64, BIT])
            loop = Loop(b, number(0), n_words, number(1), [position])
            word = b.load(address(b, words, loop.i, I64))
            if some:
                word = b.and_(word, b.load(address(b, chosen, loop.i, I64)))
            first = b.trunc(b.mul(loop.i, number(64)), I32)
            end = b.add(loop.values[0], b.call(count, [word]))
            start, following = b.block, b.append_basic_block("next")
            busy = b.append_basic_block("busy")
            b.cbranch(b.icmp_signed("==", word, number(0)), following, busy)
            b.position_at_end(busy)
            left, at = b.phi(I64), b.phi(I64)
            left.add_incoming(word, start)
            at.add_incoming(loop.values[0], start)
            rest = left
            for k in range(BITS_AT_ONCE):
                place = b.trunc(b.call(trailing, [rest, ir.Constant(BIT, 0)]), I32)
                b.store(b.add(first, place), address(b, events, b.add(at, number(k)), I32))
                rest = b.and_(rest, b.sub(rest, number(1)))
            left.add_incoming(rest, busy)
            at.add_incoming(b.add(at, number(BITS_AT_ONCE)), busy)
            b.cbranch(b.icmp_signed("!=", rest, number(0)), busy, following)
            b.position_at_end(following)
            loop.close([end])
            return end

        return types.intp(*[types.intp] * 5), generate

    return write_events


write_all, write_chosen = _lister(False), _lister(True)


def _prefetcher(how):
    @intrinsic
    def prefetch(typing, base):
        """Ask for the cache line at an address, which is going to be read."""

        def generate(context, b, signature, arguments):
            line = b.inttoptr(arguments[0], I8.as_pointer())
            to = _intrinsic(b, "llvm.prefetch.p0i8", ir.VoidType(), [line.type, I32, I32, I32])
            b.call(to, [line, *(ir.Constant(I32, n) for n in how)])
            return context.get_dummy_value()

        return types.void(types.int64), generate

    return prefetch


prefetch, prefetch_later = _prefetcher(READ_DATA_SOON), _prefetcher(READ_DATA_LATER)
