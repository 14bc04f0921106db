"""Regularisers written as text: ``variance:0.01``, ``rate:20Hz,0.1``, and their penalties."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from hetlava.errors import ValidationError
from hetlava.units import parse_number

if TYPE_CHECKING:  # the configuration is checked before torch is loaded
    from torch import Tensor

EXAMPLES = "variance:0.01, rate:20Hz,0.1"


class Measured(Protocol):
    """What a penalty is taken of: a network, with ``dt`` in seconds."""

    @property
    def dt(self) -> float: ...
    def mem_taus(self) -> "list[Tensor]":
        """Membrane time constants of every layer in steps, (n,) each."""
        ...


@dataclass(frozen=True)
class Variance:
    """``weight`` times the variance of the membrane time constants of a layer, in steps squared.

    The per-neuron form of the parametric LIF; its layers are summed.
    """

    weight: float

    def penalty(self, net: Measured, spikes: "Sequence[Tensor]") -> "Tensor":
        """Return the penalty, a scalar."""
        parts = [tau.var(correction=0) for tau in net.mem_taus()]
        return self.weight * sum(parts[1:], parts[0])


@dataclass(frozen=True)
class Rate:
    """``weight`` times the squared relative distance of a neuron's rate from ``target`` [Hz].

    The rate is the mean over a batch, the penalty the mean over the neurons of a layer; the layers
    that spike are summed.
    """

    target: float
    weight: float

    def penalty(self, net: Measured, spikes: "Sequence[Tensor]") -> "Tensor":
        """Return the penalty, a scalar."""
        expected = self.target * net.dt
        parts = [(s.mean((0, 2)) / expected - 1).square().mean() for s in spikes]
        return self.weight * sum(parts[1:], parts[0])


def parse_regulariser(text: str) -> Variance | Rate:
    """Return the regulariser that a text stands for.

    Raises
    ------
    ValidationError
        If it is unknown, or its numbers are missing or impossible.

    Examples
    --------
    >>> parse_regulariser("rate:20Hz,0.1")
    Rate(target=20.0, weight=0.1)
    """
    name, _, rest = text.strip().partition(":")
    n_numbers = {"variance": 1, "rate": 2}.get(name)
    if n_numbers is None:
        raise ValidationError(f"regulariser {name!r} is unknown; known, as examples: {EXAMPLES}")
    parts = [part for part in rest.split(",") if part.strip()]
    if len(parts) != n_numbers:
        raise ValidationError(
            f"regulariser {text!r}: {len(parts)} number(s), expected {n_numbers}; "
            f"examples: {EXAMPLES}"
        )
    if name == "rate":
        parts[0] = _without_unit(text, parts[0].strip())
    numbers = [parse_number(part) for part in parts]
    # not above 0 is also what is no number
    if not all(0 < x < 1e9 for x in numbers):
        raise ValidationError(f"regulariser {text!r}: its numbers are above 0 and below 1e9")
    return Variance(*numbers) if name == "variance" else Rate(*numbers)


def _without_unit(text: str, rate: str) -> str:
    if not rate.endswith("Hz"):
        raise ValidationError(f"regulariser {text!r}: {rate} has no unit; write {rate}Hz")
    return rate.removesuffix("Hz").strip()
