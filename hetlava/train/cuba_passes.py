"""The two passes of a fused layer on the CPU: tensors to what the compiled loops take, and back."""

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from hetlava.arrays import AnyArray
from hetlava.fixedpoint import STATE_SHIFT
from hetlava.train.cuba_adjoint import (
    EXPONENTIAL,
    LORENTZ,
    NO_SPIKE,
    RATIONAL,
    TRIANGLE,
    adjoint,
)
from hetlava.train.cuba_forward import HALF, forward_fixed, forward_float
from hetlava.train.cuba_rule import FULL, CubaParameters, CubaRule
from hetlava.train.spike_rows import SpikeRows

SHAPES = {
    "rational": RATIONAL,
    "lorentz": LORENTZ,
    "triangle": TRIANGLE,
    "exponential": EXPONENTIAL,
}
EXACT = 1 << 24  # whole numbers below are exact in float32


class Layer(NamedTuple):
    """What a call needs beside tensors that have gradients."""

    rule: CubaRule
    rows: SpikeRows | None
    n_steps: int
    n_samples: int


def _by_sender(weight: Tensor | None, like: Tensor, rule: CubaRule) -> Tensor:
    """Return weights (n_pre, n), whole numbers if there is a scale; without any (0, 0)."""
    if weight is None:
        return like.new_zeros(0, 0)
    rows = weight.detach().T
    if rule.scale is not None:
        rows = torch.round(rows * (1 / rule.grid))
    return rows.contiguous()


def run_forward(
    x: Tensor | None,
    weight: Tensor | None,
    loop: Tensor | None,
    p: CubaParameters,
    layer: Layer,
    volts: Tensor,
    spikes: Tensor,
) -> None:
    rule = layer.rule
    weights, loops = (_by_sender(w, p.alpha, rule) for w in (weight, loop))
    if rule.scale is not None and volts.dtype == torch.float32:
        _check_exact(weights, loops)
    source = _source(x, weights, layer, p.alpha)
    subtract = rule.reset == "subtract"
    arrays = (v.detach().contiguous().numpy() for v in (p.alpha, p.beta, p.bias))
    out = volts.numpy(), spikes.numpy()
    if rule.scale is None:
        forward_float(
            source, weights.numpy(), loops.numpy(), *arrays, _threshold(p, rule), subtract, *out
        )
        return
    alpha, beta, bias = arrays
    keep = [np.rint(share * FULL).astype(np.uint32) for share in (alpha, beta)]
    whole = [_units(value, rule) for value in (bias, p.threshold.detach().numpy())]
    if rule.surrogate is None:
        whole[1] = np.full_like(whole[1], HALF)
    unit = volts.numpy().dtype.type(1 / rule.scale)
    forward_fixed(source, weights.numpy(), loops.numpy(), *keep, *whole, subtract, unit, *out)


def _threshold(p: CubaParameters, rule: CubaRule) -> AnyArray:
    threshold: AnyArray = p.threshold.detach().contiguous().numpy()
    return np.full_like(threshold, np.inf) if rule.surrogate is None else threshold


def _units(volts: AnyArray, rule: CubaRule) -> AnyArray:
    whole: AnyArray = np.rint(volts / rule.grid).astype(np.int32) << STATE_SHIFT
    return whole


def _check_exact(*weights: Tensor) -> None:
    """Refuse sums of whole weights that float32 could round, however many spikes there are."""
    largest = sum(float(w.abs().sum(0).max()) for w in weights if w.numel())
    if largest >= EXACT:
        raise OverflowError(
            f"weights of one neuron add up to {largest:g} units, float32 counts to {EXACT}; "
            "use float64"
        )


def _source(x: Tensor | None, weights: Tensor, layer: Layer, like: Tensor) -> tuple[Any, ...]:
    """Return what drives the kernels: currents, or events to look up rows of weights with."""
    none = np.zeros(0, np.int64), np.zeros(0, np.int32), like.new_zeros(0).numpy()
    if layer.rows is not None:
        rows, silent = layer.rows, like.new_zeros(0, 0, 0).numpy()
        value = rows.value.astype(silent.dtype, copy=False)
        return silent, rows.indptr, rows.index, value, layer.rule.delay
    if x is None:
        raise ValueError("neither spikes nor currents are given")
    drive = x.detach()
    if weights.numel():
        drive = drive @ weights
    elif layer.rule.scale is not None:
        drive = drive * (1 / layer.rule.grid)
    if layer.rule.delay:
        drive = torch.cat([torch.zeros_like(drive[:1]), drive[:-1]])
    return drive.contiguous().numpy(), *none, layer.rule.delay


def run_backward(
    given: Tensor,
    volts: Tensor,
    spikes: Tensor,
    loop: Tensor | None,
    p: CubaParameters,
    layer: Layer,
) -> tuple[Tensor, Tensor]:
    """Return the gradients of alpha, beta, bias, threshold (4, n_samples, n), and of the currents.

    The latter overwrites the voltages of neurons that spike; those of integrators were given away.
    """
    n_steps, n_samples, n = volts.shape
    rule = layer.rule
    carry, sums = volts.new_zeros(2, n_samples, n), volts.new_zeros(4, n_samples, n)
    fixed = (
        *(v.detach().contiguous().numpy() for v in (p.alpha, p.beta, p.bias)),
        _threshold(p, rule),
        _slope(p, rule),
        (rule.reset == "subtract", rule.reset_gradient == "full", rule.reset_gradient == "ignored"),
    )
    out = torch.empty_like(volts) if rule.surrogate is None else volts
    rest = carry.numpy(), sums.numpy(), out.numpy()
    if loop is None:
        grad = given.contiguous().numpy()
        adjoint(0, n_steps, grad, volts.numpy(), *fixed, *rest)
        return sums, out
    total, back = given.clone(memory_format=torch.contiguous_format), loop.detach()
    for t in range(n_steps - 1, -1, -1):
        if t + 1 < n_steps:
            total[t].addmm_(out[t + 1], back)
        adjoint(t, t + 1, total.numpy(), volts.numpy(), *fixed, *rest)
    return sums, out


def _slope(p: CubaParameters, rule: CubaRule) -> tuple[int, AnyArray, AnyArray]:
    unit = p.unit.detach()
    if rule.surrogate is None:
        zero = torch.zeros_like(unit).numpy()
        return NO_SPIKE, zero, zero
    steepness, height = rule.surrogate.steepness / unit, rule.surrogate.height / unit
    return SHAPES[rule.surrogate.shape], steepness.numpy(), height.numpy()
