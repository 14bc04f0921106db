"""Regularisers written as text: ``variance:0.01``, ``rate:20Hz,0.1``, and their penalties.

====================  =============================================================================
text                  penalty; layers are summed
====================  =============================================================================
variance:w            w times the variance of a layer's values, the per-neuron form of the PLIF
log-variance:w        w times the variance of their logarithms
l2:w                  w times the mean squared distance from what training began with, in the space
                      that is learned in
rate:20Hz,w           w times the mean squared relative distance of neurons' rates from 20 Hz
====================  =============================================================================

The first three are of ``tau_mem``, or of the parameter that is named, ``threshold=l2:0.1``. Values
are time constants in steps or potentials in (mean) thresholds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from hetlava.declarations import PARAMETERS
from hetlava.errors import ValidationError
from hetlava.units import format_number, parse_number

if TYPE_CHECKING:  # the configuration is checked before torch is loaded
    from torch import Tensor

EXAMPLES = "variance:0.01, tau_syn=log-variance:0.1, threshold=l2:0.1, rate:20Hz,0.1"
USUAL = "tau_mem"
SIGNED = ("rest", "reset")  # potentials that have no logarithm


class Measured(Protocol):
    """What a penalty is taken of: a network, with ``dt`` in seconds."""

    @property
    def dt(self) -> float: ...
    def values(self, parameter: str) -> "list[Tensor]":
        """Values of every layer, (n,) each: time constants in steps, potentials in thresholds."""
        ...

    def moves(self, parameter: str) -> "list[Tensor]":
        """What training has added in the space that is learned in, (n,) or (1,) each."""
        ...


@dataclass(frozen=True)
class Variance:
    """``weight`` times the variance of the values of a layer; its layers are summed.

    Of membrane time constants, in steps squared, it is the per-neuron form of the parametric LIF.
    """

    weight: float
    parameter: str = USUAL

    def penalty(self, net: Measured, spikes: "Sequence[Tensor]") -> "Tensor":
        """Return the penalty, a scalar."""
        parts = [tau.var(correction=0) for tau in net.values(self.parameter)]
        return self.weight * sum(parts[1:], parts[0])


@dataclass(frozen=True)
class LogVariance:
    """``weight`` times the variance of the logarithms of the values of a layer."""

    weight: float
    parameter: str = USUAL

    def penalty(self, net: Measured, spikes: "Sequence[Tensor]") -> "Tensor":
        """Return the penalty, a scalar."""
        parts = [tau.log().var(correction=0) for tau in net.values(self.parameter)]
        return self.weight * sum(parts[1:], parts[0])


@dataclass(frozen=True)
class L2:
    """``weight`` times the mean square of what training has added to the values of a layer."""

    weight: float
    parameter: str = USUAL

    def penalty(self, net: Measured, spikes: "Sequence[Tensor]") -> "Tensor":
        """Return the penalty, a scalar."""
        parts = [move.square().mean() for move in net.moves(self.parameter)]
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


Regulariser = Variance | LogVariance | L2 | Rate
OF_VALUES: dict[str, type[Variance] | type[LogVariance] | type[L2]] = {
    "variance": Variance,
    "log-variance": LogVariance,
    "l2": L2,
}


def parse_regulariser(text: str) -> Regulariser:
    """Return the regulariser that a text stands for.

    Raises
    ------
    ValidationError
        If it is unknown, or its numbers are missing or impossible.

    Examples
    --------
    >>> parse_regulariser("rate:20Hz,0.1")
    Rate(target=20.0, weight=0.1)
    >>> parse_regulariser("tau_syn=l2:0.1")
    L2(weight=0.1, parameter='tau_syn')
    """
    parameter, penalty = _split(text)
    name, _, rest = penalty.partition(":")
    n_numbers = {"rate": 2, **dict.fromkeys(OF_VALUES, 1)}.get(name)
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
    if name == "rate":
        if parameter:
            raise ValidationError(
                f"regulariser {text!r}: a rate is of no parameter; write {penalty}"
            )
        return Rate(*numbers)
    if name == "log-variance" and parameter in SIGNED:
        raise ValidationError(f"regulariser {text!r}: {parameter} may be negative, take variance")
    return OF_VALUES[name](numbers[0], parameter or USUAL)


def parameter_of(text: str) -> str:
    """Return the parameter that a regulariser is of; empty for one of rates."""
    return getattr(parse_regulariser(text), "parameter", "")


def regulariser_text(text: str) -> str:
    """Return the canonical text of a regulariser's."""
    found = parse_regulariser(text)
    if isinstance(found, Rate):
        return f"rate:{format_number(found.target)}Hz,{format_number(found.weight)}"
    name = next(name for name, kind in OF_VALUES.items() if kind is type(found))
    prefix = "" if found.parameter == USUAL else f"{found.parameter}="
    return f"{prefix}{name}:{format_number(found.weight)}"


def _split(text: str) -> tuple[str, str]:
    """Return the parameter, empty if none is named, and the penalty."""
    parameter, equals, penalty = (part.strip() for part in text.partition("="))
    if not equals:
        return "", parameter
    if parameter not in PARAMETERS:
        known = ", ".join(PARAMETERS)
        raise ValidationError(f"regulariser {text!r}: {parameter!r} is unknown; known: {known}")
    return parameter, penalty


def _without_unit(text: str, rate: str) -> str:
    if not rate.endswith("Hz"):
        raise ValidationError(f"regulariser {text!r}: {rate} has no unit; write {rate}Hz")
    return rate.removesuffix("Hz").strip()
