"""Codebooks of one time constant: optimal, and as good as is published."""

import csv
import io
import os
import zipfile
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hetlava.codebook import Codebook, build
from hetlava.errors import ValidationError
from hetlava.fixedpoint import decay_tau, decay_word

DT = 1e-3
# words 11 .. 33 of a step of 1 ms: few enough to try every set of three
long_taus = st.lists(st.floats(0.03, 0.09), min_size=1, max_size=8).map(np.array)


def published(name: str, n: int, seed: int) -> np.ndarray:
    shape, scale = {"mouse": (1.64, 13.4), "human": (3.18, 9.11)}[name]
    taus = np.random.default_rng(seed).gamma(shape, scale, n)
    return np.clip(taus, 1.5, 200.0) * 1e-3


def log_errors(taus: np.ndarray, words: np.ndarray) -> np.ndarray:
    levels = np.log(decay_tau(np.asarray(words, np.int32), DT))
    return np.min(np.abs(np.log(taus)[:, None] - levels), axis=1)


def log_errors_of(book: Codebook) -> np.ndarray:
    return np.abs(np.log1p(book.errors[:, 0]))


def every_set(taus: np.ndarray, k: int) -> np.ndarray:
    """The errors (sets, n) of every set of words, one more on each side than any is next to."""
    low, high = decay_word(np.array([taus.max(), taus.min()]), DT)
    inside = np.arange(low - 1, high + 2)
    each = np.abs(np.log(taus) - np.log(decay_tau(inside, DT))[:, None])
    sets = np.array(list(combinations(range(inside.size), min(k, inside.size))))
    return each[sets].min(axis=1)


@given(taus=long_taus, k=st.integers(1, 3), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=60)
def test_no_set_of_words_has_a_smaller_squared_error(taus, k, seed):
    weights = np.random.default_rng(seed).integers(0, 4, taus.size) + 0.5
    found = build(taus, k, dt=DT, weights=weights)
    least = np.min(every_set(taus, k) ** 2 @ weights)
    # two ways to sum the same squares
    assert weights @ log_errors_of(found) ** 2 == pytest.approx(least, rel=1e-6, abs=1e-13)


@given(taus=long_taus, k=st.integers(1, 3))
@settings(max_examples=60)
def test_no_set_of_words_has_a_smaller_largest_error(taus, k):
    found = build(taus, k, dt=DT, method="minimax")
    errors = every_set(taus, k)
    least = errors.max(axis=1).min()
    assert log_errors_of(found).max() == pytest.approx(least, rel=1e-9, abs=1e-11)
    squares = np.sum(errors[errors.max(axis=1) <= least + 1e-12] ** 2, axis=1).min()
    assert np.sum(log_errors_of(found) ** 2) == pytest.approx(squares, rel=1e-6, abs=1e-11)


@given(taus=long_taus, k=st.integers(1, 9), method=st.sampled_from(["rms", "minimax"]))
def test_every_neuron_has_the_word_next_to_it(taus, k, method):
    book = build(taus, k, dt=DT, method=method)
    assert book.k <= k and np.array_equal(np.unique(book.assignment), np.arange(book.k))
    words = book.words[book.assignment, 0]
    assert np.array_equal(book.errors[:, 0], decay_tau(words, DT) / taus - 1)
    assert np.allclose(log_errors_of(book), log_errors(taus, book.words[:, 0]), atol=1e-12)


# rms and largest error in percent of an optimal search without rounding to words, N = 1024
PUBLISHED = {
    ("mouse", 16): 6.8,
    ("mouse", 31): 3.4,
    ("mouse", 32): 3.3,
    ("mouse", 64): 1.6,
    ("human", 16): 5.5,
    ("human", 31): 2.8,
    ("human", 32): 2.6,
    ("human", 64): 1.2,
}


@pytest.mark.parametrize(("name", "k"), PUBLISHED)
def test_published_errors_of_gamma_populations_are_reached(name, k):
    rms = [100 * build(published(name, 1024, seed), k, dt=DT).rms[0] for seed in range(5)]
    # printed with two digits, of another draw
    assert 0.9 * PUBLISHED[name, k] <= np.mean(rms) <= 1.05 * PUBLISHED[name, k]


@pytest.mark.parametrize("name", ["mouse", "human"])
def test_each_method_is_the_better_one_at_what_it_minimises(name):
    taus = published(name, 1024, 0)
    squares, largest = (build(taus, 32, dt=DT, method=m) for m in ("rms", "minimax"))
    assert np.mean(log_errors_of(squares) ** 2) < np.mean(log_errors_of(largest) ** 2)
    assert log_errors_of(largest).max() < 0.7 * log_errors_of(squares).max()
    # a grid with the largest errors all alike, between the shortest and the longest
    grid = np.geomspace(taus.min(), taus.max(), 65)[1::2]
    assert log_errors_of(largest).max() <= log_errors(taus, decay_word(grid, DT)).max()


