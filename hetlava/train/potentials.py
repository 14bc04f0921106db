"""Thresholds, resting and reset potentials of a layer: fixed or learned, on the chip's grid.

A chip resets to 0 and adds a bias. Measured from its reset potential a neuron is one of those::

    v' = v - reset      threshold' = threshold - reset      bias = k (rest - reset)

with ``k`` the share of v that a step takes away. Both start at ``v' = 0``. Gradients of all three
potentials follow from those of threshold and bias.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from hetlava.arrays import Float
from hetlava.declarations import Declaration, Heterogeneity
from hetlava.train.learning import of_channels

Rounding = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Potentials:
    """Potentials of one layer [V], each (n,)."""

    threshold: Float
    rest: Float
    reset: Float


def constants(declared: Heterogeneity, n: int) -> Potentials:
    """Return the mean of every potential for ``n`` neurons."""
    return Potentials(
        *(np.full(n, declared[name].distribution.mean) for name in ("threshold", "rest", "reset"))
    )


class Potential(nn.Module):
    """A potential (n,) [V]: fixed, or learned per neuron or channel, or one for all on top.

    What is fixed is kept in double precision, what is learned in the parameters' own.

    Parameters
    ----------
    kept : bool
        What is fixed is part of the state that checkpoints hold.
    positions : int
        Neurons of a channel, which lie side by side.
    """

    base: Tensor
    begin: Tensor
    learned: nn.Parameter | None

    def __init__(
        self, drawn: Float, declared: Declaration, *, kept: bool, positions: int = 1
    ) -> None:
        super().__init__()
        clip = declared.clip
        self.low, self.high = clip.bounds(1.0)
        values = torch.tensor(np.clip(drawn, self.low, self.high))
        learned = None
        self.positions = positions if declared.learn == "channel" else 1
        self.single = declared.learn in ("channel", "neuron")
        if self.single:
            own = of_channels(values, self.positions).float()
            learned, values = nn.Parameter(own), torch.zeros_like(values)
        elif declared.learned:
            learned = nn.Parameter(torch.zeros(1))
        self.register_parameter("learned", learned)
        self.register_buffer("base", values, persistent=kept and not self.single)
        if declared.anchored and learned is not None:
            self.register_buffer("begin", learned.detach().clone())

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "Potential":
        """Follow the network to its device, but not in precision: what is fixed stays double."""
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        self.base = self.base.double()
        return self

    def forward(self) -> Tensor:
        """Return the potentials, (n,) [V]."""
        if self.learned is None:
            return self.base
        learned = self.learned.repeat_interleave(self.positions)
        values: Tensor = self.base.to(self.learned.dtype) + learned
        return values

    @torch.no_grad()
    def ceiling(self) -> Tensor:
        """Return the largest potentials that learning can lead to, (n,)."""
        if self.learned is None:
            return self.base
        return self.base + (self.high if self.single else self.high - self.base.max())

    @torch.no_grad()
    def keep_within(self, low: Tensor, high: Tensor) -> None:
        """Bring what is learned back to where values lie in both ranges; the given one is (n,)."""
        if self.learned is None:
            return
        base = self.base.to(self.learned.dtype)
        low = low.to(base.dtype).clamp_min(self.low) - base
        high = high.to(base.dtype).clamp_max(self.high) - base
        if self.single:
            low = low.reshape(-1, self.positions).amax(1)
            high = high.reshape(-1, self.positions).amin(1)
            self.learned.clamp_(low, high.maximum(low))
        else:  # shared: where the first neuron meets its bound
            self.learned.clamp_(low.max(), high.min().maximum(low.max()))


class Shifted(NamedTuple):
    """A layer measured from its reset potentials: what a chip holds, (n,) each [V]."""

    threshold: Tensor
    bias: Tensor


class LayerPotentials(nn.Module):
    """The three potentials of a layer.

    Parameters
    ----------
    step : float
        Grid of thresholds, resets and biases [V].
    largest : float
        Most that a threshold may be above its reset [V].
    spiking : bool
        False for integrators, which have a resting potential only and begin at 0 V.
    kept, positions
        See :class:`Potential`.
    """

    def __init__(
        self,
        drawn: Potentials,
        declared: Heterogeneity,
        step: float,
        largest: float,
        *,
        spiking: bool = True,
        kept: bool = False,
        positions: int = 1,
    ) -> None:
        super().__init__()
        self.step, self.largest, self.spiking = step, largest, spiking

        def potential(values: Float, how: Declaration) -> Potential:
            return Potential(values, how, kept=kept, positions=positions)

        self.rest = potential(drawn.rest, declared.rest)
        if not spiking:
            return
        self.reset = potential(drawn.reset, declared.reset)
        # single draws of a wide family may lie below their reset
        least = np.clip(drawn.reset, self.reset.low, self.reset.high) + step
        if declared.threshold.learn == "channel":
            least = least.reshape(-1, positions).max(1).repeat(positions)
        self.threshold = potential(np.maximum(drawn.threshold, least), declared.threshold)
        self.project()

    def shifted(self, k: Tensor, rounding: Rounding) -> Shifted:
        """Return thresholds and biases as a step takes them; thresholds perhaps more precise.

        Parameters
        ----------
        k : (n,)
            The share of v that a step takes away.
        rounding : function of potentials
            Brings them to the grid, or on the way to it; gradients pass.
        """
        if not self.spiking:
            return Shifted(torch.ones_like(k), rounding(k * self.rest()).to(k.dtype))
        reset = rounding(self.reset())
        threshold = rounding(self.threshold()) - reset
        return Shifted(threshold, rounding(k * (self.rest() - reset)).to(k.dtype))

    def named(self) -> dict[str, Potential]:
        """Return the potentials that the layer has by their names."""
        names = ("threshold", "rest", "reset") if self.spiking else ("rest",)
        return {name: getattr(self, name) for name in names}

    @torch.no_grad()
    def project(self) -> None:
        """Bring what is learned into its range, and thresholds above resets."""
        free = torch.full_like(self.rest.base, torch.inf)
        self.rest.keep_within(-free, free)
        if self.spiking:
            threshold, reset = self.threshold, self.reset
            reset.keep_within(-free, threshold.ceiling() - self.step)
            threshold.keep_within(reset() + self.step, reset() + self.largest)
