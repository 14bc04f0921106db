"""The fused layer on a GPU: one matrix product for the synapses, one Triton kernel for all steps.

Layers that project onto themselves go step by step, see :mod:`hetlava.train.cuba_plain`. The
kernels are checked in Triton's interpreter, on the CPU; no time was measured on a GPU.
"""

from typing import Any

import torch
from torch import Tensor

from hetlava.fixedpoint import STATE_SHIFT
from hetlava.train import cuba_triton_kernels as kernels
from hetlava.train.cuba_adjoint import NO_SPIKE
from hetlava.train.cuba_forward import HALF
from hetlava.train.cuba_passes import SHAPES
from hetlava.train.cuba_rule import FULL, CubaParameters, CubaRule

BLOCK = 128  # neurons of a program; a batch of 32 and 512 neurons makes 128 programs


def run_triton(x: Tensor, weight: Tensor | None, p: CubaParameters, rule: CubaRule) -> Tensor:
    """Return spikes, or integrators' voltages, (n_steps, n_samples, n) float32.

    The matrix product is exact for the chip's integers where float32 is: TF32 must be off, which
    is PyTorch's default.
    """
    if rule.scale is None:
        drive = x if weight is None else x @ weight.T
    else:
        # whole numbers, whose sums float32 holds exactly below 2**24
        units = 1 / rule.grid
        drive = x * units if weight is None else x @ _rounded(weight, units).T
    y: Tensor = CubaTriton.apply(drive.contiguous(), *p, rule)  # type: ignore[no-untyped-call]
    return y


def _rounded(weight: Tensor, units: float) -> Tensor:
    w = weight * units
    return w + (torch.round(w) - w).detach()


class CubaTriton(torch.autograd.Function):
    """All steps of a layer for its currents: in volts, or in units of a weight with a scale."""

    @staticmethod
    def forward(
        ctx: Any,
        drive: Tensor,
        alpha: Tensor,
        beta: Tensor,
        threshold: Tensor,
        bias: Tensor,
        unit: Tensor,
        rule: CubaRule,
    ) -> Tensor:
        """Return spikes or voltages in the shape of ``drive``."""
        p = CubaParameters(*(t.contiguous() for t in (alpha, beta, threshold, bias, unit)))
        volts = torch.empty_like(drive)
        spiking = rule.surrogate is not None
        spikes = torch.empty_like(drive) if spiking else volts
        n_rows, n = drive[0].numel(), drive.shape[-1]
        grid = ((n_rows + BLOCK - 1) // BLOCK,)
        sizes = (n, n_rows, len(drive))
        choices = {"SUBTRACT": rule.reset == "subtract", "SPIKING": spiking, "DELAY": rule.delay}
        if rule.scale is None:
            kernels.forward_float[grid](
                drive, volts, spikes, p.alpha, p.beta, p.bias, p.threshold, *sizes, **choices,
                BLOCK=BLOCK,
            )  # fmt: skip
        else:
            kernels.forward_fixed[grid](
                drive, volts, spikes, *_registers(p, rule), 1 / rule.scale, *sizes, **choices,
                BLOCK=BLOCK,
            )  # fmt: skip
        ctx.rule, ctx.volts = rule, volts
        ctx.save_for_backward(*p)
        return spikes

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of all but the unit."""
        rule, volts, p = ctx.rule, ctx.volts, CubaParameters(*ctx.saved_tensors)
        n_samples, n = volts.shape[1:]
        sums = volts.new_zeros(4, n_samples, n)
        late = torch.empty_like(volts)
        n_rows = n_samples * n
        surrogate = rule.surrogate
        steepness = surrogate.steepness / p.unit if surrogate else torch.zeros_like(p.unit)
        height = surrogate.height / p.unit if surrogate else torch.zeros_like(p.unit)
        kernels.adjoint[((n_rows + BLOCK - 1) // BLOCK,)](
            grads[0].contiguous(), volts, late, sums, p.alpha, p.beta, p.bias, p.threshold,
            steepness, height, n, n_rows, len(volts),
            (len(volts) - 1) * n_rows,
            SHAPE=SHAPES[surrogate.shape] if surrogate else NO_SPIKE,
            SUBTRACT=rule.reset == "subtract", FULL=rule.reset_gradient == "full",
            IGNORED=rule.reset_gradient == "ignored", BLOCK=BLOCK,
        )  # fmt: skip
        grad = late
        if rule.delay:
            grad = torch.cat([late[1:], torch.zeros_like(late[:1])])
        if rule.scale is not None:
            grad = grad * rule.grid
        alpha, beta, bias, threshold = sums.sum(1).unbind(0)
        return grad, alpha, beta, threshold, bias, None, None


def _registers(p: CubaParameters, rule: CubaRule) -> list[Tensor]:
    """Return keep of u and v, bias and threshold as whole numbers, int32."""
    keep = [torch.round(share.detach() * FULL) for share in (p.alpha, p.beta)]
    volts = (p.bias, p.threshold)
    whole = [torch.round(v.detach() / rule.grid) * (1 << STATE_SHIFT) for v in volts]
    if rule.surrogate is None:
        whole[1] = torch.full_like(whole[1], HALF)
    return [t.to(torch.int32) for t in (*keep, *whole)]