def measured(name: str) -> np.ndarray:
    path = Path(os.environ["HETLAVA_DATA"]) / "allen_tau" / "allen-cell-types-tau.zip"
    if not path.is_file():
        pytest.skip(f"{path} is missing")
    with zipfile.ZipFile(path) as archive:
        text = archive.read(f"allen/{name}_spiny_tau_ms.csv").decode()
    return np.array([float(row["tau_ms"]) for row in csv.DictReader(io.StringIO(text))]) * 1e-3


@pytest.mark.data
@pytest.mark.parametrize("name", ["mouse_v1_l4", "human_mtg"])
def test_measured_populations_fit_the_profiles_of_a_core(name):
    taus = measured(name)
    book = build(taus, 31, dt=DT)
    # narrower than the gamma that was printed for them, hence better than 3.4 and 2.8 %
    assert 100 * book.rms[0] < 1.7
    # nobody does better than the best codebook without rounding, found point by point
    assert log_errors_of(book) @ log_errors_of(book) <= 1.05 * unrounded(np.log(taus), 31)


def unrounded(x: np.ndarray, k: int) -> float:
    """The least squared error of k real centres, by the plain recursion over sorted points."""
    x = np.sort(x) - x.mean()
    sums = np.concatenate([[[0.0] * x.size], [x], [x**2]])
    s = np.concatenate([np.zeros((3, 1)), np.cumsum(sums, axis=1)], axis=1)
    i, j = np.arange(x.size)[:, None], np.arange(1, x.size + 1)[None, :]
    length = np.maximum(j - i, 1)
    cost = s[2][j] - s[2][i] - (s[1][j] - s[1][i]) ** 2 / length
    cost[i >= j] = np.inf
    total = cost[0]
    for _ in range(k - 1):
        total = np.min(np.concatenate([[0.0], total[:-1]])[:, None] + cost, axis=0)
    return float(total[-1])


def test_a_heavy_neuron_pulls_the_word(rng):
    taus = rng.uniform(0.02, 0.1, 200)
    weights = np.ones(200)
    weights[3] = 1e9
    assert abs(build(taus, 1, dt=DT, weights=weights).errors[3, 0]) < 0.02
    assert abs(build(taus, 1, dt=DT).errors[3, 0]) > 0.02


@pytest.mark.parametrize("method", ["rms", "minimax"])
def test_a_neuron_of_no_weight_takes_what_there_is(method):
    taus = np.array([0.01, 0.011, 0.05, 1.0])
    book = build(taus, 2, dt=DT, weights=np.array([1.0, 1.0, 1.0, 0.0]), method=method)
    assert abs(book.errors[:3]).max() < 0.06
    assert book.assignment[3] == book.assignment[2]


@pytest.mark.parametrize("method", ["rms", "minimax"])
@pytest.mark.parametrize("tau", [1e-9, 1e-5, 0.5, 1e4])
def test_time_constants_beyond_all_words_get_the_last(tau, method):
    book = build(np.array([tau, tau * 1.1]), 3, dt=DT, method=method)
    ends = decay_word(np.array([tau]), DT).clip(1, 4095)
    assert book.words.ravel()[0] in (ends[0], ends[0] - 1)


@pytest.mark.parametrize("method", ["rms", "minimax"])
def test_enough_words_are_as_good_as_rounding(rng, method):
    taus = rng.gamma(3.0, 0.01, 300).clip(2e-3, 0.2)
    own = log_errors(taus, np.arange(1, 4096))
    assert np.allclose(log_errors_of(build(taus, 300, dt=DT, method=method)), own, atol=1e-12)


def test_ten_thousand_neurons_take_no_longer_than_a_thousand():
    few = build(published("mouse", 1000, 0), 32, dt=DT).rms[0]
    many = build(published("mouse", 10_000, 0), 32, dt=DT).rms[0]
    assert many == pytest.approx(few, rel=0.1)  # of one distribution


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"k": 0}, "0 words, expected at least 1"),
        ({"method": "median"}, "'median' is unknown; known: rms, minimax"),
        ({"dt": 0.0}, "dt 0.0 s"),
        ({"taus": np.array([])}, "no time constants"),
        ({"taus": np.array([0.01, -1.0])}, "1 of 2 are not above 0 and finite, first -1.0 at 1"),
        ({"taus": np.array([np.nan])}, "not above 0 and finite"),
        ({"weights": np.ones(3)}, r"shape \(3,\), expected \(2,\)"),
        ({"weights": np.array([1.0, -1.0])}, "negative or not finite"),
        ({"weights": np.zeros(2)}, "every weight is 0"),
        ({"largest": 5000}, "largest word 5000"),
    ],
)
def test_impossible_requests_are_refused(changes, message):
    request = {"taus": np.array([0.01, 0.02]), "k": 2, "dt": DT} | changes
    with pytest.raises(ValidationError, match=message):
        build(**request)
