"""Time constants that are learned as logarithms and met by the libraries as decays of a step."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from hetlava.arrays import Float
from hetlava.fixedpoint import DECAY_BITS, decay_tau, decay_word
from hetlava.train.surrogates import round_to

FULL = 1 << DECAY_BITS
# log(tau / dt) of the words 4095 and 1: no word is without memory, none without decay
LOW, HIGH = (-math.log(-math.log1p(-word / FULL)) for word in (FULL - 1, 1))
EULER_LOW, EULER_HIGH = (math.log(FULL / word) for word in (FULL - 1, 1))


@dataclass(frozen=True)
class Taus:
    """Time constants of one layer [s], each (n,)."""

    mem: Float
    syn: Float


class LogTau(nn.Module):
    """Decay words of time constants ``dt exp(base + p)`` for a learned ``p`` (n,) or (1,)."""

    low, high = LOW, HIGH
    base: Tensor

    @property
    def kind(self) -> type["LogTau"]:
        """What makes decays of logarithms: this class, unless it wraps another."""
        return type(self)

    def __init__(self, base: Tensor) -> None:
        super().__init__()
        self.register_buffer("base", base)

    def steps(self, p: Tensor) -> Tensor:
        """Return the time constants in steps, (n,)."""
        return torch.exp(self.base + p)

    def forward(self, p: Tensor) -> Tensor:
        """Return ``4096 (1 - exp(-dt / tau))``, (n,)."""
        return -FULL * torch.expm1(-torch.exp(-(self.base + p)))

    def bounds(self) -> tuple[Tensor, Tensor]:
        """Return the smallest and the largest ``p`` (n,) that keep decays in 1 .. 4095."""
        return self.low - self.base, self.high - self.base


class EulerWord(LogTau):
    """Decay words of Euler's method, ``4096 dt / tau``."""

    low, high = EULER_LOW, EULER_HIGH

    def forward(self, p: Tensor) -> Tensor:
        """Return ``4096 dt / tau``, (n,)."""
        return FULL * torch.exp(-(self.base + p))


class EulerLogTau(EulerWord):
    """Shares of a step ``dt / tau`` of Euler's method, on the chip's grid of decays."""

    def forward(self, p: Tensor) -> Tensor:
        """Return ``dt / tau`` rounded to 1/4096, (n,)."""
        return round_to(torch.exp(-(self.base + p)), 1 / FULL)


class PerChannel(LogTau):
    """Decays (n,) of channels (c,), each of ``positions`` neurons that lie side by side."""

    def __init__(self, inner: LogTau, positions: int) -> None:
        super().__init__(torch.zeros_like(inner.base))
        self.inner, self.positions = inner, positions

    @property
    def kind(self) -> type[LogTau]:
        """What makes decays of logarithms."""
        return self.inner.kind

    def steps(self, p: Tensor) -> Tensor:
        """Return the time constants of the neurons in steps, (n,)."""
        return self.inner.steps(p).repeat_interleave(self.positions)

    def forward(self, p: Tensor) -> Tensor:
        """Return the decays of the neurons in the unit of ``kind``, (n,)."""
        decays: Tensor = self.inner(p)
        return decays.repeat_interleave(self.positions)

    def bounds(self) -> tuple[Tensor, Tensor]:
        """Return the range of the channels' ``p``, (c,) each."""
        return self.inner.bounds()


def tau_of(decay: Tensor, dt: float) -> Float:
    """Return time constants [s] whose decay words are those of ``decay`` (n,)."""
    decays = decay.detach().double().cpu().numpy()
    tau: Float = -dt / np.log1p(-decays / FULL)
    # float32 and float64 may round a decay to different words where it lies half-way
    words = torch.round(decay.detach()).cpu().numpy().astype(np.int32)
    return np.where(decay_word(tau, dt) == words, tau, decay_tau(words, dt))
