"""Integer arithmetic of neuromorphic cores: the only place that shifts bits.

The rules are those of Lava's bit-accurate LIF (``PyLifModelBitAcc``), written from its behaviour:
decays truncate toward zero, the current wraps once, the voltage saturates.
"""

import numpy as np

from hetlava.arrays import Float, Int, Int64

STATE_BITS = 24  # u and v are 24-bit signed words
DECAY_BITS = 12
WEIGHT_BITS = 8  # of a magnitude
MESSAGE_BITS_MAX = 32  # of the words that spikes may carry
STATE_SHIFT = 6  # weights, thresholds and biases stand 6 bits above the state's unit


def decay(x: Int, d: Int, bits: int = DECAY_BITS) -> Int:
    """Multiply ``x`` by ``1 - d / 2**bits``, rounding toward zero.

    Examples
    --------
    >>> decay(np.array([100, -100], np.int32), np.array([1024, 1024], np.int32))
    array([ 75, -75], dtype=int32)
    """
    magnitude = np.abs(x.astype(np.int64)) * ((1 << bits) - d.astype(np.int64)) >> bits
    y: Int = (np.sign(x) * magnitude).astype(np.int32)
    return y


def scaled(x: Int, factor: Int, bits: int = DECAY_BITS) -> Int64:
    """Multiply ``x`` by ``factor / 2**bits``, rounding toward zero.

    Examples
    --------
    >>> scaled(np.array([100, -100], np.int32), np.array([1000, 1000], np.int32)).tolist()
    [24, -24]
    """
    product = x.astype(np.int64) * factor.astype(np.int64)
    y: Int64 = np.sign(product) * (np.abs(product) >> bits)
    return y


def wrap_once(x: Int, bits: int = STATE_BITS) -> Int:
    """Bring ``x`` back by one turn of ``2**bits`` where it left the word, as Lava's current does.

    One turn only: a value further out stays out. The ends are asymmetric: ``2**(bits-1)`` is kept
    and ``-2**(bits-1)`` becomes ``+2**(bits-1)``.

    Examples
    --------
    >>> wrap_once(np.array([1 << 23, (1 << 23) + 1, -(1 << 23)], np.int32)).tolist()
    [8388608, -8388607, 8388608]
    """
    half, turn = np.int32(1 << (bits - 1)), np.int32(1 << bits)
    y: Int = np.where(x > half, x - turn, np.where(x <= -half, x + turn, x)).astype(np.int32)
    return y


def saturate(x: Int | Int64, bits: int = STATE_BITS) -> Int:
    """Clip to the symmetric range of a signed word, ``-(2**(bits-1) - 1) .. 2**(bits-1) - 1``."""
    limit = (1 << (bits - 1)) - 1
    y: Int = np.clip(x, -limit, limit).astype(np.int32)
    return y


def clip_word(x: Int | Int64, bits: int) -> Int:
    """Clip to all values of a signed word, ``-2**(bits-1) .. 2**(bits-1) - 1``."""
    half = 1 << (bits - 1)
    y: Int = np.clip(x, -half, half - 1).astype(np.int32)
    return y


def shift_loss(x: Int, dash: Int) -> Int:
    """Return what a shift decay takes from ``x``: ``x >> dash``, but never nothing of something.

    Examples
    --------
    >>> shift_loss(np.array([100, 3, -3, 0], np.int32), np.array([3], np.int32)).tolist()
    [12, 1, -1, 0]
    """
    lost = x >> dash
    y: Int = np.where(lost == 0, np.sign(x), lost).astype(np.int32)
    return y


def wrap_int32(x: Int64) -> Int:
    """Reduce modulo 2**32 to a signed word: what a 32-bit message channel does to a sum."""
    y: Int = x.astype(np.int32)
    return y


def shift(x: Int64, bits: int) -> Int64:
    """Shift left for ``bits > 0`` and right for ``bits < 0``, rounding toward minus infinity."""
    y: Int64 = x << bits if bits >= 0 else x >> -bits
    return y


def bias_value(mantissa: Int, exponent: Int) -> Int:
    """Return ``mantissa << exponent``, or the floor of ``mantissa >> -exponent``."""
    m, e = mantissa.astype(np.int64), exponent.astype(np.int64)
    y: Int = np.where(e >= 0, m << np.maximum(e, 0), m >> np.maximum(-e, 0)).astype(np.int32)
    return y


def decay_word(tau: Float, dt: float, bits: int = DECAY_BITS) -> Int:
    """Return ``round(2**bits * (1 - exp(-dt / tau)))``, the decay word of a time constant [s].

    Examples
    --------
    >>> decay_word(np.array([0.02, 0.1, 10.0]), 1e-3)
    array([200,  41,   0], dtype=int32)
    """
    y: Int = np.rint(-np.expm1(-dt / tau) * (1 << bits)).astype(np.int32)
    return y


def decay_tau(d: Int, dt: float, bits: int = DECAY_BITS) -> Float:
    """Return the time constant [s] that a decay word stands for; a word of 0 gives infinity.

    Examples
    --------
    >>> decay_tau(np.array([200, 0], np.int32), 1e-3).round(5).tolist()
    [0.01998, inf]
    """
    with np.errstate(divide="ignore"):
        y: Float = -dt / np.log1p(-(d.astype(np.float64) / (1 << bits)))
    return y


def weight_step(weight_bits: int, mixed: bool) -> int:
    """Return the distance of neighbouring weights: ``2**(8 - weight_bits + mixed)``."""
    return 1 << (WEIGHT_BITS - weight_bits + int(mixed))


def round_to_grid(x: Float, step: int, low: int, high: int) -> Int:
    """Round half to even to multiples of ``step`` and clip to ``low .. high``."""
    y: Int = np.clip(np.rint(x / step) * step, low, high).astype(np.int32)
    return y
