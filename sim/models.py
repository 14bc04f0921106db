"""A step of every neuron model but CUBA, as compiled loops over the neurons.

Each function advances the neurons ``0 .. n - 1`` and returns nothing: what they send goes to
``sent``, a word of 32 bits each, 1 for a spike. States, parameters and inputs lie at addresses, one
``size`` words after another.
"""

# what is compiled names no types
# mypy: allow-untyped-defs, allow-untyped-calls, allow-incomplete-defs

import numpy as np

from hetlava.fixedpoint import DECAY_BITS, STATE_SHIFT
from hetlava.sim import parameters
from hetlava.sim.compiling import called, inlined
from hetlava.sim.vectors import HALF, read_int32, write_int32

SHORT_MIN, SHORT_MAX = -(1 << 15), (1 << 15) - 1  # a Xylo core's words
WORD_MAX = (1 << 31) - 1  # of states that saturate at 32 bits


@called
def update_model(model, n, state, words, size, drive, sums, sent, options):
    """Advance ``n`` neurons of a model; what arrives at port k is at ``drive + 4 * sums * k``."""
    if model == parameters.ALIF:
        _alif(n, state, words, size, drive, sent)
    elif model == parameters.ADRF or model == parameters.ADRF_IZ:
        _adrf(n, state, words, size, drive, sums, sent, model == parameters.ADRF)
    elif model == parameters.RF or model == parameters.RF_IZ:
        by_phase = model == parameters.RF
        _resonator(n, state, words, size, drive, sums, sent, by_phase, options[0], options[1])
    elif model == parameters.REFRACTORY:
        _refractory(n, state, words, size, drive, sent, options[0])
    elif model == parameters.XYLO:
        _xylo(n, state, words, size, sent, options[0])
    elif model == parameters.SIGMA:
        _sigma(n, state, drive, sent)
    else:
        _delta(n, state, words, size, drive, sent, model == parameters.SIGMA_DELTA, options)


@inlined
def _scaled(x, factor, bits):
    """Multiply by ``factor / 2**bits``, rounding toward zero."""
    product = np.int64(x) * np.int64(factor)
    sign = product >> 63
    return (((product ^ sign) - sign) >> bits ^ sign) - sign


@inlined
def _saturated(x, limit):
    return min(max(x, -limit), limit)


@inlined
def _wrapped(x):
    """Bring a current back by one turn, as in :func:`hetlava.fixedpoint.wrap_once`."""
    return x - 2 * HALF if x > HALF else (x + 2 * HALF if x <= -HALF else x)


@inlined
def _adapt(k, state, words, size, sent, fired, theta, r):
    step = np.int64(read_int32(words, 6 * size + k))
    higher = _saturated(theta + step, WORD_MAX) if fired else theta
    countered = _saturated(r + 2 * theta, WORD_MAX) if fired else r
    write_int32(state, 2 * size + k, np.int32(_saturated(higher, WORD_MAX)))
    write_int32(state, 3 * size + k, np.int32(_saturated(countered, WORD_MAX)))
    write_int32(sent, k, np.int32(fired))


@inlined
def _bar(k, state, words, size):
    """Return threshold and refractory state after their decay."""
    rest = np.int64(read_int32(words, 5 * size + k))
    above = np.int32(np.int64(read_int32(state, 2 * size + k)) - rest)
    theta = np.int32(rest + _scaled(above, read_int32(words, 3 * size + k), DECAY_BITS))
    r = _scaled(read_int32(state, 3 * size + k), read_int32(words, 4 * size + k), DECAY_BITS)
    return np.int64(theta), np.int64(r)


@inlined
def _current(k, state, words, drive, bias):
    """Return the current after its decay, the input and a bias of its own."""
    a = np.int32((np.int64(read_int32(drive, k)) << STATE_SHIFT) + bias)
    u = np.int32(_scaled(read_int32(state, k), read_int32(words, k), DECAY_BITS) + a)
    return np.int32(_wrapped(np.int64(u)))


@inlined
def _refractory(n, state, words, size, drive, sent, subtracts):
    for k in range(n):
        u = _current(k, state, words, drive, 0)
        before, wait = read_int32(state, size + k), read_int32(state, 2 * size + k)
        v = _scaled(before, read_int32(words, size + k), DECAY_BITS)
        v = np.int64(np.int32(v + u + read_int32(words, 2 * size + k)))
        v = np.int64(before) if wait > 0 else _saturated(v, HALF - 1)
        threshold = np.int64(read_int32(words, 3 * size + k))
        fired = wait == 0 and v > threshold
        left = v - threshold if subtracts else np.int64(0)
        waits = read_int32(words, 4 * size + k) if fired else np.int32(max(wait - 1, 0))
        write_int32(state, k, u)
        write_int32(state, size + k, np.int32(left if fired else v))
        write_int32(state, 2 * size + k, waits)
        write_int32(sent, k, np.int32(fired))


@inlined
def _alif(n, state, words, size, drive, sent):
    for k in range(n):
        u = _current(k, state, words, drive, read_int32(words, 2 * size + k))
        v = _scaled(read_int32(state, size + k), read_int32(words, size + k), DECAY_BITS)
        v = _saturated(np.int64(np.int32(v + u)), HALF - 1)
        theta, r = _bar(k, state, words, size)
        write_int32(state, k, u)
        write_int32(state, size + k, np.int32(v))
        _adapt(k, state, words, size, sent, v >= theta + r, theta, r)


