"""Statistics of time constants: fits find back what was drawn."""

import numpy as np
import pytest

from hetlava.errors import ValidationError
from hetlava.heterogeneity import parse
from hetlava.tau_statistics import fit_gamma, fit_lognormal, tau_statistics

N = 40_000
# four standard errors: of a gamma's shape k sqrt(2 / n), of sigma sigma / sqrt(2 n)
FOUR = 4 / np.sqrt(N)


def test_a_gamma_is_found_back(rng: np.random.Generator) -> None:
    fit = fit_gamma(parse("gamma:20ms,shape=3").sample(N, rng))
    assert fit.distribution.shape == pytest.approx(3, abs=3 * np.sqrt(2) * FOUR)
    assert fit.distribution.mean == pytest.approx(0.02, abs=0.02 / np.sqrt(3) * FOUR)
    assert fit.distance < FOUR


def test_a_lognormal_is_found_back(rng: np.random.Generator) -> None:
    fit = fit_lognormal(parse("lognormal:median=20ms,sigma=0.5").sample(N, rng))
    assert fit.distribution.sigma == pytest.approx(0.5, abs=0.5 / np.sqrt(2) * FOUR)
    assert fit.distribution.median == pytest.approx(0.02, abs=0.02 * 0.5 * FOUR)
    assert fit.distance < FOUR


def test_the_other_family_fits_worse(rng: np.random.Generator) -> None:
    found = tau_statistics(parse("gamma:20ms,shape=1.5").sample(N, rng))
    assert found.gamma is not None and found.lognormal is not None
    assert found.lognormal.distance > 3 * found.gamma.distance


def test_a_homogeneous_population_has_no_fit() -> None:
    found = tau_statistics(np.full(100, 0.02))
    assert found.q05 == found.q50 == found.q95 == 0.02
    # roundings of a sum of a hundred
    assert found.mean == pytest.approx(0.02, rel=1e-13) and found.cv < 1e-13
    assert found.gamma is None and found.lognormal is None


@pytest.mark.parametrize("tau", [[], [0.02, -1.0], [np.nan], [np.inf]])
def test_what_is_no_time_constant_is_refused(tau: list[float]) -> None:
    with pytest.raises(ValidationError, match="time constants: none, or not all"):
        tau_statistics(np.array(tau))
