"""Compiled loops over time for CUBA neurons in floats, and their adjoint."""

# numba infers the types of these functions
# mypy: allow-untyped-defs, allow-untyped-calls, allow-incomplete-defs

from typing import Any

import numpy as np
import torch
from torch import Tensor

from hetlava.sim.jitting import jitted
from hetlava.train.surrogates import SURROGATES


@jitted
def _forward(drive, chip, alpha, beta, leak, threshold, reset, start, u, y, s):
    """Run rows (N, n, T); ``y`` is v before the reset; spikes are the chip's where it gave some."""
    forced = chip.shape[0] > 0
    for b in range(drive.shape[0]):
        for i in range(drive.shape[1]):
            current, v = np.float32(0), start[i]
            for t in range(drive.shape[2]):
                current = alpha[i] * current + drive[b, i, t]
                v = beta[i] * v + current + (np.float32(1) - beta[i]) * leak[i]
                u[b, i, t], y[b, i, t] = current, v
                fired = chip[b, i, t] > 0 if forced else v > threshold[i]
                s[b, i, t] = np.float32(1) if fired else np.float32(0)
                if fired:
                    v = reset[i]


@jitted
def _backward(
    grad_y, u, y, s, alpha, beta, leak, reset, start, grad_drive, grad_alpha, grad_beta, volts
):
    """Run the adjoint of the loop for its pattern of spikes.

    ``grad_y`` (N, n, T) is what reaches y directly: through the surrogate, or from a readout.
    To ``volts`` (3, n) the gradients of leak, reset and start are added.
    """
    for b in range(y.shape[0]):
        for i in range(y.shape[1]):
            of_u, of_y = np.float32(0), np.float32(0)
            for t in range(y.shape[2] - 1, -1, -1):
                kept = np.float32(1) - s[b, i, t]
                of_y = grad_y[b, i, t] + kept * beta[i] * of_y
                of_u = of_y + alpha[i] * of_u
                grad_drive[b, i, t] = of_u
                volts[0, i] += of_y * (np.float32(1) - beta[i])
                if t > 0:
                    spiked = s[b, i, t - 1] > 0
                    before = reset[i] if spiked else y[b, i, t - 1]
                    grad_alpha[i] += of_u * u[b, i, t - 1]
                    if spiked:
                        volts[1, i] += of_y * beta[i]
                else:
                    before = start[i]
                    volts[2, i] += of_y * beta[i]
                grad_beta[i] += of_y * (before - leak[i])


class Neurons(torch.autograd.Function):
    """Layers of neurons over all steps: spikes, or voltages where ``surrogate`` is empty."""

    @staticmethod
    def forward(
        ctx: Any,
        drive: Tensor,
        alpha: Tensor,
        beta: Tensor,
        leak: Tensor,
        threshold: Tensor,
        reset: Tensor,
        start: Tensor,
        width: Tensor,
        chip: Tensor | None,
        surrogate: str,
    ) -> Tensor:
        """Return what a layer gives, (N, n, T), for what reaches it; parameters are (n,) each.

        Parameters
        ----------
        chip : (N, n, T) or None
            Spikes, or voltages of a readout, that a chip gave and that are returned.
        """
        u, y, s = (torch.empty_like(drive) for _ in range(3))
        fired = chip if chip is not None and surrogate else drive[:0]
        limit = threshold if surrogate else torch.full_like(threshold, torch.inf)
        numbers = [_array(x) for x in (drive, fired, alpha, beta, leak, limit, reset, start)]
        _forward(*numbers, *map(_array, (u, y, s)))
        ctx.save_for_backward(alpha, beta, leak, threshold, reset, start, width, u, y, s)
        ctx.surrogate, ctx.forced = surrogate, chip is not None
        if not surrogate:
            return y.clone() if chip is None else chip.clone()
        return s.clone()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of all but the width."""
        alpha, beta, leak, threshold, reset, start, width, u, y, s = ctx.saved_tensors
        grad = grads[0]
        if ctx.surrogate:
            x = (y - threshold[:, None]) / width[:, None]
            if ctx.forced:
                # where the chip fired, the voltage was at the threshold; where it did not, below
                x = torch.where(s > 0, x.clamp(min=0), x.clamp(max=0))
            grad = grad * SURROGATES[ctx.surrogate](x) / width[:, None]
            of_threshold = -grad.sum((0, 2))
        else:
            of_threshold = torch.zeros_like(threshold)
        volts = threshold.new_zeros(3, threshold.numel())
        of_drive, of_alpha, of_beta = map(torch.zeros_like, (u, alpha, beta))
        numbers = [_array(x) for x in (grad, u, y, s, alpha, beta, leak, reset, start)]
        _backward(*numbers, *map(_array, (of_drive, of_alpha, of_beta, volts)))
        of_leak, of_reset, of_start = volts
        return (
            of_drive, of_alpha, of_beta, of_leak, of_threshold, of_reset, of_start,
            None, None, None,
        )  # fmt: skip


def _array(x: Tensor) -> Any:
    return x.detach().contiguous().numpy()
