"""The fused layer on the CPU: compiled time loops, sums driven by spikes, one matrix product.

Of the forward pass only the voltages and the spikes are kept; u is what a voltage gains in a step.
The adjoint goes back in time for a few samples after the others, and what their currents' gradients
are for is done while caches hold them.
"""

from typing import Any

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
        shape = (layer.n_samples, layer.n_steps, alpha.numel())
        spiking = layer.rule.surrogate is not None
        # voltages of neurons that spike are never seen outside
        volts = (BUFFERS.take if spiking else _empty)(shape, alpha.dtype)
        spikes = torch.empty_like(volts)
        run_forward(x, weight, loop, p, layer, volts, spikes)
        if spiking and not any(ctx.needs_input_grad):
            BUFFERS.give(volts)
            return spikes.transpose(0, 1)
        ctx.layer, ctx.volts = layer, volts
        ctx.spikes = spikes if loop is not None else None
        ctx.save_for_backward(x, weight, loop, *p)
        return (spikes if spiking else volts).transpose(0, 1)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of all but the unit."""
        x, weight, loop, *parameters = ctx.saved_tensors
        layer, p = ctx.layer, CubaParameters(*parameters)
        if ctx.volts is None:
            raise RuntimeError("a fused layer goes back through time once; run it forward again")
        wanted = ctx.needs_input_grad
        grad_x = _input_room(ctx.volts, weight) if wanted[0] else None
        grad_weight = _weight_room(weight) if weight is not None and wanted[1] else None
        grad_loop = _weight_room(loop) if loop is not None and wanted[2] else None
        own = rows_of(ctx.spikes.transpose(0, 1)) if grad_loop is not None else None
        sums = ctx.volts.new_zeros(4, p.alpha.numel())
        given = grads[0].transpose(0, 1)
        for first, grad in run_backward(given, ctx.volts, loop, p, layer, sums):
            some = slice(first, first + len(grad))
            if grad_x is not None:
                _pass_to_input(grad, weight, layer.rule.delay, grad_x[some])
            if grad_weight is not None and layer.rows is not None:
                _add_met(layer.rows, first, layer.rule.delay, grad, grad_weight)
            elif grad_weight is not None:
                _add_product(x.detach().transpose(0, 1)[some], layer.rule.delay, grad, grad_weight)
            if grad_loop is not None and own is not None:
                _add_met(own, first, 1, grad, grad_loop)
        if layer.rule.surrogate is not None:
            BUFFERS.give(ctx.volts)
        ctx.volts = ctx.spikes = None
        alpha, beta, bias, threshold = sums.unbind(0)
        by_step = None if grad_x is None else grad_x.transpose(0, 1)
        weights = (None if g is None else g.T for g in (grad_weight, grad_loop))
        return by_step, *weights, alpha, beta, threshold, bias, None, None


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
        rows = rows_of(tensor)
        if rows.share > DENSE_SHARE:
            rows = None
    n_steps, n_samples, _ = x.shape
    layer = Layer(rule, rows, n_steps, n_samples)
    y: Tensor = CubaLayer.apply(tensor, weight, loop, *p, layer)  # type: ignore[no-untyped-call]
    return y


def _input_room(volts: Tensor, weight: Tensor | None) -> Tensor:
    n = volts.shape[2] if weight is None else weight.shape[1]
    return volts.new_empty(*volts.shape[:2], n)


def _weight_room(weight: Tensor) -> Tensor:
    return weight.new_zeros(weight.shape[1], weight.shape[0])


def _pass_to_input(grad: Tensor, weight: Tensor | None, delay: int, out: Tensor) -> None:
    """Write the gradient of what was sent (some samples, n_steps, n_pre)."""
    late, early = (y.view(-1, y.shape[2]) for y in (grad, out))
    late, early = late[delay:], early[: len(early) - delay]
    # one product for all: what the first step of a sample gives the last of another is written over
    if weight is None:
        early.copy_(late)
    else:
        torch.mm(late, weight.detach(), out=early)
    out[:, out.shape[1] - delay :] = 0


def _add_met(rows: SpikeRows, first: int, delay: int, grad: Tensor, out: Tensor) -> None:
    """Add what spikes met of the gradient to that of the weights, (n_pre, n)."""
    array = grad.numpy()
    value = rows.value.astype(array.dtype, copy=False)
    sum_events(rows.indptr, rows.index, value, first, delay, array, out.numpy())


def _add_product(x: Tensor, delay: int, grad: Tensor, out: Tensor) -> None:
    """Do the same for dense input."""
    n_steps = x.shape[1]
    sent, late = x[:, : n_steps - delay].flatten(0, 1), grad[:, delay:].flatten(0, 1)
    out.addmm_(sent.T.to(out.dtype), late)
