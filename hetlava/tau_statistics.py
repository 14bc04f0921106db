"""What a population's time constants are like: moments, quantiles, and the nearest families."""

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np

from hetlava.arrays import Float
from hetlava.distributions import Distribution, Gamma, Lognormal
from hetlava.errors import MissingPackageError, ValidationError

N_MIN = 8  # values that a fit of two parameters is made from, at least


D = TypeVar("D", bound=Distribution, covariant=True)


@dataclass(frozen=True)
class Fit(Generic[D]):
    """A fitted family, and the largest distance of its distribution function to the data's.

    ``distance`` is Kolmogorov's and Smirnov's: 0 for a perfect fit, below 1.
    """

    distribution: D
    distance: float


@dataclass(frozen=True, kw_only=True)
class TauStatistics:
    """Statistics of time constants.

    Attributes
    ----------
    n : int
    mean, sd : float
        [s]; ``sd`` of the population, not of a sample.
    q05, q50, q95 : float
        Quantiles [s].
    gamma, lognormal : Fit or None
        Maximum-likelihood fits that begin at 0 s; None where all values are the same or too few.
    """

    n: int
    mean: float
    sd: float
    q05: float
    q50: float
    q95: float
    gamma: Fit[Gamma] | None
    lognormal: Fit[Lognormal] | None

    @property
    def cv(self) -> float:
        """Coefficient of variation: ``sd / mean``."""
        return self.sd / self.mean


def tau_statistics(tau: Float) -> TauStatistics:
    """Describe time constants (n,) [s] above 0.

    Raises
    ------
    ValidationError
        If there are none, or one is not finite or not above 0.
    MissingPackageError
        If scipy is not installed.
    """
    if not tau.size or not np.all(np.isfinite(tau) & (tau > 0)):
        raise ValidationError("time constants: none, or not all finite and above 0 s")
    q05, q50, q95 = np.quantile(tau, (0.05, 0.5, 0.95))
    various = tau.size >= N_MIN and tau.min() < tau.max()
    return TauStatistics(
        n=tau.size,
        mean=float(tau.mean()),
        sd=float(tau.std()),
        q05=float(q05),
        q50=float(q50),
        q95=float(q95),
        gamma=fit_gamma(tau) if various else None,
        lognormal=fit_lognormal(tau) if various else None,
    )


def fit_gamma(tau: Float) -> Fit[Gamma]:
    """Fit a gamma distribution by maximum likelihood, (n,) [s]."""
    stats = _scipy_stats()
    shape, _, scale = stats.gamma.fit(tau, floc=0)
    distance = stats.kstest(tau, stats.gamma(shape, scale=scale).cdf).statistic
    return Fit(Gamma(value=float(shape * scale), shape=float(shape)), float(distance))


def fit_lognormal(tau: Float) -> Fit[Lognormal]:
    """Fit a log-normal distribution by maximum likelihood, (n,) [s]; its median is kept."""
    stats = _scipy_stats()
    sigma, _, median = stats.lognorm.fit(tau, floc=0)
    distance = stats.kstest(tau, stats.lognorm(sigma, scale=median).cdf).statistic
    fitted = Lognormal(value=float(median), sigma=float(sigma), of="median")
    return Fit(fitted, float(distance))


def _scipy_stats() -> Any:
    try:
        from scipy import stats
    except ImportError as error:
        raise MissingPackageError('fits need scipy: pip install "hetlava[data]"') from error
    return stats