@inlined
def _adrf(n, state, words, size, drive, sums, sent, by_phase):
    for k in range(n):
        sine, cosine = read_int32(words, k), read_int32(words, size + k)
        u, v = read_int32(state, k), read_int32(state, size + k)
        a = np.int64(np.int32(np.int64(read_int32(drive, k)) << STATE_SHIFT))
        b = np.int64(np.int32(np.int64(read_int32(drive, sums + k)) << STATE_SHIFT))
        real = a + _scaled(u, cosine, DECAY_BITS) - _scaled(v, sine, DECAY_BITS)
        imag = b + _scaled(u, sine, DECAY_BITS) + _scaled(v, cosine, DECAY_BITS)
        real, imag = _saturated(real, HALF - 1), _saturated(imag, HALF - 1)
        theta, r = _bar(k, state, words, size)
        passes = real >= theta + r and v < 0 and imag >= 0
        write_int32(state, k, np.int32(real))
        write_int32(state, size + k, np.int32(imag))
        fired = passes if by_phase else imag >= theta + r
        _adapt(k, state, words, size, sent, fired, theta, r)


@inlined
def _resonator(n, state, words, size, drive, sums, sent, by_phase, state_exp, bits):
    for k in range(n):
        sine, cosine = read_int32(words, k), read_int32(words, size + k)
        threshold = np.int64(read_int32(words, 2 * size + k))
        u, v = read_int32(state, k), read_int32(state, size + k)
        a = np.int64(np.int32(np.int64(read_int32(drive, k)) << state_exp))
        b = np.int64(np.int32(np.int64(read_int32(drive, sums + k)) << state_exp))
        real = _scaled(u, cosine, bits) - _scaled(v, sine, bits) + a
        imag = _scaled(u, sine, bits) + _scaled(v, cosine, bits) + b
        real, imag = _saturated(real, HALF - 1), _saturated(imag, HALF - 1)
        if by_phase:
            fired = real >= threshold and imag >= 0 and v < 0
        else:
            fired = imag >= threshold
            real = np.int64(0) if fired else real
            imag = threshold - 1 if fired else imag
        write_int32(state, k, np.int32(real))
        write_int32(state, size + k, np.int32(imag))
        write_int32(sent, k, np.int32(fired))


@inlined
def _clipped(x):
    return min(max(x, SHORT_MIN), SHORT_MAX)


@inlined
def _lost(x, dash):
    """Return what a shift decay takes: see :func:`hetlava.fixedpoint.shift_loss`."""
    lost = x >> dash
    return lost if lost != 0 or x == 0 else np.int64(1)  # only what is above 0 can lose nothing


@inlined
def _xylo(n, state, words, size, sent, spikes_max):
    """Advance neurons to whose currents the messages have been added already."""
    for k in range(n):
        u, v = np.int64(read_int32(state, k)), np.int64(read_int32(state, size + k))
        u -= _lost(u, np.int64(read_int32(words, size + k)))
        # the loss of the smallest voltage with dash 0 has no positive counterpart in 16 bits
        lost = np.int64(np.int16(-_lost(v, np.int64(read_int32(words, k)))))
        change = _clipped(_clipped(lost + u) + read_int32(words, 3 * size + k))
        v = _clipped(v + change)
        threshold = np.int64(read_int32(words, 2 * size + k))
        spikes = min(max(v // threshold, 0), spikes_max)
        write_int32(state, k, np.int32(u))
        write_int32(state, size + k, np.int32(v - spikes * threshold))
        write_int32(sent, k, np.int32(spikes))


@inlined
def _sigma(n, state, drive, sent):
    for k in range(n):
        sigma = np.int32(read_int32(state, k) + read_int32(drive, k))
        write_int32(state, k, sigma)
        write_int32(sent, k, sigma)


@inlined
def _magnitude(x):
    """Return the magnitude of a word of 32 bits, in which the lowest has none."""
    return np.int32(-x) if x < 0 else x


@inlined
def _delta(n, state, words, size, drive, sent, sums_up, options):
    first, state_exp, cumulates = options
    for k in range(n):
        threshold, a = read_int32(words, k), read_int32(drive, k)
        if sums_up:
            sigma = np.int32(read_int32(state, k) + a)
            write_int32(state, k, sigma)
            act = np.int32(sigma + read_int32(words, size + k))
            act = np.int32(0) if first and act < 0 else act
        else:
            act = np.int32(np.int64(a) << first)
        before, residue = read_int32(state, size + k), read_int32(state, 2 * size + k)
        delta = np.int32(np.int32(act - before) + residue)
        error = np.int32(read_int32(state, 3 * size + k) + delta)
        compared = error if cumulates else delta
        out = delta if _magnitude(compared) >= threshold else np.int32(0)
        kept = np.int32(0) if _magnitude(out) > 0 else error
        write_int32(state, size + k, act)
        write_int32(state, 2 * size + k, np.int32(delta - out))
        write_int32(state, 3 * size + k, kept if cumulates else np.int32(0))
        write_int32(sent, k, np.int32(out >> np.int32(state_exp)))
