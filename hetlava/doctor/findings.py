"""A finding, and what the rules that make findings look at."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from hetlava.arrays import Bool
from hetlava.bounds import PopulationBounds
from hetlava.chips import ChipSpec
from hetlava.quantised import QuantisedNetwork, QuantisedPopulation

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something that is, or may be, wrong with a network.

    Attributes
    ----------
    severity : str
        ``error``: it does not fit the chip, or cannot do its work; ``warning``: it runs, probably
        not as meant; ``note``: worth knowing.
    rule : str
        Name of the rule that found it.
    where : str
        Population, projection (``a -> b``) or register (``a.dv``).
    count : int
        Neurons, weights or words concerned.
    text, cure : str
        What was found, and what to do about it.
    """

    severity: Severity
    rule: str = ""
    where: str
    count: int
    text: str
    cure: str


class Case(NamedTuple):
    """What the rules look at."""

    net: QuantisedNetwork
    chip: ChipSpec
    bounds: tuple[PopulationBounds, ...]

    def populations(self) -> Iterator[tuple[QuantisedPopulation, PopulationBounds]]:
        """Yield every population that has bounds with them."""
        yield from zip(self.net.cuba_populations, self.bounds, strict=True)


Rule = Callable[[Case], Iterator[Finding]]


def neurons(severity: Severity, where: str, which: Bool, text: str, cure: str) -> Iterator[Finding]:
    """Yield a finding about the neurons ``which`` (n,) of a population, if there are any."""
    count = int(np.count_nonzero(which))
    if count:
        first = int(np.argmax(which))
        text = f"{count} of {which.size} neurons (first {first}): {text}"
        yield Finding(severity=severity, where=where, count=count, text=text, cure=cure)


def listed(case: Case, key: str) -> Sequence[Any]:
    """Return a list of the provenance, which a file may have filled with anything plain."""
    value = case.net.provenance.get(key)
    return value if isinstance(value, list | tuple) else ()
