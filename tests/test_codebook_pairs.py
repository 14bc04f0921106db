"""Codebooks of pairs: exact where one side is shared, a good heuristic otherwise."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hetlava.codebook import build
from hetlava.codebook_pairs import build_pairs
from hetlava.errors import ValidationError
from hetlava.fixedpoint import decay_tau, decay_word

DT = 1e-3
METHODS = ("rms", "minimax")


def draw(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    taus = rng.gamma(1.64, 0.0134, (2, n)).clip(1.5e-3, 0.2)
    return taus[0], taus[1]


def squares(book) -> float:
    return float(np.sum(np.log1p(book.errors) ** 2))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("varying", [0, 1])
def test_one_shared_side_leaves_the_optimum_of_the_other(rng, method, varying):
    taus = [np.full(200, 0.005), np.full(200, 0.005)]
    taus[varying] = draw(rng, 200)[0]
    pairs = build_pairs(*taus, 12, dt=DT, method=method)
    alone = build(taus[varying], 12, dt=DT, method=method)
    assert pairs.optimal and np.array_equal(pairs.words[:, [varying]], alone.words)
    assert np.all(pairs.words[:, 1 - varying] == decay_word(np.array([0.005]), DT))
    assert np.array_equal(pairs.errors[:, [varying]], alone.errors)


@pytest.mark.parametrize("method", METHODS)
def test_few_distinct_pairs_are_kept_as_they_are(rng, method):
    levels = np.array([0.003, 0.01, 0.04])
    tau_syn, tau_mem = levels[rng.integers(0, 3, (2, 500))]
    book = build_pairs(tau_syn, tau_mem, 9, dt=DT, method=method)
    assert book.optimal
    assert np.array_equal(book.words[book.assignment, 0], decay_word(tau_syn, DT))
    assert np.array_equal(book.words[book.assignment, 1], decay_word(tau_mem, DT))


@given(k=st.integers(1, 40), seed=st.integers(0, 2**32 - 1), method=st.sampled_from(METHODS))
@settings(max_examples=40)
def test_every_neuron_has_the_pair_next_to_it(k, seed, method):
    tau_syn, tau_mem = draw(np.random.default_rng(seed), 60)
    book = build_pairs(tau_syn, tau_mem, k, dt=DT, method=method)
    assert book.k <= k
    x, at = np.log(np.stack([tau_syn, tau_mem], axis=1)), np.log(decay_tau(book.words, DT))
    gap = np.abs(x[:, None] - at)
    every = gap.max(axis=2) if method == "minimax" else (gap**2).sum(axis=2)
    mine = np.take_along_axis(every, book.assignment[:, None], axis=1)[:, 0]
    assert np.allclose(mine, every.min(axis=1), atol=1e-12)


@pytest.mark.parametrize("k", [8, 32, 128])
def test_pairs_are_close_to_the_best_of_many_random_starts(k, rng):
    cluster = pytest.importorskip("sklearn.cluster")
    tau_syn, tau_mem = draw(rng, 600)
    free = cluster.KMeans(k, n_init=10, random_state=0)
    free.fit(np.log(np.stack([tau_syn, tau_mem], axis=1)))
    # its centres need not be words; 1 to 5 % were measured
    assert squares(build_pairs(tau_syn, tau_mem, k, dt=DT)) < 1.08 * free.inertia_


def test_each_method_is_the_better_one_at_what_it_minimises(rng):
    taus = draw(rng, 1000)
    mean, largest = (build_pairs(*taus, 32, dt=DT, method=m) for m in METHODS)
    assert squares(mean) < squares(largest)
    assert np.abs(np.log1p(largest.errors)).max() < np.abs(np.log1p(mean.errors)).max()


def test_the_same_request_gives_the_same_pairs(rng):
    taus = draw(rng, 300)
    assert build_pairs(*taus, 20, dt=DT) == build_pairs(*taus, 20, dt=DT)


def test_a_heavy_neuron_gets_its_own_pair(rng):
    tau_syn, tau_mem = draw(rng, 300)
    weights = np.ones(300)
    weights[[7, 8]] = 1e6
    book = build_pairs(tau_syn, tau_mem, 4, dt=DT, weights=weights)
    assert np.abs(book.errors[[7, 8]]).max() < 0.01


@pytest.mark.parametrize("method", METHODS)
def test_neurons_of_no_weight_choose_nothing(rng, method):
    tau_syn, tau_mem = draw(rng, 300)
    weights = np.zeros(300)
    weights[:40] = 1
    book = build_pairs(tau_syn, tau_mem, 10, dt=DT, weights=weights, method=method)
    few = build_pairs(tau_syn[:40], tau_mem[:40], 10, dt=DT, method=method)
    assert np.array_equal(book.words[book.assignment[:40]], few.words[few.assignment])


def test_pairs_of_unlike_length_are_refused():
    with pytest.raises(ValidationError, match=r"\(2,\) tau_syn for \(3,\) tau_mem"):
        build_pairs(np.ones(2), np.ones(3), 2, dt=DT)
