"""The update of CUBA neurons in vectors; see :mod:`hetlava.sim.vectors`.

``|x| * keep >> 12`` is one multiplication of floats where ``|x| <= 2**24``: rounded toward zero,
the product has no fraction that it should not have. The other way, exact for every x, splits it
into ``(|x| >> 12) * keep + ((|x| & 4095) * keep >> 12)`` in 32 bits.
"""

# numba infers the types of these functions
# mypy: allow-untyped-defs, allow-untyped-calls, allow-incomplete-defs

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

from hetlava.fixedpoint import DECAY_BITS
from hetlava.sim.row_vectors import sums_of_rows
from hetlava.sim.vectors import (
    F32,
    HALF,
    I32,
    I64,
    LANES,
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

INTS, FLOATS = vector(I32, LANES), vector(F32, LANES)


def _ints(value):
    return every(I32, LANES, value)


def _decay_tame(b, x, keep):
    return b.fptosi(b.fmul(b.sitofp(x, FLOATS), keep), INTS)


def _decay_any(b, x, keep):
    twelve = _ints(DECAY_BITS)
    k = b.fptosi(b.fmul(keep, every(F32, LANES, float(1 << DECAY_BITS))), INTS)
    sign = b.ashr(x, _ints(31))
    size = b.sub(b.xor(x, sign), sign)
    whole = b.mul(b.lshr(size, twelve), k)
    part = b.lshr(b.mul(b.and_(size, _ints((1 << DECAY_BITS) - 1)), k), twelve)
    return b.sub(b.xor(b.add(whole, part), sign), sign)


def _wrap_tame(b, x):
    """Wrap what is less than a turn outside of the word."""
    up = _ints(HALF - 1)
    return b.sub(b.and_(b.add(x, up), _ints(2 * HALF - 1)), up)


def _wrap_any(b, x):
    turn = _ints(2 * HALF)
    above = b.icmp_signed(">", x, _ints(HALF))
    below = b.icmp_signed("<=", x, _ints(-HALF))
    return b.select(above, b.sub(x, turn), b.select(below, b.add(x, turn), x))


def _saturate(b, x):
    high, low = _ints(HALF - 1), _ints(1 - HALF)
    x = b.select(b.icmp_signed("<", x, high), x, high)
    return b.select(b.icmp_signed(">", x, low), x, low)


def _write_bits(b, masks, spikes):
    """Write comparisons of 64 neurons as the bits of a word, a vector's at a time."""
    kind = ir.IntType(LANES)
    for k, mask in enumerate(masks):
        b.store(b.bitcast(mask, kind), address(b, spikes, number(k), kind))


def _advance(b, decay, wrap, slots, arriving):
    """Bring a vector of neurons through a step; return which fired.

    ``slots`` are where u, v, keep_u, keep_v, bias and threshold are.
    """
    u_at, v_at, *parameters = slots
    keep_u, keep_v = (load(b, at, FLOATS) for at in parameters[:2])
    bias, threshold = (load(b, at, INTS) for at in parameters[2:])
    u = wrap(b, b.add(decay(b, load(b, u_at, INTS), keep_u), arriving))
    store(b, u, u_at)
    v = decay(b, load(b, v_at, INTS), keep_v)
    v = _saturate(b, b.add(b.add(v, bias), u))
    fired = b.icmp_signed(">", v, threshold)
    store(b, b.select(fired, _ints(0), v), v_at)
    return fired


NEURONS = types.UniTuple(types.intp, 5)  # where words are, see _Words


class _Words:
    """Where the words of neurons are.

    ``state`` holds u, v and ``keeps`` what is kept of these, as floats of 4096, each ``size`` words
    after the one before. ``limits`` holds bias and threshold, ``apart`` words from each other: as
    many as ``size``, or 64 that serve all neurons.
    """

    def __init__(self, b, neurons):
        self.b = b
        state, keeps, size, limits, apart = cgutils.unpack_tuple(b, neurons)
        self.both, self.limits = (state, keeps), limits
        self.size, self.apart = (number(0), size), (number(0), apart)
        self.own = b.sext(b.icmp_signed("==", apart, size), I64)

    def slots(self, start, lane):
        """Return where u, v, keep_u, keep_v, bias and threshold of a neuron are."""
        b, to = self.b, number(lane)
        i, shared = b.add(start, to), b.add(b.and_(start, self.own), to)
        words = [(base, b.add(i, k)) for base in self.both for k in self.size]
        words += [(self.limits, b.add(shared, k)) for k in self.apart]
        return [address(b, base, word, I32) for base, word in words]


def _updater(decay, wrap):
    @intrinsic
    def update(context, n, neurons, drive, spikes):
        """Advance ``n`` neurons, a multiple of 64, by a step."""

        def generate(context, b, signature, arguments):
            n, neurons, drive, spikes = arguments
            words = _Words(b, neurons)
            loop = Loop(b, number(0), n, number(64), [])
            masks = []
            for lane in range(0, 64, LANES):
                arriving = load(b, address(b, drive, b.add(loop.i, number(lane)), I32), INTS)
                masks.append(_advance(b, decay, wrap, words.slots(loop.i, lane), arriving))
            _write_bits(b, masks, b.add(spikes, b.lshr(loop.i, number(3))))
            loop.close([])
            return context.get_dummy_value()

        return types.void(types.intp, NEURONS, types.intp, types.intp), generate

    return update


update_tame = _updater(_decay_tame, _wrap_tame)
update_any = _updater(_decay_any, _wrap_any)


def _with_rows(adds):
    @intrinsic
    def advance_rows(context, weights, events, start, stop, drive, shift, low, neurons, spikes):
        """Sum at most 256 rows and advance the 64 neurons that they lead to, all while at hand.

        What arrives is ``sum of bytes + low << shift``, and ``drive`` where it ``adds``. The
        neurons are tame.
        """

        def generate(context, b, signature, arguments):
            weights, events, start, stop, drive, shift, low, neurons, spikes = arguments
            words = _Words(b, neurons)
            parts = sums_of_rows(b, weights, events, start, stop, may_be_empty=not adds)
            left, less, masks = repeated(b, shift, LANES), repeated(b, low, LANES), []
            for lane in range(0, UNIT, LANES):
                part, first = parts[2 * lane // UNIT], lane % (UNIT // 2)
                order = ir.Constant(vector(I32, LANES), list(range(first, first + LANES)))
                sums = b.zext(b.shuffle_vector(part, part, order), INTS)
                arriving = b.shl(b.add(sums, less), left)
                if adds:
                    arriving = b.add(arriving, load(b, address(b, drive, number(lane), I32), INTS))
                slots = words.slots(number(0), lane)
                masks.append(_advance(b, _decay_tame, _wrap_tame, slots, arriving))
            _write_bits(b, masks, spikes)
            return context.get_dummy_value()

        numbers: list[Any] = [*[types.intp] * 5, types.int32, types.int32, NEURONS, types.intp]
        return types.void(*numbers), generate

    return advance_rows


advance_rows, advance_more_rows = _with_rows(False), _with_rows(True)
