"""The distributions that time constants are drawn from: one frozen record per family.

How they are written (``gamma:20ms,shape=3``) stands in :mod:`hetlava.heterogeneity`. The value of
a family is its **mean**, so that two families of one value are matched in their mean. Draws are
clipped, and :attr:`Distribution.mean` is the mean of what is drawn, clip included.
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
from hetlava.units import format_number, format_time

TAU_MIN = 1e-9  # [s]; a shorter one is a mistake of unit, no chip steps that fast
SHAPE_RANGE = (0.1, 1e6)  # below, most draws are at the clip; above, the spread is under 0.1 %
SIGMA_RANGE = (1e-3, 3.0)  # for the same two reasons
PANELS, NODES = 64, 20  # of the quadrature of a clipped mean


@dataclass(frozen=True, kw_only=True)
class Distribution(ABC):
    """A distribution of time constants, drawn and then clipped to ``clip``, (low, high) [s]."""

    family: ClassVar[str]
    clip: tuple[float, float] = (TAU_MIN, TAU_MAX)

    def __post_init__(self) -> None:
        check_taus(self.family, *self.clip)
        low, high = self.clip
        if not low < high:
            raise ValidationError(
                f"{self.family}: min {format_time(low)} is not below max {format_time(high)}"
            )

    @property
    @abstractmethod
    def mean(self) -> float:
        """Mean [s] of what :meth:`sample` draws, clip included."""

    @abstractmethod
    def draw(self, n: int, rng: np.random.Generator) -> Float:
        """Draw ``n`` values [s] before the clip."""

    @abstractmethod
    def written(self) -> list[str]:
        """Return the arguments as they are written, the clip aside."""

    def sample(self, n: int, rng: np.random.Generator) -> Float:
        """Draw time constants [s], (n,) float64, all inside ``clip``."""
        return np.clip(self.draw(n, rng), *self.clip)

    def __str__(self) -> str:
        low, high = self.clip
        bounds = [f"min={format_time(low)}"] if low != TAU_MIN else []
        bounds += [f"max={format_time(high)}"] if high != TAU_MAX else []
        return f"{self.family}:{','.join(self.written() + bounds)}"


@dataclass(frozen=True, kw_only=True)
class Constant(Distribution):
    """One value [s] for all: the homogeneous network."""

    family = "constant"
    value: float

    def __post_init__(self) -> None:
        super().__post_init__()
        check_taus(self.family, self.value)

    @property
    def mean(self) -> float:
        return float(np.clip(self.value, *self.clip))

    def draw(self, n: int, rng: np.random.Generator) -> Float:
        return np.full(n, self.value)

    def written(self) -> list[str]:
        return [format_time(self.value)]


@dataclass(frozen=True, kw_only=True)
class Levels(Distribution):
    """A few values [s], evenly distributed: counts differ by one at most, the order is random."""

    family = "levels"
    values: tuple[float, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.values:
            raise ValidationError("levels: no values, at least one is needed")
        check_taus(self.family, *self.values)

    @property
    def mean(self) -> float:
        return float(np.mean(np.clip(self.values, *self.clip)))

    def draw(self, n: int, rng: np.random.Generator) -> Float:
        # which levels get one neuron more is drawn too, so that none is favoured
        even = rng.permutation(np.array(self.values))[np.arange(n) % len(self.values)]
        return rng.permutation(even)

    def written(self) -> list[str]:
        return [format_time(value) for value in self.values]


@dataclass(frozen=True, kw_only=True)
class Uniform(Distribution):
    """Uniform between two values [s]."""

    family = "uniform"
    low: float
    high: float

    def __post_init__(self) -> None:
        super().__post_init__()
        check_taus(self.family, self.low, self.high)
        if not self.low < self.high:
            raise ValidationError(
                f"uniform: {format_time(self.low)} is not below {format_time(self.high)}; "
                "write the smaller one first"
            )

    @property
    def mean(self) -> float:
        ends = np.array((self.low, self.high))
        clipped = np.clip(ends, *self.clip)
        # x clip(x) - clip(x)**2 / 2 is the integral of clip(x), left of, in and right of the clip
        integral = clipped * (ends - clipped / 2)
        return float((integral[1] - integral[0]) / (ends[1] - ends[0]))

    def draw(self, n: int, rng: np.random.Generator) -> Float:
        return rng.uniform(self.low, self.high, n)

    def written(self) -> list[str]:
        return [format_time(self.low), format_time(self.high)]


@dataclass(frozen=True, kw_only=True)
class Gamma(Distribution):
    """Gamma distribution of mean ``value`` [s]: scale ``value / shape``, CV ``shape ** -0.5``."""

    family = "gamma"
    value: float
    shape: float

    def __post_init__(self) -> None:
        super().__post_init__()
        check_taus(self.family, self.value)
        check_number("gamma: shape", self.shape, SHAPE_RANGE)

    @property
    def mean(self) -> float:
        k = self.shape
        # ten standard deviations of the bulk, and where the exponential tails are below exp(-40)
        reach = 10 / math.sqrt(k) + 40 / k
        clip = np.array(self.clip) / self.value
        support = (-reach, math.log1p(reach))
        return self.value * _clip_ratio(lambda z: np.exp(k * (z - np.expm1(z))), support, clip)

    def draw(self, n: int, rng: np.random.Generator) -> Float:
        return rng.gamma(self.shape, self.value / self.shape, n)

    def written(self) -> list[str]:
        return [format_time(self.value), f"shape={format_number(self.shape)}"]


@dataclass(frozen=True, kw_only=True)
class Lognormal(Distribution):
    """Log-normal distribution; ``sigma`` is the standard deviation of the logarithm.

    ``value`` [s] is the mean, ``median * exp(sigma**2 / 2)``, or the median when ``of`` says so.
    """

    family = "lognormal"
    value: float
    sigma: float
    of: Literal["mean", "median"] = "mean"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_taus(self.family, self.value)
        check_number("lognormal: sigma", self.sigma, SIGMA_RANGE)
        if self.of not in ("mean", "median"):
            raise ValidationError(f"lognormal: of {self.of!r} is unknown; known: mean, median")

    @property
    def median(self) -> float:
        """Median [s] before the clip."""
        return self.value * (math.exp(-(self.sigma**2) / 2) if self.of == "mean" else 1.0)

    @property
    def mean(self) -> float:
        s = self.sigma
        clip = np.array(self.clip) / self.median
        ratio = _clip_ratio(lambda z: np.exp(-((z / s) ** 2) / 2), (-12 * s, 12 * s), clip)
        return self.value * (math.exp(s**2 / 2) if self.of == "median" else 1.0) * ratio

    def draw(self, n: int, rng: np.random.Generator) -> Float:
        return rng.lognormal(math.log(self.median), self.sigma, n)

    def written(self) -> list[str]:
        value = format_time(self.value)
        centre = value if self.of == "mean" else f"median={value}"
        return [centre, f"sigma={format_number(self.sigma)}"]


def check_taus(what: str, *taus: float) -> None:
    """Raise ValidationError unless every time constant [s] is one, naming the first that is not."""
    for tau in taus:
        if not tau > 0:
            raise ValidationError(f"{what}: tau {format_time(tau)} is not above 0 s")
        if not TAU_MIN <= tau <= TAU_MAX:
            raise ValidationError(
                f"{what}: tau {format_time(tau)} is outside {format_time(TAU_MIN)} .. "
                f"{format_time(TAU_MAX)} (wrong unit?)"
            )


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
