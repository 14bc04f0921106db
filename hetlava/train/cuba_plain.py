"""The judge of the fused layers: their equations step by step, differentiated by PyTorch itself.

Slow, on any device, in any precision. See :mod:`hetlava.train.cuba_rule` for the equations.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from hetlava.fixedpoint import DECAY_BITS, STATE_BITS, STATE_SHIFT
from hetlava.train.cuba_rule import FULL, CubaParameters, CubaRule
from hetlava.train.surrogates import Surrogate

HALF = 1 << (STATE_BITS - 1)


class _State(NamedTuple):
    """u and z after a step, v before the reset [V], and u and z in whole units (scale only)."""

    u: Tensor
    v: Tensor
    z: Tensor
    whole_u: Tensor
    whole_z: Tensor


def run_plain(
    x: Tensor, weight: Tensor | None, loop: Tensor | None, p: CubaParameters, rule: CubaRule
) -> Tensor:
    """Return spikes, or integrators' voltages, (n_steps, n_samples, n); see ``cuba_layer``."""
    drive = x if weight is None else x @ weight.T
    if rule.delay:
        drive = torch.cat([torch.zeros_like(drive[:1]), drive[:-1]])
    zero = torch.zeros_like(drive[0])
    whole = zero.to(torch.int64)
    state, s, outputs = _State(zero, zero, zero, whole, whole), zero, []
    for x_t in drive.unbind(0):
        arriving = x_t if loop is None else x_t + s @ loop.T
        state = _integrate(state, arriving, p, rule)
        if rule.surrogate is None:
            state = state._replace(z=state.v, whole_z=_whole(state.v, rule))
            outputs.append(state.v)
            continue
        s = _fire(state.v, p, rule.surrogate)
        outputs.append(s)
        state = _reset(state, s, p, rule)
    return torch.stack(outputs)


def _integrate(state: _State, arriving: Tensor, p: CubaParameters, rule: CubaRule) -> _State:
    u = p.alpha * state.u + arriving
    kept = p.beta * state.z
    if rule.reset_gradient == "ignored" and rule.surrogate is not None:
        kept = _valued(kept, p.beta * state.v)
    if rule.scale is None:
        return state._replace(u=u, v=kept + u + p.bias)
    whole_u, whole_v = _chip_step(state, arriving, p, rule)
    u = _valued(whole_u / rule.scale, u)
    v = _valued(whole_v / rule.scale, kept + u + p.bias)
    return state._replace(u=u, v=v, whole_u=whole_u)


def _chip_step(
    state: _State, arriving: Tensor, p: CubaParameters, rule: CubaRule
) -> tuple[Tensor, Tensor]:
    units = 1 / rule.grid
    # weights are whole but for the rounding of their volts
    given = (arriving.detach().double() * units).round(decimals=6) * (1 << STATE_SHIFT)
    u = _kept(state.whole_u, p.alpha) + _int32(given.to(torch.int64))
    u = _int32(u)
    u = torch.where(u > HALF, u - 2 * HALF, torch.where(u <= -HALF, u + 2 * HALF, u))
    bias = torch.round(p.bias.detach() * units).to(torch.int64) << STATE_SHIFT
    v = _int32(_kept(state.whole_z, p.beta) + u + bias)
    return u, v.clamp(1 - HALF, HALF - 1)


def _kept(x: Tensor, share: Tensor) -> Tensor:
    keep = torch.round(share.detach() * FULL).to(torch.int64)
    return x.sign() * (x.abs() * keep >> DECAY_BITS)


def _int32(x: Tensor) -> Tensor:
    return x.to(torch.int32).to(torch.int64)


def _whole(v: Tensor, rule: CubaRule) -> Tensor:
    # exact: states of 24 bits fit a float32
    return torch.round(v.detach().double() * (rule.scale or 1.0)).to(torch.int64)


def _valued(value: Tensor, gradient: Tensor) -> Tensor:
    """Return the value of one with the gradient of the other."""
    y: Tensor = _Valued.apply(value, gradient)  # type: ignore[no-untyped-call]
    return y


class _Valued(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, value: Tensor, gradient: Tensor) -> Tensor:
        return value.to(gradient.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        return None, grads[0]


def _fire(v: Tensor, p: CubaParameters, surrogate: Surrogate) -> Tensor:
    s: Tensor = _Spike.apply(v, p.threshold, p.unit, surrogate)  # type: ignore[no-untyped-call]
    return s


def _reset(state: _State, s: Tensor, p: CubaParameters, rule: CubaRule) -> _State:
    shown = s if rule.reset_gradient == "full" else s.detach()
    if rule.reset == "zero":
        z = state.v * (1 - shown)
    else:
        z = state.v - p.threshold * shown
    return state._replace(z=z, whole_z=_whole(z, rule))


class _Spike(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, v: Tensor, threshold: Tensor, unit: Tensor, surrogate: Surrogate
    ) -> Tensor:
        ctx.save_for_backward(v, threshold, unit)
        ctx.surrogate = surrogate
        return (v > threshold).to(v.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        v, threshold, unit = ctx.saved_tensors
        g = grads[0] * ctx.surrogate((v - threshold) / unit) / unit
        return g, -g.flatten(0, -2).sum(0), None, None
