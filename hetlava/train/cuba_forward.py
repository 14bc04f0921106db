"""Compiled time loops of CUBA-LIF layers, forward: in floating point and in the chip's integers.

Spikes come as rows of events: row ``b * n_steps + t`` holds what sample b sends at step t. Each
loop over neurons is a function of its own with one-dimensional arguments: the compiler gives up on
vectors where it must rule out that many arrays overlap.
"""

# numba infers the types of these functions
# mypy: allow-untyped-defs, allow-untyped-calls, allow-incomplete-defs

import numba
import numpy as np

from hetlava.fixedpoint import DECAY_BITS, STATE_BITS, STATE_SHIFT
from hetlava.train.compiling import compiled

HALF = 1 << (STATE_BITS - 1)
FRACTION = (1 << DECAY_BITS) - 1
Index = np.uintp  # a signed index may count from the end, which costs a test


@compiled(parallel=True)
def forward_float(source, weights, loop, alpha, beta, bias, threshold, subtract, volts, spikes):
    """Run layers in floating point.

    Parameters
    ----------
    source : (drive, indptr, index, value, delay)
        Input of every step (n_samples, n_steps, n), or spikes through ``weights`` (n_pre, n).
    loop : (n, n) or (0, 0)
        Weights of the layer onto itself, by sending neuron.
    volts, spikes : (n_samples, n_steps, n)
        What comes of it: voltages before the reset, and spikes.
    """
    n_samples, n_steps, n = volts.shape
    for b in numba.prange(n_samples):
        u, v, x = np.zeros(n, volts.dtype), np.zeros(n, volts.dtype), np.zeros(n, volts.dtype)
        fired = np.zeros(n, np.int32)
        for t in range(n_steps):
            _drive(x, source, weights, b, t, n_steps)
            if t > 0 and len(loop):
                _add_fired(x, loop, fired, list_row(spikes[b, t - 1], fired))
            _step_float(u, v, x, alpha, beta, bias, threshold, subtract, volts[b, t], spikes[b, t])


@compiled(parallel=True)
def forward_fixed(
    source, weights, loop, keep_u, keep_v, bias, limit, subtract, unit, volts, spikes
):
    """Run layers in the chip's integers: whole weights, ``volts`` is ``unit`` times v."""
    n_samples, n_steps, n = volts.shape
    for b in numba.prange(n_samples):
        u, v, x = np.zeros(n, np.int32), np.zeros(n, np.int32), np.zeros(n, volts.dtype)
        fired, given = np.zeros(n, np.int32), np.zeros(n, np.int32)
        for t in range(n_steps):
            _drive(x, source, weights, b, t, n_steps)
            if t > 0 and len(loop):
                _add_fired(x, loop, fired, list_row(spikes[b, t - 1], fired))
            _integrate_fixed(u, v, x, given, keep_u, keep_v, bias)
            _fire_fixed(v, limit, subtract, unit, volts[b, t], spikes[b, t])


@compiled()
def _drive(x, source, weights, b, t, n_steps):
    drive, indptr, index, value, delay = source
    if len(drive):
        x[:] = drive[b, t]
    else:
        x[:] = 0
    if t >= delay and len(indptr):
        row = b * n_steps + t - delay
        add_rows(x, weights, index, value, indptr[row], indptr[row + 1])


@compiled()
def add_rows(x, weights, index, value, start, stop):
    """Add rows of ``weights``, each times its value where values are given."""
    e = start
    if len(value):
        for e in range(start, stop):
            add_scaled(x, weights[index[e]], value[e])
        return
    while e + 4 <= stop:
        add_four(
            x, weights[index[e]], weights[index[e + 1]], weights[index[e + 2]],
            weights[index[e + 3]],
        )  # fmt: skip
        e += 4
    while e < stop:
        add_one(x, weights[index[e]])
        e += 1


@compiled()
def _add_fired(x, weights, fired, n_fired):
    for e in range(n_fired):
        add_one(x, weights[fired[e]])


@compiled()
def add_one(x, row):
    for k in range(len(x)):
        x[k] += row[k]


@compiled()
def add_scaled(x, row, by):
    for k in range(len(x)):
        x[k] += row[k] * by


@compiled()
def add_four(x, a, b, c, d):
    for k in range(len(x)):
        x[k] += (a[k] + b[k]) + (c[k] + d[k])


@compiled()
def list_row(spikes, fired):
    """List which are not 0 and return their number: at any rate in the same time."""
    n_fired = 0
    for k in range(len(spikes)):
        fired[Index(n_fired)] = k
        n_fired += spikes[k] != 0
    return n_fired


@compiled()
def _step_float(u, v, x, alpha, beta, bias, threshold, subtract, volts, spikes):
    for k in range(len(u)):
        i = alpha[k] * u[k] + x[k]
        y = beta[k] * v[k] + i + bias[k]
        s = y > threshold[k]
        u[k] = i
        volts[k] = y
        spikes[k] = s
        v[k] = (y - threshold[k] if subtract else type(y)(0)) if s else y


@compiled()
def _kept(x, keep):
    """Multiply by keep / 4096 toward zero, in two parts that 32 bits hold."""
    sign = np.int32(x >> np.int32(31))
    size = np.uint32(np.int32(np.int32(x ^ sign) - sign))
    whole = np.uint32(np.uint32(size >> np.uint32(DECAY_BITS)) * keep)
    part = np.uint32(np.uint32(size & np.uint32(FRACTION)) * keep)
    kept = np.uint32(whole + np.uint32(part >> np.uint32(DECAY_BITS)))
    return np.int32(np.int32(np.int32(kept) ^ sign) - sign)


@compiled()
def _integrate_fixed(u, v, x, given, keep_u, keep_v, bias):
    _to_units(x, given)
    _integrate_u(u, given, keep_u)
    _integrate_v(v, u, keep_v, bias)


@compiled()
def _to_units(x, given):
    one = type(x[0])(1 << STATE_SHIFT)
    for k in range(len(x)):
        whole = np.int32(x[k])
        # spikes of any height leave a part of a unit of weight over
        part = np.int32((x[k] - type(x[k])(whole)) * one)
        given[k] = np.int32(np.int32(whole << np.int32(STATE_SHIFT)) + part)


@compiled()
def _integrate_u(u, given, keep):
    half, turn = np.int32(HALF), np.int32(2 * HALF)
    for k in range(len(u)):
        i = np.int32(_kept(u[k], keep[k]) + given[k])
        i = np.int32(i - turn) if i > half else (np.int32(i + turn) if i <= -half else i)
        u[k] = i


@compiled()
def _integrate_v(v, u, keep, bias):
    most = np.int32(HALF - 1)
    for k in range(len(v)):
        y = np.int32(np.int32(_kept(v[k], keep[k]) + bias[k]) + u[k])
        v[k] = np.int32(min(max(y, -most), most))


@compiled()
def _fire_fixed(v, limit, subtract, unit, volts, spikes):
    for k in range(len(v)):
        y = v[k]
        s = y > limit[k]
        volts[k] = y * unit
        spikes[k] = s
        v[k] = (np.int32(y - limit[k]) if subtract else np.int32(0)) if s else y
