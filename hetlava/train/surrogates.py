"""Surrogate derivatives of the spike, by name; ``x`` is (v - threshold) / threshold.

==============  =================================  ==========================================
superspike      ``1 / (10 |x| + 1)^2``             Zenke & Ganguli 2018, steepness of Zenke
                                                   & Vogels 2021
fast-sigmoid    ``1 / (100 |x| + 1)^2``            Perez-Nieves et al. 2021
atan            ``1 / (1 + (pi x)^2)``             Fang et al. 2021 (alpha = 2)
triangle        ``0.3 max(0, 1 - |x|)``            Bellec et al. 2020
exponential     ``0.5 exp(-2 |x|)``                Shrestha & Orchard 2018 (form)
==============  =================================  ==========================================

norse 1.1.0 has a SuperSpike whose derivative ignores the steepness that it is given, and neither
``atan`` nor ``exponential``: all five are computed here, whichever library steps the neurons.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

import torch
from torch import Tensor

Shape = Literal["rational", "lorentz", "triangle", "exponential"]

# of y >= 0, each 1 at 0
SHAPES: Mapping[Shape, Callable[[Tensor], Tensor]] = MappingProxyType(
    {
        "rational": lambda y: (y + 1).pow(-2),
        "lorentz": lambda y: 1 / (1 + y.square()),
        "triangle": lambda y: torch.relu(1 - y),
        "exponential": lambda y: torch.exp(-y),
    }
)


@dataclass(frozen=True, kw_only=True)
class Surrogate:
    """The derivative ``height * shape(steepness |x|)``."""

    shape: Shape
    steepness: float
    height: float = 1.0

    def __call__(self, x: Tensor) -> Tensor:
        """Return the derivative at ``x``."""
        return self.height * SHAPES[self.shape](self.steepness * x.abs())


SURROGATES: Mapping[str, Surrogate] = MappingProxyType(
    {
        "superspike": Surrogate(shape="rational", steepness=10),
        "fast-sigmoid": Surrogate(shape="rational", steepness=100),
        "atan": Surrogate(shape="lorentz", steepness=math.pi),
        "triangle": Surrogate(shape="triangle", steepness=1, height=0.3),
        "exponential": Surrogate(shape="exponential", steepness=2, height=0.5),
    }
)


class Spike(torch.autograd.Function):
    """1 where ``x`` is above 0, with a surrogate derivative."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, surrogate: Surrogate) -> Tensor:
        """Return spikes in the shape and type of ``x``."""
        ctx.save_for_backward(x)
        ctx.surrogate = surrogate
        return (x > 0).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradient of ``x``."""
        (x,) = ctx.saved_tensors
        return grads[0] * ctx.surrogate(x), None


class RoundTo(torch.autograd.Function):
    """Rounding to multiples of a step, whose derivative is taken as 1."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, step: float) -> Tensor:
        """Return ``x`` rounded half to even."""
        return torch.div(x, step).round_().mul_(step)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradient as it came."""
        return grads[0], None


def spike(x: Tensor, surrogate: Surrogate) -> Tensor:
    """Return 1 where ``x`` is above 0."""
    s: Tensor = Spike.apply(x, surrogate)  # type: ignore[no-untyped-call]
    return s


def round_to(x: Tensor, step: float) -> Tensor:
    """Round to multiples of ``step``; gradients pass."""
    y: Tensor = RoundTo.apply(x, step)  # type: ignore[no-untyped-call]
    return y
