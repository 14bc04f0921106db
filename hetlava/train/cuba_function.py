"""The fused layer on the CPU: compiled time loops, sums driven by spikes, one matrix product.

Of the forward pass only the voltages and the spikes are kept; u is what a voltage gains in a step.
The gradient of the input takes the place of the voltages as the adjoint goes back in time, so that
a layer needs eight bytes per neuron and step.
"""

from typing import Any

import numba
import torch
from torch import Tensor

from hetlava.train.buffers import BUFFERS
from hetlava.train.cuba_passes import Layer, run_backward, run_forward
from hetlava.train.cuba_rule import CubaParameters, CubaRule
from hetlava.train.spike_loops import sum_events
from hetlava.train.spike_rows import SpikeRows, rows_of

DENSE_SHARE = 0.2  # of the neurons; above it one large matrix product is faster than adding rows


class CubaLayer(torch.autograd.Function):
    """A layer of CUBA-LIF neurons on the CPU, in float32 or float64."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor | None,
        weight: Tensor | None,
        loop: Tensor | None,
        alpha: Tensor,
        beta: Tensor,
        threshold: Tensor,
        bias: Tensor,
        unit: Tensor,
        layer: Layer,
    ) -> Tensor:
        """Return spikes, or integrators' voltages, (n_steps, n_samples, n)."""
        p = CubaParameters(alpha, beta, threshold, bias, unit)
        shape = (layer.n_steps, layer.n_samples, alpha.numel())
        spiking = layer.rule.surrogate is not None
        # voltages of neurons that spike are never seen outside
        volts = (BUFFERS.take if spiking else _empty)(shape, alpha.dtype)
        spikes = torch.empty_like(volts)
        run_forward(x, weight, loop, p, layer, volts, spikes)
        if spiking and not any(ctx.needs_input_grad):
            BUFFERS.give(volts)
            return spikes
        ctx.layer, ctx.volts, ctx.spikes = layer, volts, spikes
        ctx.save_for_backward(x, weight, loop, *p)
        return spikes if spiking else volts

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of all but the unit."""
        x, weight, loop, *parameters = ctx.saved_tensors
        layer, p = ctx.layer, CubaParameters(*parameters)
        if ctx.volts is None:
            raise RuntimeError("a fused layer goes back through time once; run it forward again")
        sums, grad = run_backward(grads[0], ctx.volts, ctx.spikes, loop, p, layer)
        grad_loop = None
        if loop is not None and ctx.needs_input_grad[2]:
            grad_loop = _weight_gradient(rows_of(ctx.spikes), None, grad, loop, 1)
        volts = ctx.volts if layer.rule.surrogate is not None else None
        ctx.volts = ctx.spikes = None
        grad_x = _input_gradient(grad, weight, layer) if ctx.needs_input_grad[0] else None
        grad_weight = None
        if weight is not None and ctx.needs_input_grad[1]:
            grad_weight = _weight_gradient(layer.rows, x, grad, weight, layer.rule.delay)
        if volts is not None:
            BUFFERS.give(volts)  # which held the gradient of the currents, read above
        alpha, beta, bias, threshold = sums.sum(1).unbind(0)
        return grad_x, grad_weight, grad_loop, alpha, beta, threshold, bias, None, None


def _empty(shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    return torch.empty(shape, dtype=dtype)


def run_compiled(
    x: Tensor | SpikeRows,
    weight: Tensor | None,
    loop: Tensor | None,
    p: CubaParameters,
    rule: CubaRule,
) -> Tensor:
    """Return what :func:`hetlava.train.cuba_plain.run_plain` does, compiled; see ``cuba_layer``."""
    tensor = x if isinstance(x, Tensor) else None
    rows = x if isinstance(x, SpikeRows) else None
    if tensor is not None and weight is not None:
        tensor = tensor.contiguous()
        rows = rows_of(tensor)
        if rows.share > DENSE_SHARE:
            rows = None
    n_steps, n_samples, _ = x.shape
    layer = Layer(rule, rows, n_steps, n_samples)
    y: Tensor = CubaLayer.apply(tensor, weight, loop, *p, layer)  # type: ignore[no-untyped-call]
    return y


def _input_gradient(grad: Tensor, weight: Tensor | None, layer: Layer) -> Tensor:
    delay, n_steps = layer.rule.delay, layer.n_steps
    late = grad[delay:]
    if weight is not None:
        out = grad.new_empty(n_steps, layer.n_samples, weight.shape[1])
        torch.matmul(late, weight.detach(), out=out[: n_steps - delay])
    else:
        out = torch.empty_like(grad)
        out[: n_steps - delay] = late
    out[n_steps - delay :] = 0
    return out


def _weight_gradient(
    rows: SpikeRows | None, x: Tensor | None, grad: Tensor, weight: Tensor, delay: int
) -> Tensor:
    if rows is not None:
        out = grad.new_zeros(weight.shape[1], weight.shape[0])
        value = rows.value.astype(grad.numpy().dtype, copy=False)
        n_parts = numba.get_num_threads()
        sum_events(rows.indptr, rows.index, value, delay, grad.numpy(), out.numpy(), n_parts)
        return out.T
    if x is None:
        raise ValueError("neither spikes nor currents are given")
    late = grad[delay:].flatten(0, 1)
    return late.T @ x[: len(grad) - delay].flatten(0, 1).to(grad.dtype)
