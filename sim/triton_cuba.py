"""CUBA neurons in one Triton kernel: all steps in one pass, the state in registers.

A thread holds ``u`` and ``v`` of a neuron of a sample and reads its input step by step, so that
memory sees 4 bytes in and 1 byte out for each step instead of every intermediate. Imported only
when it runs.
"""

# triton compiles these functions
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-decorators

from typing import TYPE_CHECKING

import triton
import triton.language as tl

from hetlava.fixedpoint import DECAY_BITS, STATE_BITS, STATE_SHIFT

if TYPE_CHECKING:
    import torch

    from hetlava.sim.torch_neurons import CubaUpdate, Steps

BLOCK = 128  # neurons of a program


@triton.jit
def _decay(x, keep, FRACTION: tl.constexpr, BITS: tl.constexpr):
    product = x.to(tl.int64) * keep
    return (product + ((product >> 63) & FRACTION)) >> BITS


@triton.jit
def _cuba(
    a_in, spikes, u_trace, v_trace, keep_u, keep_v, bias, threshold,
    n_steps, n_cells, n, interval, phase,
    KEEP_U: tl.constexpr, KEEP_V: tl.constexpr,
    SHIFT: tl.constexpr, BITS: tl.constexpr, HALF: tl.constexpr, RESETS: tl.constexpr,
    BLOCK: tl.constexpr,
):  # fmt: skip
    cell = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = cell < n_cells
    neuron = cell % n
    k_u = tl.load(keep_u + neuron, mask=inside, other=0)
    k_v = tl.load(keep_v + neuron, mask=inside, other=0)
    b = tl.load(bias + neuron, mask=inside, other=0)
    level = tl.load(threshold + neuron, mask=inside, other=0)
    u = tl.full((BLOCK,), 0, tl.int64)
    v = tl.full((BLOCK,), 0, tl.int64)
    fraction: tl.constexpr = (1 << BITS) - 1
    at = cell  # in 64 bits, like every place of what may be a long recording
    for t in range(n_steps):
        if RESETS:
            awake = (t + 1) % interval != phase
            u, v = tl.where(awake, u, 0), tl.where(awake, v, 0)
        arriving = tl.load(a_in + at, mask=inside, other=0).to(tl.int64) << SHIFT
        u = _decay(u, k_u, fraction, BITS) + arriving.to(tl.int32).to(tl.int64)
        u = u.to(tl.int32).to(tl.int64)
        u = tl.where(u > HALF, u - 2 * HALF, tl.where(u <= -HALF, u + 2 * HALF, u))
        v = (_decay(v, k_v, fraction, BITS) + u + b).to(tl.int32).to(tl.int64)
        v = tl.minimum(tl.maximum(v, 1 - HALF), HALF - 1)
        s = v > level
        v = tl.where(s, 0, v)
        tl.store(spikes + at, s.to(tl.int8), mask=inside)
        if KEEP_U:
            tl.store(u_trace + at, u.to(tl.int32), mask=inside)
        if KEEP_V:
            tl.store(v_trace + at, v.to(tl.int32), mask=inside)
        at += n_cells


def launch(update: "CubaUpdate", a_in: "torch.Tensor", steps: "Steps") -> None:
    """Fill ``steps`` from the input (n_steps, n_samples, n) int32, contiguous."""
    start, interval = update.population.start, update.population.reset_interval
    n_steps, n_samples, n = a_in[start:].shape
    phase = (update.population.reset_offset - start) % max(1, interval)
    cells = n_samples * n
    if not cells:
        return
    spikes = steps.sent[start:].view(_int8())
    u, v = (a_in if trace is None else trace[start:] for trace in (steps.u, steps.v))
    _cuba[(triton.cdiv(cells, BLOCK),)](
        a_in[start:], spikes, u, v,
        update.keep_u, update.keep_v, update.bias, update.threshold,
        n_steps, cells, n, interval, phase,
        KEEP_U=steps.u is not None, KEEP_V=steps.v is not None,
        SHIFT=STATE_SHIFT, BITS=DECAY_BITS, HALF=1 << (STATE_BITS - 1), RESETS=interval > 0,
        BLOCK=BLOCK,
    )  # fmt: skip


def _int8() -> "torch.dtype":
    import torch

    return torch.int8
