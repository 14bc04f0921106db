"""How the output of a network becomes log-odds of the classes, and what being wrong costs."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from hetlava.network import Readout

LOGIT = 0.3  # log-odds per output spike
LOGIT_VOLTAGE = 2.0  # and per threshold of an integrator's voltage

# as the trainers' options name them, and as networks do
READOUTS: Mapping[str, Readout] = MappingProxyType(
    {
        "spike-count": "spike-count",
        "max-over-time": "max-voltage",
        "last": "last-voltage",
        "mean": "mean-voltage",
    }
)


def logits(readout: Readout, output: Tensor, threshold: float) -> Tensor:
    """Return log-odds of the classes (N, n), up to a constant.

    Parameters
    ----------
    output : (N, n, T)
        Spikes, or voltages [V].
    threshold : float
        Voltages are in thresholds [V].
    """
    if readout == "spike-count":
        return LOGIT * output.sum(-1)
    score: Tensor
    if readout == "max-voltage":
        score = Maximum.apply(output)  # type: ignore[no-untyped-call]
    elif readout == "last-voltage":
        score = output[..., -1]
    else:
        score = output.mean(-1)
    return LOGIT_VOLTAGE / threshold * score


class Maximum(torch.autograd.Function):
    """The maximum over time of voltages that start at 0.

    Where a voltage only falls, that start is the maximum, and no weight could ever raise it: the
    gradient then goes to the largest voltage after something arrived, if it would raise it.
    """

    @staticmethod
    def forward(ctx: Any, v: Tensor) -> Tensor:
        """Return the maximum (N, n) of ``v`` (N, n, T)."""
        step = v.masked_fill(v == 0, -torch.inf).argmax(-1, keepdim=True)
        maximum = v.amax(-1, keepdim=True)
        ctx.save_for_backward(step, v.gather(-1, step) < maximum)
        ctx.shape = v.shape
        return maximum.squeeze(-1)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor]:
        """Return the gradient of ``v``."""
        step, is_start = ctx.saved_tensors
        g = grads[0][..., None]
        g = torch.where(is_start & (g > 0), torch.zeros_like(g), g)
        return (g.new_zeros(ctx.shape).scatter(-1, step, g),)


def loss(log_odds: Tensor, labels: Tensor) -> Tensor:
    """Return the mean cross-entropy of a batch."""
    return cross_entropy(log_odds, labels)
