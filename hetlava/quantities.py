"""What parameters of neurons are: time constants in seconds and potentials in volts."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from hetlava.errors import ValidationError
from hetlava.neurons.cuba import TAU_MAX
from hetlava.units import format_time, format_volts, parse_time, parse_volts

Unit = Literal["s", "V"]

TAU_MIN = 1e-9  # [s]; a shorter one is a mistake of unit, no chip steps that fast
VOLT_MAX = 2048.0  # [V]; the largest threshold that 17 bits hold at 64 units per volt


@dataclass(frozen=True, kw_only=True)
class Quantity:
    """A kind of values: its name, unit and range, and how a value is written.

    Attributes
    ----------
    noun, plural, example : str
        As messages call a value, several, and one with its unit.
    range : (low, high)
        Beyond it a value is a mistake of unit.
    positive : bool
        Values are above 0.
    """

    symbol: str
    noun: str
    plural: str
    example: str
    range: tuple[float, float]
    positive: bool
    parse: Callable[[str], float]
    format: Callable[[float], str]

    def check(self, what: str, *values: float, positive: bool = False) -> None:
        """Raise ValidationError unless every value is one, naming the first that is not.

        Parameters
        ----------
        positive : bool
            They are above 0 even where others of the kind need not be.
        """
        low, high = self.range
        for value in values:
            if (positive or self.positive) and not value > 0:
                raise ValidationError(
                    f"{what}: {self.noun} {self.format(value)} is not above 0 {self.symbol}"
                )
            if not math.isfinite(value) or not low <= value <= high:
                raise ValidationError(
                    f"{what}: {self.noun} {self.format(value)} is outside {self.format(low)} .. "
                    f"{self.format(high)} (wrong unit?)"
                )


QUANTITIES: Mapping[Unit, Quantity] = MappingProxyType(
    {
        "s": Quantity(
            symbol="s",
            noun="tau",
            plural="time(s)",
            example="20ms",
            range=(TAU_MIN, TAU_MAX),
            positive=True,
            parse=parse_time,
            format=format_time,
        ),
        "V": Quantity(
            symbol="V",
            noun="potential",
            plural="voltage(s)",
            example="0.5V",
            range=(-VOLT_MAX, VOLT_MAX),
            positive=False,
            parse=parse_volts,
            format=format_volts,
        ),
    }
)
