"""Measured time constants: the fits are those of the literature, where it is right."""

import zipfile
from pathlib import Path

import numpy as np
import pytest

from hetlava.datasets.allen_tau import ARCHIVE, POPULATIONS, measured
from hetlava.errors import DataError, ValidationError
from hetlava.tau_statistics import tau_statistics


@pytest.mark.data
@pytest.mark.parametrize(
    ("population", "n", "shape", "scale_ms", "sigma", "median_ms"),
    [
        ("mouse-v1-l4", 290, 13.363, 1.6420, 0.27, 21.1),
        ("human-mtg", 236, 9.108, 3.1789, 0.33, 27.3),
    ],
)
def test_the_fits_are_the_known_ones(
    population: str, n: int, shape: float, scale_ms: float, sigma: float, median_ms: float
) -> None:
    """To the digits that are known; table 2 of the 2023 paper has shape and scale swapped."""
    found = tau_statistics(measured(population))
    assert found.n == n
    assert found.gamma is not None and found.lognormal is not None
    gamma, lognormal = found.gamma.distribution, found.lognormal.distribution
    assert gamma.shape == pytest.approx(shape, abs=6e-4)
    assert gamma.mean / gamma.shape * 1e3 == pytest.approx(scale_ms, abs=6e-5)
    assert lognormal.sigma == pytest.approx(sigma, abs=5e-3)
    # printed with three digits, which were cut and not rounded
    assert lognormal.median * 1e3 == pytest.approx(median_ms, abs=0.1)
    # both families fit: a sample of this size from either would be as far away
    assert max(found.gamma.distance, found.lognormal.distance) < 1.36 / np.sqrt(n)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HETLAVA_DATA", str(tmp_path))
    (tmp_path / ARCHIVE).parent.mkdir()
    return tmp_path


def write(folder: Path, text: str) -> None:
    with zipfile.ZipFile(folder / ARCHIVE, "w") as archive:
        archive.writestr(POPULATIONS["human-mtg"], text)


def test_times_are_seconds(folder: Path) -> None:
    write(folder, "specimen_id,tau_ms\n1,20\n2,35.5\n")
    assert np.allclose(measured("human-mtg"), [0.02, 0.0355], rtol=1e-15)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("id,tau\n1,2\n", "columns 'id,tau'"),
        ("specimen_id,tau_ms\n1\n", "out of range"),
        ("specimen_id,tau_ms\n1,x\n", "could not convert"),
        ("specimen_id,tau_ms\n1,-2\n", "not above 0 ms"),
        ("specimen_id,tau_ms\n", "not above 0 ms"),
    ],
)
def test_a_damaged_table_is_refused_with_its_reason(text: str, reason: str, folder: Path) -> None:
    write(folder, text)
    with pytest.raises(DataError, match=reason):
        measured("human-mtg")


def test_a_missing_table_says_where_to_put_it(folder: Path) -> None:
    with pytest.raises(DataError, match="set HETLAVA_DATA"):
        measured("human-mtg")


def test_an_unknown_population_is_named() -> None:
    with pytest.raises(ValidationError, match="known: mouse-v1-l4, human-mtg"):
        measured("rat")
