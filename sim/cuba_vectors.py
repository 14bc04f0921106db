"""The update of CUBA neurons in vectors; see :mod:`hetlava.sim.vectors`.

``|x| * keep >> 12`` is one multiplication of floats where ``|x| <= 2**24``: rounded toward zero,
the product has no fraction that it should not have. The other way, exact for every x, splits it
into ``(|x| >> 12) * keep + ((|x| & 4095) * keep >> 12)`` in 32 bits.
"""

# what is compiled names no types
# mypy: allow-untyped-defs, allow-untyped-calls, allow-incomplete-defs

from typing import Any, NamedTuple

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


def _at_most(b, x):
    high = _ints(HALF - 1)
    return b.select(b.icmp_signed("<", x, high), x, high)


def _at_least(b, x):
    low = _ints(1 - HALF)
    return b.select(b.icmp_signed(">", x, low), x, low)


def _as_it_is(b, x):
    return x


def _write_bits(b, masks, spikes):
    """Write comparisons of 64 neurons as the bits of a word, a vector's at a time."""
    kind = ir.IntType(LANES)
    for k, mask in enumerate(masks):
        b.store(b.bitcast(mask, kind), address(b, spikes, number(k), kind))


class _Rules(NamedTuple):
    """How states decay and stay within their words, and whether there is a bias."""

    decay: Any
    wrap: Any
    at_most: Any = _at_most
    biased: bool = True


# where nothing is known; where currents can leave their word by less than a turn; and where neither
# they nor, upwards, voltages can, without bias
ANY, TAME = _Rules(_decay_any, _wrap_any), _Rules(_decay_tame, _wrap_tame)
CALM = _Rules(_decay_tame, _as_it_is, _as_it_is, biased=False)


def _advance(b, rules, slots, arriving):
    """Bring a vector of neurons through a step; return which fired.

    ``slots`` are where u, v, keep_u, keep_v, bias and threshold are.
    """
    u_at, v_at, *parameters = slots
    keep_u, keep_v = (load(b, at, FLOATS) for at in parameters[:2])
    bias_at, threshold_at = parameters[2:]
    u = rules.wrap(b, b.add(rules.decay(b, load(b, u_at, INTS), keep_u), arriving))
    store(b, u, u_at)
    v = rules.decay(b, load(b, v_at, INTS), keep_v)
    if rules.biased:
        v = b.add(v, load(b, bias_at, INTS))
    v = _at_least(b, rules.at_most(b, b.add(v, u)))
    fired = b.icmp_signed(">", v, load(b, threshold_at, INTS))
    store(b, b.select(fired, _ints(0), v), v_at)
    return fired


NEURONS = types.UniTuple(types.intp, 7)  # where words are, see _Words


class _Words:
    """Where the words of neurons are.

    ``state`` holds u, v and ``keeps`` what is kept of these, as floats of 4096, each ``size`` words
    after the one before. ``limits`` are bias and threshold, of each neuron where its mask of
    ``own`` is -1, and 64 that serve all where it is 0.
    """

    def __init__(self, b, neurons):
        self.b = b
        state, keeps, size, *limits = cgutils.unpack_tuple(b, neurons)
        self.both, self.size = (state, keeps), (number(0), size)
        self.limits = list(zip(limits[:2], limits[2:], strict=True))

    def slots(self, start, lane):
        """Return where u, v, keep_u, keep_v, bias and threshold of a neuron are."""
        b, to = self.b, number(lane)
        i = b.add(start, to)
        words = [(base, b.add(i, k)) for base in self.both for k in self.size]
        words += [(base, b.add(b.and_(start, own), to)) for base, own in self.limits]
        return [address(b, base, word, I32) for base, word in words]


def _updater(rules):
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
                masks.append(_advance(b, rules, words.slots(loop.i, lane), arriving))
            _write_bits(b, masks, b.add(spikes, b.lshr(loop.i, number(3))))
            loop.close([])
            return context.get_dummy_value()

        return types.void(types.intp, NEURONS, types.intp, types.intp), generate

    return update


update_tame, update_any = _updater(TAME), _updater(ANY)


def _update_with(b, rules, words, parts, left, less, drive, spikes):
    """Advance 64 neurons by sums of bytes, and by ``drive`` unless that is None."""
    masks = []
    for lane in range(0, UNIT, LANES):
        part, first = parts[2 * lane // UNIT], lane % (UNIT // 2)
        order = ir.Constant(vector(I32, LANES), list(range(first, first + LANES)))
        sums = b.zext(b.shuffle_vector(part, part, order), INTS)
        arriving = b.shl(b.add(sums, less), left)
        if drive is not None:
            arriving = b.add(arriving, load(b, address(b, drive, number(lane), I32), INTS))
        masks.append(_advance(b, rules, words.slots(number(0), lane), arriving))
    _write_bits(b, masks, spikes)


@intrinsic
def advance_rows(context, calm, weights, events, start, stop, shift, low, neurons, spikes):
    """Sum at most 256 rows and advance the 64 neurons that they lead to, all while at hand.

    What arrives is ``sum of bytes + low << shift``. The neurons are tame, or even calm.
    """

    def generate(context, b, signature, arguments):
        calm, weights, events, start, stop, shift, low, neurons, spikes = arguments
        words = _Words(b, neurons)
        parts = sums_of_rows(b, weights, events, start, stop, may_be_empty=True)
        left, less = repeated(b, shift, LANES), repeated(b, low, LANES)
        with b.if_else(calm) as (then, otherwise):
            for block, rules in ((then, CALM), (otherwise, TAME)):
                with block:
                    _update_with(b, rules, words, parts, left, less, None, spikes)
        return context.get_dummy_value()

    numbers: list[Any] = [*[types.intp] * 4, types.int32, types.int32, NEURONS, types.intp]
    return types.void(types.boolean, *numbers), generate


@intrinsic
def advance_more_rows(context, weights, events, start, stop, drive, shift, low, neurons, spikes):
    """Do the same for tame neurons and at least one row, where ``drive`` arrives too."""

    def generate(context, b, signature, arguments):
        weights, events, start, stop, drive, shift, low, neurons, spikes = arguments
        parts = sums_of_rows(b, weights, events, start, stop)
        left, less = repeated(b, shift, LANES), repeated(b, low, LANES)
        _update_with(b, TAME, _Words(b, neurons), parts, left, less, drive, spikes)
        return context.get_dummy_value()

    numbers: list[Any] = [*[types.intp] * 5, types.int32, types.int32, NEURONS, types.intp]
    return types.void(*numbers), generate


@intrinsic
def largest_of_64(context, words):
    """Return the largest magnitude of 64 words, none of which is -2**31."""

    def generate(context, b, signature, arguments):
        largest = None
        for lane in range(0, UNIT, LANES):
            x = load(b, address(b, arguments[0], number(lane), I32), INTS)
            sign = b.ashr(x, _ints(31))
            size = b.sub(b.xor(x, sign), sign)
            if largest is not None:
                size = b.select(b.icmp_signed(">", size, largest), size, largest)
            largest = size
        found = b.extract_element(largest, ir.Constant(I32, 0))
        for k in range(1, LANES):
            size = b.extract_element(largest, ir.Constant(I32, k))
            found = b.select(b.icmp_signed(">", size, found), size, found)
        return b.sext(found, I64)

    return types.intp(types.intp), generate
