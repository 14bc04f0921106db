"""Time constants learned in other spaces than the logarithm's, or in a narrower range.

With ``k`` the share of u or v that a step takes away, ``1 - exp(-dt / tau)`` or Euler's
``dt / tau``, the learned number ``x`` is::

    log-tau   x = log(tau / dt)        decay   x = 1 - k        logit   x = log(k / (1 - k))

All are monotonic in tau, so that a range of one is a range of the others.
"""

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import softplus

from hetlava.declarations import Clip
from hetlava.train.log_tau import EulerWord, LogTau


class Space(NamedTuple):
    """What is learned, to ``log(tau / dt)`` and back."""

    to_log: Callable[[Tensor], Tensor]
    from_log: Callable[[Tensor], Tensor]


def _logit_of_exponential(log_tau: Tensor) -> Tensor:
    rate = torch.exp(-log_tau)  # k = 1 - exp(-rate)
    return torch.log(-torch.expm1(-rate)) + rate


# log1p and its like keep the digits of long time constants, whose k is small
EXPONENTIAL: Mapping[str, Space] = MappingProxyType(
    {
        "log-tau": Space(lambda x: x, lambda y: y),
        "decay": Space(lambda x: -torch.log(-torch.log(x)), lambda y: torch.exp(-torch.exp(-y))),
        "logit": Space(lambda x: -torch.log(softplus(x)), _logit_of_exponential),
    }
)
EULER: Mapping[str, Space] = MappingProxyType(
    {
        "log-tau": Space(lambda x: x, lambda y: y),
        "decay": Space(lambda x: -torch.log1p(-x), lambda y: -torch.expm1(-y)),
        "logit": Space(lambda x: softplus(-x), lambda y: -torch.log(torch.expm1(y))),
    }
)


class InSpace(LogTau):
    """Decays of time constants that are learned as ``base + p`` in a space, in a range.

    Values leave the range by no shared ``p``: those at its end stay there.

    Parameters
    ----------
    log_tau : (n,)
        Where training begins; ``base`` is this in the space if ``p`` is shared, else 0.
    kind : subclass of LogTau
        What makes decays of ``log(tau / dt)``.
    low, high : float
        Range of ``log(tau / dt)``.
    """

    def __init__(
        self, log_tau: Tensor, kind: type[LogTau], space: str, bounds: tuple[float, float], *,
        shared: bool,
    ) -> None:  # fmt: skip
        space_of = (EULER if issubclass(kind, EulerWord) else EXPONENTIAL)[space]
        start = space_of.from_log(log_tau.double()).to(log_tau.dtype)
        super().__init__(start if shared else torch.zeros_like(start))
        self.start = torch.zeros(1) if shared else start
        self.inner, self.space = kind(torch.zeros_like(log_tau)), space_of
        # of this instance: in the space, where the longest tau may be the least number
        ends = space_of.from_log(torch.tensor(bounds, dtype=torch.float64))
        self.low, self.high = float(ends.min()), float(ends.max())
        self.shared = shared

    @property
    def kind(self) -> type[LogTau]:
        """What makes decays of logarithms."""
        return type(self.inner)

    def log_tau(self, p: Tensor) -> Tensor:
        """Return ``log(tau / dt)``, (n,)."""
        return self.space.to_log((self.base + p).clamp(self.low, self.high))

    def steps(self, p: Tensor) -> Tensor:
        """Return the time constants in steps, (n,)."""
        return self.inner.steps(self.log_tau(p))

    def forward(self, p: Tensor) -> Tensor:
        """Return the decays in the unit of ``kind``, (n,)."""
        decays: Tensor = self.inner(self.log_tau(p))
        return decays

    def bounds(self) -> tuple[Tensor, Tensor]:
        """Return the range of ``p``: shared, until all values are at one end of theirs."""
        low, high = super().bounds()
        return (low.min(), high.max()) if self.shared else (low, high)


def log_range(clip: Clip, dt: float, kind: type[LogTau]) -> tuple[float, float]:
    """Return the range of ``log(tau / dt)`` that a clip leaves of the chip's."""
    if clip.of == "chip":
        return kind.low, kind.high
    low, high = clip.bounds(dt, euler=issubclass(kind, EulerWord))
    return max(kind.low, math.log(low)), min(kind.high, math.log(high))
