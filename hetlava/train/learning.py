"""How a layer's time constants come to be learned as they are declared."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from hetlava.declarations import Declaration
from hetlava.errors import ValidationError
from hetlava.train.decay_spaces import InSpace, log_range
from hetlava.train.log_tau import LogTau, PerChannel


def learn_log_tau(
    neuron: nn.Module,
    name: str,
    log_tau: Tensor,
    declared: Declaration,
    dt: float,
    kind: type[LogTau] = LogTau,
    positions: int = 1,
) -> None:
    """Let the neuron's decays be computed from time constants that are learned as declared.

    Parameters
    ----------
    log_tau : (n,)
        ``log(tau / dt)`` of what was drawn.
    dt : float
        Length of a step [s].
    positions : int
        Neurons of a channel, which lie side by side.

    Raises
    ------
    ValidationError
        If a value per channel is declared and those of a channel differ.
    """
    bounds = log_range(declared.clip, dt, kind)
    log_tau = log_tau.clamp(*bounds)
    shared, by_channel = declared.learn == "layer", declared.learn == "channel"
    if by_channel:
        log_tau = of_channels(log_tau, positions)
    if declared.space == "log-tau" and declared.clip.of == "chip":
        start = torch.zeros(1) if shared else log_tau
        module: LogTau = kind(log_tau if shared else torch.zeros_like(log_tau))
    else:
        module = InSpace(log_tau, kind, declared.space, bounds, shared=shared)
        start = module.start
    if by_channel:
        module = PerChannel(module, positions)
    setattr(neuron, name, nn.Parameter(start.clone(), requires_grad=declared.learned))
    if declared.anchored:
        module.register_buffer("begin", start.clone())
    # unsafe: the words have another meaning and, when shared, another shape than the parameter
    parametrize.register_parametrization(neuron, name, module, unsafe=True)


def of_channels(values: Tensor, positions: int) -> Tensor:
    """Return what the neurons (n,) of every channel have in common, (n / positions,).

    Raises
    ------
    ValidationError
        If they differ by more than rounding.
    """
    channels = values.reshape(-1, positions)
    if not torch.allclose(channels, channels[:, :1], rtol=1e-6, atol=1e-6):
        raise ValidationError(
            "a value per channel is to be learned, but neurons of a channel begin with different "
            "ones; learn one per neuron, or one for the layer"
        )
    return channels[:, 0]


@torch.no_grad()
def clamp_log_tau(neuron: nn.Module, name: str) -> None:
    """Bring what is learned back to where every decay is one of the chip's."""
    learned: Any = neuron.parametrizations[name]  # type: ignore[index]
    low, high = learned[0].bounds()
    p = learned.original
    # a shared factor stops where the first neuron meets its bound
    p.clamp_(low, high) if p.numel() > 1 else p.clamp_(low.max(), high.min())
