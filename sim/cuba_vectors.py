"""The update of CUBA neurons in vectors; see :mod:`hetlava.sim.vectors`.

``|x| * keep >> 12`` is one multiplication of floats where ``|x| <= 2**24``: rounded toward zero,
the product has no fraction that it should not have. The other way, exact for every x, splits it
into ``(|x| >> 12) * keep + ((|x| & 4095) * keep >> 12)`` in 32 bits.
"""

# numba infers the types of these functions
# mypy: allow-untyped-defs, allow-untyped-calls, allow-incomplete-defs

from llvmlite import ir
from numba import types

from hetlava.fixedpoint import DECAY_BITS
from hetlava.sim.vectors import (
    F32,
    HALF,
    I32,
    I64,
    LANES,
    Loop,
    address,
    every,
    intrinsic,
    load,
    number,
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


def _bits_of(b, masks):
    """Join comparisons of 64 neurons to a word."""
    while len(masks) > 1:
        n = 2 * masks[0].type.count
        order = ir.Constant(vector(I32, n), list(range(n)))
        pairs = zip(masks[::2], masks[1::2], strict=True)
        masks = [b.shuffle_vector(x, y, order) for x, y in pairs]
    return b.bitcast(masks[0], I64)


def _updater(decay, wrap):
    @intrinsic
    def update(context, n, state, parameters, size, drive, spikes):
        """Advance ``n`` neurons, a multiple of 64, by a step.

        ``state`` holds u, v and ``parameters`` keep_u, keep_v, bias, threshold, each ``size``
        words after the one before; the two keeps are floats, ``keep / 4096``.
        """

        def generate(context, b, signature, arguments):
            n, state, parameters, size, drive, spikes = arguments
            loop = Loop(b, number(0), n, number(64), [])
            masks = []
            for lane in range(0, 64, LANES):
                i = b.add(loop.i, number(lane))

                def slot(base, k, i=i):
                    return address(b, base, b.add(b.mul(size, number(k)), i), I32)

                u_at, v_at = slot(state, 0), slot(state, 1)
                keep_u, keep_v = (load(b, slot(parameters, k), FLOATS) for k in (0, 1))
                bias, threshold = (load(b, slot(parameters, k), INTS) for k in (2, 3))
                u = decay(b, load(b, u_at, INTS), keep_u)
                u = wrap(b, b.add(u, load(b, slot(drive, 0), INTS)))
                store(b, u, u_at)
                v = decay(b, load(b, v_at, INTS), keep_v)
                v = _saturate(b, b.add(b.add(v, bias), u))
                fired = b.icmp_signed(">", v, threshold)
                store(b, b.select(fired, _ints(0), v), v_at)
                masks.append(fired)
            word = b.lshr(loop.i, number(6))
            b.store(_bits_of(b, masks), address(b, spikes, word, I64))
            loop.close([])
            return context.get_dummy_value()

        return types.void(*[types.intp] * 6), generate

    return update


update_tame = _updater(_decay_tame, _wrap_tame)
update_any = _updater(_decay_any, _wrap_any)
