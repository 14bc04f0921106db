"""Currents of kernels on the CPU: added up spike by spike where few neurons fire.

The gradient of the input is that of a convolution of whole images: every neuron has a gradient,
whether it fired or not.
"""

from typing import Any

import numba
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, conv2d
from torch.nn.grad import conv2d_input

from hetlava.arrays import AnyArray
from hetlava.train.image_loops import sum_gradients, sum_spikes
from hetlava.train.spike_rows import SpikeRows, rows_of
from hetlava.train.wiring import Wiring

DENSE_SHARE = 0.1  # of the sums over windows; above it images are convolved whole


def pooled_images(images: Tensor, wiring: Wiring) -> Tensor:
    """Return the sums over windows of images (N, c, h, w)."""
    if wiring.pool == 1:
        return images
    return avg_pool2d(images, wiring.pool, divisor_override=1)


def convolved(x: Tensor, weight: Tensor, wiring: Wiring) -> Tensor:
    """Return the currents (T, N, n) of spikes (T, N, n_pre), of whole images."""
    images = pooled_images(x.reshape(-1, *wiring.source), wiring)
    found = conv2d(images, weight, stride=wiring.stride, padding=wiring.padding)
    return found.reshape(*x.shape[:2], wiring.n)


def sparse_rows(x: Tensor | SpikeRows, wiring: Wiring) -> SpikeRows | None:
    """Return the spikes of ``x`` if adding them up one by one is the faster way."""
    if isinstance(x, SpikeRows):
        return x
    if x.device.type != "cpu":
        return None
    rows = rows_of(x.contiguous())
    return rows if rows.share * wiring.pool**2 < DENSE_SHARE else None


class SpikeCurrents(torch.autograd.Function):
    """Currents (T, N, n) of spikes, ``delay`` steps later."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor | None, weight: Tensor, rows: SpikeRows, wiring: Wiring, delay: int
    ) -> Tensor:
        """Return the currents; ``x`` is what ``rows`` lists, if a gradient of it is wanted."""
        ctx.rows, ctx.wiring, ctx.delay = rows, wiring, delay
        ctx.save_for_backward(weight)
        n_steps, n_samples, _ = rows.shape
        out = weight.new_empty(n_steps, n_samples, wiring.target[0], wiring.positions)
        # turned round in x, by sending channel, receiving channels last
        kernels = weight.detach().flip(3).permute(1, 2, 3, 0).flatten().numpy()
        sum_spikes(_events(rows, weight), kernels, _geometry(wiring), delay, out.numpy())
        return out.flatten(2)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of ``x`` and of the weights."""
        rows, wiring, delay = ctx.rows, ctx.wiring, ctx.delay
        (weight,) = ctx.saved_tensors
        grad = grads[0].contiguous()
        grad_x = _input_gradient(grad, weight, wiring, delay) if ctx.needs_input_grad[0] else None
        grad_weight = None
        if ctx.needs_input_grad[1]:
            images = grad.reshape(*grad.shape[:2], wiring.target[0], -1).numpy()
            parts = weight.new_zeros(numba.get_num_threads(), weight.numel())
            events = _events(rows, weight)
            sum_gradients(events, images, _geometry(wiring), delay, parts.numpy())
            c_out, c_in, kernel, _ = weight.shape
            by_place = parts.sum(0).reshape(c_in, kernel, kernel, c_out)
            grad_weight = by_place.permute(3, 0, 1, 2).flip(3)
        return grad_x, grad_weight, None, None, None


def spike_currents(
    x: Tensor | SpikeRows, weight: Tensor, rows: SpikeRows, wiring: Wiring, delay: int
) -> Tensor:
    """Return the currents (T, N, n) of spikes that are listed in ``rows``."""
    tensor = x if isinstance(x, Tensor) else None
    y: Tensor = SpikeCurrents.apply(tensor, weight, rows, wiring, delay)  # type: ignore[no-untyped-call]
    return y


def _events(rows: SpikeRows, like: Tensor) -> tuple[AnyArray, AnyArray, AnyArray]:
    value = rows.value.astype(like.detach().numpy().dtype, copy=False)
    return rows.indptr, rows.index, value


def _geometry(wiring: Wiring) -> tuple[int, ...]:
    (_, *before), (_, *pooled), (c_out, *after) = wiring.source, wiring.pooled, wiring.target
    kernel = wiring.kernel, wiring.stride, wiring.padding
    return (*before, wiring.pool, *pooled, *kernel, *after, c_out)


def _input_gradient(grad: Tensor, weight: Tensor, wiring: Wiring, delay: int) -> Tensor:
    """Return the gradient of spikes (T, N, n_pre): of each, that of the sum that it is part of."""
    (channels, high, wide), (_, rows, columns), pool = wiring.source, wiring.pooled, wiring.pool
    n_steps, n_samples = grad.shape[:2]
    late = grad[delay:].reshape(-1, *wiring.target)
    sums = conv2d_input(  # type: ignore[no-untyped-call]
        (len(late), *wiring.pooled), weight, late, stride=wiring.stride, padding=wiring.padding
    )
    full = (high, wide) == (rows * pool, columns * pool)
    shape = (n_steps * n_samples, channels, high, wide)
    out = grad.new_empty(shape) if full else grad.new_zeros(shape)
    seen = out[: len(late), :, : rows * pool, : columns * pool]
    seen.view(len(late), channels, rows, pool, columns, pool).copy_(sums[:, :, :, None, :, None])
    out[len(late) :] = 0
    return out.reshape(n_steps, n_samples, -1)
