"""The two passes of a fused layer on the CPU: tensors to what the compiled loops take, and back.

Here samples come first, (n_samples, n_steps, n): what the loops go through then lies in one piece.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from hetlava.arrays import AnyArray
from hetlava.fixedpoint import STATE_SHIFT
from hetlava.train.buffers import BUFFERS
from hetlava.train.cuba_adjoint import (
    BLOCK,
    EXPONENTIAL,
    LORENTZ,
    N_STATE,
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
# What goes back in time at once: gradients that caches hold until they are used, [bytes], and work
# for threads, [samples]; not by their number, which is to leave the sums as they are.
CACHE, AT_LEAST = 5 << 19, 8


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
    drive = x.detach().transpose(0, 1)
    if weights.numel():
        drive = drive @ weights
    elif layer.rule.scale is not None:
        drive = drive * (1 / layer.rule.grid)
    if layer.rule.delay:
        drive = torch.cat([torch.zeros_like(drive[:, :1]), drive[:, :-1]], 1)
    return drive.contiguous().numpy(), *none, layer.rule.delay


def run_backward(
    given: Tensor,
    volts: Tensor,
    loop: Tensor | None,
    p: CubaParameters,
    layer: Layer,
    sums: Tensor,
) -> Iterator[tuple[int, Tensor]]:
    """Yield the first of some samples, and their currents' gradients, (n_some, n_steps, n).

    They are overwritten when the next are asked for.

    Parameters
    ----------
    sums : (4, n)
        Gradients of alpha, beta, bias and threshold are added to these.
    """
    n_samples, n_steps, n = volts.shape
    sample_bytes = n_steps * n * volts.element_size()
    n_some = max(AT_LEAST, CACHE // sample_bytes) if loop is None else n_samples
    room = BUFFERS.take((min(n_some, n_samples), n_steps, n), volts.dtype)
    fixed = _slope(p, layer.rule), _reset(layer.rule)
    for first in range(0, n_samples, n_some):
        some = slice(first, min(first + n_some, n_samples))
        state, out = _state(p, layer.rule, some.stop - first), room[: some.stop - first]
        if loop is None:
            grad = given[some].contiguous().numpy()
            adjoint(0, n_steps, grad, volts[some].numpy(), state, *fixed, out.numpy())
        else:
            _back_through_loop(given.contiguous(), volts, loop.detach(), state, fixed, out)
        grads = state.reshape(len(state), -1, N_STATE // BLOCK, BLOCK)[:, :, 4:8].sum(0)
        sums += torch.from_numpy(grads.swapaxes(0, 1).reshape(4, -1)[:, :n])
        yield first, out
    BUFFERS.give(room)


def _back_through_loop(
    given: Tensor, volts: Tensor, loop: Tensor, state: AnyArray, fixed: tuple[Any, ...], out: Tensor
) -> None:
    n_steps = volts.shape[1]
    total = given.clone()
    for t in range(n_steps - 1, -1, -1):
        if t + 1 < n_steps:
            total[:, t].addmm_(out[:, t + 1], loop)
        adjoint(t, t + 1, total.numpy(), volts.numpy(), state, *fixed, out.numpy())


def _state(p: CubaParameters, rule: CubaRule, n_samples: int) -> AnyArray:
    """Return what the adjoint begins with, (n_samples, n_blocks, N_STATE)."""
    vectors = [*(v.detach().numpy() for v in (p.alpha, p.beta, p.bias)), _threshold(p, rule)]
    n_blocks = -(-len(vectors[0]) // BLOCK)
    state = np.zeros((N_STATE // BLOCK, n_blocks * BLOCK), vectors[0].dtype)
    state[:4, : len(vectors[0])] = vectors
    one = state.reshape(-1, n_blocks, BLOCK).swapaxes(0, 1).reshape(n_blocks, N_STATE)
    return np.repeat(one[None], n_samples, axis=0)


def _reset(rule: CubaRule) -> tuple[bool, bool, bool]:
    if rule.surrogate is None:
        return False, False, False
    return rule.reset == "subtract", rule.reset_gradient == "full", rule.reset_gradient == "ignored"


def _slope(p: CubaParameters, rule: CubaRule) -> tuple[int, AnyArray, AnyArray, AnyArray]:
    unit, threshold = p.unit.detach(), _threshold(p, rule)
    if rule.surrogate is None:
        zero = torch.zeros_like(unit).numpy()
        return NO_SPIKE, threshold, zero, zero
    steepness, height = rule.surrogate.steepness / unit, rule.surrogate.height / unit
    return SHAPES[rule.surrogate.shape], threshold, steepness.numpy(), height.numpy()
