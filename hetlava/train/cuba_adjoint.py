"""Compiled time loops of CUBA-LIF layers, backward: gradients of currents and parameters."""

# numba infers the types of these functions
# mypy: allow-untyped-defs, allow-untyped-calls, allow-incomplete-defs

import numba
import numpy as np

from hetlava.train.compiling import compiled

# shapes of the surrogate derivative; integrators have none
RATIONAL, LORENTZ, TRIANGLE, EXPONENTIAL, NO_SPIKE = range(5)

# of float32: bits of the fraction, the exponent of 1, and where exp(-y) is all but lost
FRACTION_BITS, BIAS, STEEPEST = 23, 127, 87.0
LOG2_E, LN_2 = 1.4426950408889634, 0.6931471805599453
# exp(-x) for |x| <= ln(2) / 2 to 5e-9, the highest power first
EXP_SERIES = (-1 / 5040, 1 / 720, -1 / 120, 1 / 24, -1 / 6, 1 / 2, -1.0, 1.0)


@compiled(parallel=True)
def adjoint(first, last, grad, volts, alpha, beta, bias, threshold, slope, reset, carry, sums, out):
    """Go back through steps ``last - 1 .. first``; ``out`` may be ``volts`` itself.

    Parameters
    ----------
    grad, volts, out : (n_steps, n_samples, n)
        Gradient of the output; voltages before the reset; where the input's gradient goes.
    slope : (shape, steepness (n,), height (n,))
        The surrogate derivative ``height * shape(steepness * |v - threshold|)``.
    reset : (subtract, full, ignored)
        What happens at a spike, and how much of it the derivative sees.
    carry : (2, n_samples, n)
        Gradients of u and v of the step after; changed.
    sums : (4, n_samples, n)
        Gradients of alpha, beta, bias and threshold are added to these.
    """
    n_samples, n = volts.shape[1], volts.shape[2]
    shape, steep, height = slope
    for b in numba.prange(n_samples):
        sigma, gain = np.empty(n, volts.dtype), np.empty(n, volts.dtype)
        before, kept = np.zeros(n, volts.dtype), np.zeros(n, volts.dtype)
        power = np.empty(n, volts.dtype)
        bits = power.view(np.int32)
        for t in range(last - 1, first - 1, -1):
            if shape == EXPONENTIAL and volts.itemsize == 4:
                _exponential(sigma, power, bits, volts[t, b], threshold, steep, height)
            else:
                _slope(shape, sigma, volts[t, b], threshold, steep, height)
            if shape == NO_SPIKE:
                _pass_back(gain, grad[t, b], carry[1, b], beta)
            else:
                _fire_back(
                    gain, grad[t, b], volts[t, b], sigma, beta, threshold, carry[1, b], sums[3, b],
                    reset,
                )  # fmt: skip
            if t > 0:
                _after_reset(kept, before, volts[t - 1, b], threshold, reset)
            else:
                kept[:] = 0
                before[:] = 0
            _sum_back(gain, volts[t, b], kept, before, beta, bias, carry[0, b], sums, b)
            _leak_back(gain, alpha, carry[0, b], carry[1, b], out[t, b])


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
        bits[k] = np.int32((np.int32(BIAS) - n) << np.int32(FRACTION_BITS))
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
def _pass_back(gain, grad, later, beta):
    for k in range(len(gain)):
        gain[k] = grad[k] + beta[k] * later[k]


@compiled()
def _fire_back(gain, grad, volts, sigma, beta, threshold, later, grad_threshold, reset):
    subtract, full, ignored = reset
    zero, one = type(volts[0])(0), type(volts[0])(1)
    for k in range(len(gain)):
        s = one if volts[k] > threshold[k] else zero
        past = beta[k] * later[k]
        jump = threshold[k] if subtract else volts[k]
        g = grad[k] - past * jump if full else grad[k]
        through = past if subtract or ignored else past * (one - s)
        moved = past * s if subtract and not ignored else zero
        gain[k] = g * sigma[k] + through
        grad_threshold[k] -= g * sigma[k] + moved


@compiled()
def _after_reset(kept, before, volts, threshold, reset):
    subtract, full, ignored = reset
    zero = type(volts[0])(0)
    for k in range(len(kept)):
        jump = threshold[k] if subtract else volts[k]
        z = volts[k] - (jump if volts[k] > threshold[k] else zero)
        kept[k] = z
        before[k] = volts[k] if ignored else z


@compiled()
def _sum_back(gain, volts, kept, before, beta, bias, later_u, sums, b):
    _sum_rows(gain, before, sums[1, b], sums[2, b])
    _sum_current(volts, kept, beta, bias, later_u, sums[0, b])


@compiled()
def _sum_rows(gain, before, grad_beta, grad_bias):
    for k in range(len(gain)):
        grad_beta[k] += gain[k] * before[k]
        grad_bias[k] += gain[k]


@compiled()
def _sum_current(volts, kept, beta, bias, later_u, grad_alpha):
    # u is not kept: it is what the voltage has gained in the step
    for k in range(len(volts)):
        grad_alpha[k] += later_u[k] * (volts[k] - beta[k] * kept[k] - bias[k])


@compiled()
def _leak_back(gain, alpha, later_u, later_v, out):
    for k in range(len(gain)):
        g = gain[k] + alpha[k] * later_u[k]
        later_v[k] = gain[k]
        later_u[k] = g
        out[k] = g
