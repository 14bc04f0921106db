"""The leaky integrator of SLAYER with the gradients that its equations have.

One step, in state units (``w_scale`` of them per volt), with an integer decay word ``d``::

    y[t] = trunc((4096 - d) z[t-1] / 4096) + trunc(w_scale x[t])
    z[t] = 0 where y[t] > limit, else y[t]

The derivative for a fixed pattern of resets, rounding taken as the identity::

    dL/dx[t] = g[t] = dL/dy[t] + (1 - d/4096) [z[t] = y[t]] g[t+1]
    dL/dd    = -1/4096 sum_t g[t+1] z[t]

lava-dl 0.6 has ``+ sum_t g[t+1] y[t]`` for the latter: the opposite sign, 4096 times too large, and
with the state that the reset removed. Its comparison ``y >= threshold + eps`` in float32 loses the
eps for thresholds of 64 and above (and at every threshold on CUDA); the one here is in integers.
Neither knows the 24-bit words of the chip: u that would wrap and v that would saturate do neither,
which networks trained with weights and thresholds of ordinary size never reach.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hetlava.export.lava_import import slayer
from hetlava.fixedpoint import DECAY_BITS
from hetlava.train.kernels import differentiate, integrate

FULL = 1 << DECAY_BITS
NEVER = 1 << 62  # a limit that no state reaches


class LeakyIntegrator(torch.autograd.Function):
    """Leaky integration over the last axis, rounded as on the chip or not at all."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        decay: Tensor,
        state: Tensor,
        w_scale: float,
        limit: float,
        rounding: bool,
    ) -> Tensor:
        """Return the state before the reset, in the unit and shape of ``x`` (N, C, ..., T)."""
        if rounding and x.dtype == torch.float32 and x.device.type == "cpu":
            y = _compiled_forward(x, decay, state, w_scale, limit)
        else:
            y = plain_forward(x, decay, state, w_scale, limit, rounding)
        ctx.save_for_backward(y, decay, state)
        ctx.limit = limit / w_scale
        return y

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of ``x`` and ``decay``."""
        y, decay, state = ctx.saved_tensors
        compiled = y.dtype == torch.float32 and y.device.type == "cpu"
        adjoint = _compiled_backward if compiled else plain_backward
        grad_x, per_row = adjoint(grads[0], y, decay, state, ctx.limit)
        # per_row is (N, C, ...): a shared decay takes the sum, a decay per channel that of its rows
        kept = per_row.sum() if decay.numel() == 1 else per_row.transpose(0, 1).flatten(1).sum(1)
        return grad_x, kept.reshape(decay.shape).to(decay.dtype), None, None, None, None


def plain_forward(
    x: Tensor, decay: Tensor, state: Tensor, w_scale: float, limit: float, rounding: bool
) -> Tensor:
    """Integrate step by step with tensor operations, on any device.

    Without ``rounding`` the state stays in floating point: for finite differences.
    """
    number = torch.int64 if rounding else x.dtype
    keep = (FULL - _per_channel(decay, x)).to(number)
    z = (state * w_scale).to(number)
    trace = []
    for x_t in x.unbind(-1):
        kept = z * keep
        kept = torch.div(kept, FULL, rounding_mode="trunc") if rounding else kept / FULL
        y = kept + (x_t * w_scale).to(number)
        trace.append(y)
        z = torch.where(y > limit, torch.zeros_like(y), y)
    return (torch.stack(trace, -1) / w_scale).to(x.dtype)


def plain_backward(
    grad_y: Tensor, y: Tensor, decay: Tensor, state: Tensor, limit: float
) -> tuple[Tensor, Tensor]:
    """Return the gradient of the input and, per row (N, C, ...), of the decay word."""
    keep = (1 - _per_channel(decay, y) / FULL).to(y.dtype)
    later = torch.zeros_like(y[..., 0])
    total = torch.zeros_like(later, dtype=torch.float64)
    grads = []
    for grad_t, y_t in zip(reversed(grad_y.unbind(-1)), reversed(y.unbind(-1)), strict=True):
        here = (y_t <= limit).to(y.dtype)
        total += later * here * y_t
        later = grad_t + keep * here * later
        grads.append(later)
    total += later * state
    return torch.stack(grads[::-1], -1), -total / FULL


def _per_channel(decay: Tensor, x: Tensor) -> Tensor:
    """Shape a decay, shared (1,) or per channel (C,), to meet one step of ``x``."""
    return decay.detach().reshape(-1, *(1,) * (x.dim() - 3))


def _rows(x: Tensor, decay: Tensor) -> np.ndarray[Any, Any]:
    return _per_channel(decay, x).expand(x.shape[:-1]).reshape(-1).numpy()


def _flat(x: Tensor) -> np.ndarray[Any, Any]:
    return x.detach().contiguous().reshape(-1, x.shape[-1]).numpy()


def _compiled_forward(
    x: Tensor, decay: Tensor, state: Tensor, w_scale: float, limit: float
) -> Tensor:
    y = torch.empty(x.shape, dtype=x.dtype)
    start = (state.detach() * w_scale).to(torch.int64).reshape(-1).numpy()
    words = _rows(x, decay).astype(np.int64)
    integrate(_flat(x), words, start, float(w_scale), int(limit), y.view(-1, x.shape[-1]).numpy())
    return y


def _compiled_backward(
    grad_y: Tensor, y: Tensor, decay: Tensor, state: Tensor, limit: float
) -> tuple[Tensor, Tensor]:
    grad_x = torch.empty(y.shape, dtype=y.dtype)
    per_row = torch.empty(y.shape[:-1], dtype=torch.float64)
    differentiate(
        _flat(grad_y),
        _flat(y),
        _rows(y, decay).astype(np.float32),
        state.detach().contiguous().reshape(-1).numpy(),
        limit,
        grad_x.view(-1, y.shape[-1]).numpy(),
        per_row.view(-1).numpy(),
    )
    return grad_x, per_row


def dynamics(
    x: Tensor,
    decay: Tensor,
    state: Tensor,
    w_scale: float,
    threshold: float | None = None,
    *,
    rounding: bool = True,
) -> Tensor:
    """Integrate ``x`` (N, C, ..., T) in time; the state before the reset, in the unit of ``x``.

    Parameters
    ----------
    decay : (1,) or (C,)
        Decay words, whole numbers in 0 .. 4096.
    state : (1,) or (N, C, ...)
        State before the first step.
    w_scale : float
        State units per unit of ``x``.
    threshold : float, optional
        The state is reset to 0 where it is at least this, in the unit of ``x``; the blocks of
        lava-dl pass Loihi's threshold plus a fraction of a unit, which makes it "above".
    rounding : bool
        False keeps the state in floating point.
    """
    state = state.expand(x.shape[:-1]).to(x.dtype)
    limit: float = NEVER
    if threshold is not None and threshold >= 0:
        # whole numbers are at least a fraction exactly when they are above the one before it
        limit = math.ceil(threshold * w_scale) - 1
    y: Tensor = LeakyIntegrator.apply(x, decay, state, w_scale, limit, rounding)  # type: ignore[no-untyped-call]
    return y


@contextmanager
def corrected_dynamics(*, rounding: bool = True) -> Iterator[None]:
    """Let the blocks of lava-dl integrate with :func:`dynamics` inside the ``with`` block."""
    module = slayer().neuron.dynamics.leaky_integrator
    stock = module.dynamics

    def replacement(
        input: Tensor,
        decay: Tensor,
        state: Tensor,
        w_scale: float,
        threshold: float | None = None,
        debug: bool = False,
    ) -> Tensor:
        return dynamics(input, decay, state, w_scale, threshold, rounding=rounding)

    module.dynamics = replacement
    try:
        yield
    finally:
        module.dynamics = stock
