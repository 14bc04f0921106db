"""The distributions that parameters of neurons are drawn from: one frozen record per family.

Values are time constants [s] or, with ``unit="V"``, potentials, which may be negative. How they are
written (``gamma:20ms,shape=3``) stands in :mod:`hetlava.heterogeneity`. The value of a family is
its **mean**, so that two families of one value are matched in their mean. Draws are clipped, and
:attr:`Distribution.mean` is the mean of what is drawn, clip included.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, Literal

import numpy as np

from hetlava.arrays import Float
from hetlava.errors import ValidationError
from hetlava.neurons.cuba import TAU_MAX
from hetlava.quantities import QUANTITIES, TAU_MIN, Quantity, Unit
from hetlava.units import format_number

__all__ = ["TAU_MAX", "TAU_MIN"]

UNBOUNDED = (-math.inf, math.inf)
LEAST = 1e-300  # below every value; has a logarithm
SHAPE_RANGE = (0.1, 1e6)  # below, most draws are at the clip; above, the spread is under 0.1 %
SIGMA_RANGE = (1e-3, 3.0)  # for the same two reasons
PANELS, NODES = 64, 20  # of the quadrature of a clipped mean


@dataclass(frozen=True, kw_only=True)
class Distribution(ABC):
    """A distribution in ``unit``, drawn and then clipped to ``clip``, (low, high).

    The clip that is not given is the range of the unit's values.
    """

    family: ClassVar[str]
    positive: ClassVar[bool] = False
    unit: Unit = "s"
    clip: tuple[float, float] = UNBOUNDED

    def __post_init__(self) -> None:
        if self.unit not in QUANTITIES:
            raise ValidationError(f"unit {self.unit!r} is unknown; known: {', '.join(QUANTITIES)}")
        if self.clip == UNBOUNDED:
            object.__setattr__(self, "clip", self.quantity.range)
        self.quantity.check(self.family, *self.clip)
        low, high = self.clip
        if not low < high:
            raise ValidationError(
                f"{self.family}: min {self.text(low)} is not below max {self.text(high)}"
            )
        self.quantity.check(self.family, *self.listed(), positive=self.positive)

    @property
    def quantity(self) -> Quantity:
        """What the values are."""
        return QUANTITIES[self.unit]

    def text(self, value: float) -> str:
        """Return a value as it is written, with its unit."""
        return self.quantity.format(value)

    @property
    @abstractmethod
    def mean(self) -> float:
        """Mean of what :meth:`sample` draws, clip included."""

    @abstractmethod
    def listed(self) -> tuple[float, ...]:
        """Return the values that the declaration names, the clip aside."""

    @property
    def support(self) -> tuple[float, float]:
        """The least and the largest value that can be drawn, clip included."""
        low, high = np.clip((min(self.listed()), max(self.listed())), *self.clip)
        return float(low), float(high)

    @abstractmethod
    def draw(self, n: int, rng: np.random.Generator) -> Float:
        """Draw ``n`` values before the clip."""

    @abstractmethod
    def written(self) -> list[str]:
        """Return the arguments as they are written, the clip aside."""

    def sample(self, n: int, rng: np.random.Generator) -> Float:
        """Draw values, (n,) float64, all inside ``clip``."""
        return np.clip(self.draw(n, rng), *self.clip)

    def __str__(self) -> str:
        least, most = self.quantity.range
        low, high = self.clip
        bounds = [f"min={self.text(low)}"] if low != least else []
        bounds += [f"max={self.text(high)}"] if high != most else []
        return f"{self.family}:{','.join(self.written() + bounds)}"


@dataclass(frozen=True, kw_only=True)
class Constant(Distribution):
    """One value for all: the homogeneous network."""

    family = "constant"
    value: float

    @property
    def mean(self) -> float:
        return float(np.clip(self.value, *self.clip))

    def listed(self) -> tuple[float, ...]:
        return (self.value,)

    def draw(self, n: int, rng: np.random.Generator) -> Float:
        return np.full(n, self.value)

    def written(self) -> list[str]:
        return [self.text(self.value)]


@dataclass(frozen=True, kw_only=True)
class OfValues(Distribution):
    """Values of which each is as frequent as every other."""

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        return float(np.mean(np.clip(self.values, *self.clip)))

    def listed(self) -> tuple[float, ...]:
        return self.values

    def written(self) -> list[str]:
        return [self.text(value) for value in self.values]


@dataclass(frozen=True, kw_only=True)
class Levels(OfValues):
    """A few values, evenly distributed: counts differ by one at most, the order is random."""

    family = "levels"

    def __post_init__(self) -> None:
        if not self.values:
            raise ValidationError("levels: no values, at least one is needed")
        super().__post_init__()

    def draw(self, n: int, rng: np.random.Generator) -> Float:
        # which levels get one neuron more is drawn too, so that none is favoured
        even = rng.permutation(np.array(self.values))[np.arange(n) % len(self.values)]
        return rng.permutation(even)


@dataclass(frozen=True, kw_only=True)
class Uniform(Distribution):
    """Uniform between two values."""

    family = "uniform"
    low: float
    high: float

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.low < self.high:
            raise ValidationError(
                f"uniform: {self.text(self.low)} is not below {self.text(self.high)}; "
                "write the smaller one first"
            )

    @property
    def mean(self) -> float:
        ends = np.array((self.low, self.high))
        clipped = np.clip(ends, *self.clip)
        # x clip(x) - clip(x)**2 / 2 is the integral of clip(x), left of, in and right of the clip
        integral = clipped * (ends - clipped / 2)
        return float((integral[1] - integral[0]) / (ends[1] - ends[0]))

    def listed(self) -> tuple[float, ...]:
        return self.low, self.high

    def draw(self, n: int, rng: np.random.Generator) -> Float:
        return rng.uniform(self.low, self.high, n)

    def written(self) -> list[str]:
        return [self.text(self.low), self.text(self.high)]


@dataclass(frozen=True, kw_only=True)
class Gamma(Distribution):
    """Gamma distribution of mean ``value``: scale ``value / shape``, CV ``shape ** -0.5``."""

    family = "gamma"
    positive = True
    value: float
    shape: float

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("gamma: shape", self.shape, SHAPE_RANGE)

    @property
    def mean(self) -> float:
        k = self.shape
        # ten standard deviations of the bulk, and where the exponential tails are below exp(-40)
        reach = 10 / math.sqrt(k) + 40 / k
        clip = np.maximum(np.array(self.clip) / self.value, LEAST)
        support = (-reach, math.log1p(reach))
        return self.value * _clip_ratio(lambda z: np.exp(k * (z - np.expm1(z))), support, clip)

    def listed(self) -> tuple[float, ...]:
        return (self.value,)

    @property
    def support(self) -> tuple[float, float]:
        return max(self.clip[0], 0.0), self.clip[1]

    def draw(self, n: int, rng: np.random.Generator) -> Float:
        return rng.gamma(self.shape, self.value / self.shape, n)

    def written(self) -> list[str]:
        return [self.text(self.value), f"shape={format_number(self.shape)}"]


@dataclass(frozen=True, kw_only=True)
class Lognormal(Distribution):
    """Log-normal distribution; ``sigma`` is the standard deviation of the logarithm.

    ``value`` is the mean, ``median * exp(sigma**2 / 2)``, or the median when ``of`` says so.
    """

    family = "lognormal"
    positive = True
    value: float
    sigma: float
    of: Literal["mean", "median"] = "mean"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("lognormal: sigma", self.sigma, SIGMA_RANGE)
        if self.of not in ("mean", "median"):
            raise ValidationError(f"lognormal: of {self.of!r} is unknown; known: mean, median")

    @property
    def median(self) -> float:
        """Median before the clip."""
        return self.value * (math.exp(-(self.sigma**2) / 2) if self.of == "mean" else 1.0)

    @property
    def mean(self) -> float:
        s = self.sigma
        clip = np.maximum(np.array(self.clip) / self.median, LEAST)
        ratio = _clip_ratio(lambda z: np.exp(-((z / s) ** 2) / 2), (-12 * s, 12 * s), clip)
        return self.value * (math.exp(s**2 / 2) if self.of == "median" else 1.0) * ratio

    def listed(self) -> tuple[float, ...]:
        return (self.value,)

    @property
    def support(self) -> tuple[float, float]:
        return max(self.clip[0], 0.0), self.clip[1]

    def draw(self, n: int, rng: np.random.Generator) -> Float:
        return rng.lognormal(math.log(self.median), self.sigma, n)

    def written(self) -> list[str]:
        value = self.text(self.value)
        centre = value if self.of == "mean" else f"median={value}"
        return [centre, f"sigma={format_number(self.sigma)}"]


def check_number(what: str, value: float, bounds: tuple[float, float]) -> None:
    """Raise ValidationError unless a number lies in its bounds."""
    if not bounds[0] <= value <= bounds[1]:
        raise ValidationError(f"{what} {value:g} is outside {bounds[0]:g} .. {bounds[1]:g}")


def _clip_ratio(
    density: Callable[[Float], Float], support: tuple[float, float], clip: Float
) -> float:
    """Return the mean of ``clip(exp(z))`` over that of ``exp(z)``, for any multiple of a density.

    Gauss-Legendre on panels that end at the kinks of the clip, so that every panel is smooth.
    """
    left, right = support
    cuts = [left, *np.clip(np.log(clip), left, right), right]
    edges = np.concatenate([np.linspace(a, b, PANELS + 1)[1:] for a, b in pairwise(cuts)])
    start = np.concatenate([[left], edges[:-1]])
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    half = (edges - start)[:, None] / 2
    z = start[:, None] + half * (1 + nodes)
    mass, x = half * weights * density(z), np.exp(z)
    return float(np.sum(mass * np.clip(x, *clip)) / np.sum(mass * x))
