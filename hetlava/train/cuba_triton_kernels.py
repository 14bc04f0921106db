"""Triton kernels of CUBA-LIF layers: the whole loop over time in one launch, states in registers.

Bytes per neuron and step, all in float32 and the synapse's matrix product aside: forward reads the
current (4) and writes the voltage and the spike (8); backward reads the gradient and the voltage
(8) and writes the current's gradient (4). That is 24. What the equations need besides is found
again: u is what a voltage gains in a step, and a neuron fired where its voltage is above threshold.
"""

# Triton reads these functions, not Python
# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators, allow-incomplete-defs

import triton
import triton.language as tl

from hetlava.fixedpoint import DECAY_BITS, STATE_BITS, STATE_SHIFT

SHIFT = tl.constexpr(STATE_SHIFT)
UNIT = tl.constexpr(float(1 << STATE_SHIFT))
BITS = tl.constexpr(DECAY_BITS)
HALF = tl.constexpr(1 << (STATE_BITS - 1))


@triton.jit
def forward_float(
    x, volts, spikes, alpha, beta, bias, threshold, n, n_rows, n_steps,
    SUBTRACT: tl.constexpr, SPIKING: tl.constexpr, DELAY: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Step currents (n_steps, n_rows); row r is of neuron ``r % n``."""
    row = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    there = row < n_rows
    a = tl.load(alpha + row % n)
    b = tl.load(beta + row % n)
    c = tl.load(bias + row % n)
    limit = tl.load(threshold + row % n)
    u = tl.zeros([BLOCK], tl.float32)
    z = tl.zeros([BLOCK], tl.float32)
    x_at, v_at, s_at = x + row - DELAY * n_rows, volts + row, spikes + row
    for t in range(n_steps):
        u = a * u + tl.load(x_at, mask=there & (row * 0 + t >= DELAY), other=0.0)
        x_at += n_rows
        v = b * z + u + c
        tl.store(v_at, v, mask=there)
        v_at += n_rows
        z = v
        if SPIKING:
            s = v > limit
            tl.store(s_at, s.to(tl.float32), mask=there)
            s_at += n_rows
            z = tl.where(s, v - limit if SUBTRACT else v * 0, v)


@triton.jit
def forward_fixed(
    x, volts, spikes, keep_u, keep_v, bias, limits, unit, n, n_rows, n_steps,
    SUBTRACT: tl.constexpr, SPIKING: tl.constexpr, DELAY: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Step currents in units of a weight in the chip's integers; ``volts`` is ``unit`` times v."""
    row = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    there = row < n_rows
    a = tl.load(keep_u + row % n)
    b = tl.load(keep_v + row % n)
    c = tl.load(bias + row % n)
    limit = tl.load(limits + row % n)
    u = tl.zeros([BLOCK], tl.int32)
    z = tl.zeros([BLOCK], tl.int32)
    x_at, v_at, s_at = x + row - DELAY * n_rows, volts + row, spikes + row
    for t in range(n_steps):
        given = tl.load(x_at, mask=there & (row * 0 + t >= DELAY), other=0.0)
        x_at += n_rows
        whole = given.to(tl.int32)
        part = ((given - whole.to(tl.float32)) * UNIT).to(tl.int32)
        u = _kept(u, a) + (whole << SHIFT) + part
        u = tl.where(u > HALF, u - 2 * HALF, tl.where(u <= -HALF, u + 2 * HALF, u))
        v = _kept(z, b) + c + u
        v = tl.minimum(tl.maximum(v, 1 - HALF), HALF - 1)
        tl.store(v_at, v.to(tl.float32) * unit, mask=there)
        v_at += n_rows
        z = v
        if SPIKING:
            s = v > limit
            tl.store(s_at, s.to(tl.float32), mask=there)
            s_at += n_rows
            z = tl.where(s, v - limit if SUBTRACT else v * 0, v)


@triton.jit
def _kept(x, keep):
    """Multiply by keep / 4096 toward zero."""
    size = ((tl.abs(x).to(tl.int64) * keep.to(tl.int64)) >> BITS).to(tl.int32)
    return tl.where(x < 0, -size, size)


@triton.jit
def adjoint(
    grad, volts, out, sums, alpha, beta, bias, threshold, steep, height, n, n_rows, n_steps, end,
    SHAPE: tl.constexpr, SUBTRACT: tl.constexpr, FULL: tl.constexpr, IGNORED: tl.constexpr,
    BLOCK: tl.constexpr,
):  # fmt: skip
    """Go back through time; ``sums`` (4, n_rows): gradients of alpha, beta, bias, threshold.

    ``end`` is where the last step begins, ``SHAPE`` a number of :mod:`hetlava.train.cuba_adjoint`.
    """
    row = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    there = row < n_rows
    a = tl.load(alpha + row % n)
    b = tl.load(beta + row % n)
    c = tl.load(bias + row % n)
    limit = tl.load(threshold + row % n)
    k = tl.load(steep + row % n)
    h = tl.load(height + row % n)
    zero = tl.zeros([BLOCK], tl.float32)
    later_u, later_v, of_a, of_b, of_c, of_limit = zero, zero, zero, zero, zero, zero
    g_at, v_at, o_at = grad + end + row, volts + end + row, out + end + row
    v = tl.load(v_at, mask=there, other=0.0)
    for i in range(n_steps):
        v_at -= n_rows
        earlier = there & (row * 0 + i + 1 < n_steps)
        before = tl.load(v_at, mask=earlier, other=0.0)
        g = tl.load(g_at, mask=there, other=0.0)
        gain = g + b * later_v
        kept = before
        pre = before
        if SHAPE < 4:
            sigma = h * _slope(tl.abs(v - limit) * k, SHAPE)
            past = b * later_v
            s = (v > limit).to(tl.float32)
            jump = limit if SUBTRACT else v
            g = g - past * jump if FULL else g
            through = past if SUBTRACT or IGNORED else past * (1 - s)
            moved = past * s if SUBTRACT and not IGNORED else zero
            gain = g * sigma + through
            of_limit -= g * sigma + moved
            fired = (before > limit) & earlier
            kept = tl.where(fired, before - limit if SUBTRACT else zero, before)
            pre = before if IGNORED else kept
        of_a += later_u * (v - b * kept - c)
        of_b += gain * pre
        of_c += gain
        later_u = gain + a * later_u
        later_v = gain
        tl.store(o_at, later_u, mask=there)
        g_at -= n_rows
        o_at -= n_rows
        v = before
    tl.store(sums + row, of_a, mask=there)
    tl.store(sums + n_rows + row, of_b, mask=there)
    tl.store(sums + 2 * n_rows + row, of_c, mask=there)
    tl.store(sums + 3 * n_rows + row, of_limit, mask=there)


@triton.jit
def _slope(y, SHAPE: tl.constexpr):
    """Return the shape of the surrogate derivative at y >= 0, 1 at 0."""
    if SHAPE == 0:
        r = 1 / ((y + 1) * (y + 1))
    elif SHAPE == 1:
        r = 1 / (y * y + 1)
    elif SHAPE == 2:
        r = tl.maximum(1 - y, 0.0)
    else:
        r = tl.exp(-y)
    return r
