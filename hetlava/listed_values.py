"""Distributions of listed values: two values in unequal shares, and values that were measured."""

from dataclasses import dataclass

import numpy as np

from hetlava.arrays import Float
from hetlava.distributions import Distribution, OfValues, check_number
from hetlava.errors import ValidationError
from hetlava.units import format_number

SHARE_RANGE = (0.0, 1.0)
VALUES_MAX = 100_000  # of a measured population; the text of a declaration holds them all


@dataclass(frozen=True, kw_only=True)
class Double(Distribution):
    """Two values: a ``share`` of the neurons has the second one, rounded to whole neurons.

    With 20 ms, 100 ms and a share of 0.05 it is the mistuned population of Perez-Nieves et al.
    (2021), Neural heterogeneity promotes robust learning, figure 2F.
    """

    family = "double"
    first: float
    second: float
    share: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("double: share", self.share, SHARE_RANGE)

    @property
    def mean(self) -> float:
        first, second = np.clip((self.first, self.second), *self.clip)
        return float(first + self.share * (second - first))

    def listed(self) -> tuple[float, ...]:
        return self.first, self.second

    def draw(self, n: int, rng: np.random.Generator) -> Float:
        seconds = np.arange(n) < round(self.share * n)
        return rng.permutation(np.where(seconds, self.second, self.first))

    def written(self) -> list[str]:
        values = [self.text(self.first), self.text(self.second)]
        return [*values, f"share={format_number(self.share)}"]


@dataclass(frozen=True, kw_only=True)
class Empirical(OfValues):
    """Values that were measured, drawn with replacement."""

    family = "empirical"

    def __post_init__(self) -> None:
        if not 1 <= len(self.values) <= VALUES_MAX:
            raise ValidationError(
                f"empirical: {len(self.values)} values, expected 1 .. {VALUES_MAX}"
            )
        super().__post_init__()

    def draw(self, n: int, rng: np.random.Generator) -> Float:
        return rng.choice(np.array(self.values), n)
