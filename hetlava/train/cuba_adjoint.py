"""Compiled time loops of CUBA-LIF layers, backward: gradients of currents and parameters."""

# numba infers the types of these functions
# mypy: allow-untyped-defs, allow-untyped-calls, allow-incomplete-defs

import numba
import numpy as np

from hetlava.train.compiling import compiled

# shapes of the surrogate derivative; integrators have none
RATIONAL, LORENTZ, TRIANGLE, EXPONENTIAL, NO_SPIKE = range(5)

# of float32: bits of the fraction, the exponent of 1, and where exp(-y) is all but lost
FRACTION_BITS, ONE, STEEPEST = 23, 127, 87.0
LOG2_E, LN_2 = 1.4426950408889634, 0.6931471805599453
# exp(-x) for |x| <= ln(2) / 2 to 5e-9, the highest power first
EXP_SERIES = (-1 / 5040, 1 / 720, -1 / 120, 1 / 24, -1 / 6, 1 / 2, -1.0, 1.0)

# What the adjoint knows of a block of neurons, vector after vector in one array: where the compiler
# knows how far apart they lie it need not rule out that they overlap; the loop runs in vectors.
BLOCK = 512  # neurons, whose state the first-level cache holds
ALPHA, BETA, BIAS, THRESHOLD, GRAD_ALPHA, GRAD_BETA, GRAD_BIAS, GRAD_THRESHOLD, LATER_U, LATER_V = (
    k * BLOCK for k in range(10)
)
N_STATE = 10 * BLOCK


@compiled(parallel=True)
def adjoint(first, last, grad, volts, state, slope, reset, out):
    """Go back through steps ``last - 1 .. first``.

    Parameters
    ----------
    grad, volts, out : (n_samples, n_steps, n)
        Gradient of the output; voltages before the reset; where the currents' gradient goes.
    state : (n_samples, n_blocks, N_STATE)
        Parameters, and what is changed: their gradients, and those of u and v of the step after.
    slope : (shape, threshold (n,), steepness (n,), height (n,))
        The surrogate derivative ``height * shape(steepness * |v - threshold|)``.
    reset : (subtract, full, ignored)
        What happens at a spike, and how much of it the derivative sees.
    """
    n_samples, n_blocks = state.shape[:2]
    n = volts.shape[2]
    shape, threshold, steep, height = slope
    for item in numba.prange(n_samples * n_blocks):
        b, block = item // n_blocks, item % n_blocks
        low = block * BLOCK
        high = min(n, low + BLOCK)
        sigma, power = np.empty(high - low, volts.dtype), np.empty(high - low, volts.dtype)
        bits = power.view(np.int32)
        level, steepness, most = threshold[low:high], steep[low:high], height[low:high]
        for t in range(last - 1, first - 1, -1):
            now = volts[b, t, low:high]
            if shape == EXPONENTIAL and volts.itemsize == 4:
                _exponential(sigma, power, bits, now, level, steepness, most)
            else:
                _slope(shape, sigma, now, level, steepness, most)
            before = volts[b, max(t - 1, 0), low:high]
            _step_back(
                state[b, block], sigma, now, before, t == 0, grad[b, t, low:high], reset,
                out[b, t, low:high],
            )  # fmt: skip


@compiled()
def _slope(shape, sigma, volts, threshold, steep, height):
    if shape == RATIONAL:
        for k in range(len(sigma)):
            y = abs(volts[k] - threshold[k]) * steep[k] + type(volts[k])(1)
            sigma[k] = height[k] / (y * y)
    elif shape == LORENTZ:
        for k in range(len(sigma)):
            y = (volts[k] - threshold[k]) * steep[k]
            sigma[k] = height[k] / (y * y + type(volts[k])(1))
    elif shape == TRIANGLE:
        for k in range(len(sigma)):
            y = abs(volts[k] - threshold[k]) * steep[k]
            sigma[k] = height[k] * max(type(volts[k])(1) - y, type(volts[k])(0))
    elif shape == EXPONENTIAL:
        for k in range(len(sigma)):
            sigma[k] = height[k] * np.exp(-abs(volts[k] - threshold[k]) * steep[k])
    else:  # integrators give their voltage
        sigma[:] = 1


@compiled()
def _exponential(sigma, power, bits, volts, threshold, steep, height):
    """Compute ``height * exp(-steep * |v - threshold|)`` in float32, in vectors.

    ``exp(-y)`` is ``2**-n`` times the series of the rest, at most ``ln(2) / 2``; the power of two
    is put together from its bits. The library's function is called for one value at a time.
    """
    most, log2_e, ln_2 = np.float32(STEEPEST), np.float32(LOG2_E), np.float32(LN_2)
    half = np.float32(0.5)
    for k in range(len(sigma)):
        y = min(abs(volts[k] - threshold[k]) * steep[k], most)
        n = np.int32(y * log2_e + half)
        bits[k] = np.int32((np.int32(ONE) - n) << np.int32(FRACTION_BITS))
        x = y - np.float32(n) * ln_2
        series = np.float32(EXP_SERIES[0])
        series = series * x + np.float32(EXP_SERIES[1])
        series = series * x + np.float32(EXP_SERIES[2])
        series = series * x + np.float32(EXP_SERIES[3])
        series = series * x + np.float32(EXP_SERIES[4])
        series = series * x + np.float32(EXP_SERIES[5])
        series = series * x + np.float32(EXP_SERIES[6])
        sigma[k] = series * x + np.float32(EXP_SERIES[7])
    for k in range(len(sigma)):
        sigma[k] = height[k] * (sigma[k] * power[k])


@compiled()
def _step_back(state, sigma, volts, before, begins, grad, reset, out):
    subtract, full, ignored = reset
    zero, one = type(volts[0])(0), type(volts[0])(1)
    for k in range(len(volts)):
        v, w, threshold = volts[k], zero if begins else before[k], state[THRESHOLD + k]
        jump_before = threshold if subtract else w
        kept = zero if begins else w - (jump_before if w > threshold else zero)
        s = one if v > threshold else zero
        later_u, past = state[LATER_U + k], state[BETA + k] * state[LATER_V + k]
        jump = threshold if subtract else v
        g = (grad[k] - past * jump if full else grad[k]) * sigma[k]
        gain = g + (past if subtract or ignored else past * (one - s))
        state[GRAD_THRESHOLD + k] -= g + (past * s if subtract and not ignored else zero)
        state[GRAD_BETA + k] += gain * (w if ignored else kept)
        state[GRAD_BIAS + k] += gain
        # u is not kept: it is what the voltage has gained in the step
        state[GRAD_ALPHA + k] += later_u * (v - state[BETA + k] * kept - state[BIAS + k])
        i = gain + state[ALPHA + k] * later_u
        state[LATER_V + k] = gain
        state[LATER_U + k] = i
        out[k] = i
