"""Spikes added, spikes lost, time stretched: by how much, and never in place."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetlava.datasets.augmentations import random_factors, stretched, thinned, with_noise
from hetlava.errors import ValidationError

TRAINS = st.lists(
    st.lists(st.tuples(st.integers(0, 12_000), st.integers(0, 4)), max_size=30), max_size=6
)
SEEDS = st.integers(0, 99)


def events(recordings):
    """The set of (recording, time, channel), with how often each is there."""
    sample = np.repeat(np.arange(recordings.n), np.diff(recordings.indptr))
    rows = zip(sample, recordings.times, recordings.channels, strict=True)
    return sorted((int(a), int(b), int(c)) for a, b, c in rows)


@given(TRAINS, SEEDS)
def test_noise_keeps_every_spike_and_all_else(recordings_of, trains, seed):
    clean = recordings_of(trains)
    noisy = with_noise(clean, 100.0, np.random.default_rng(seed))
    added = list(events(noisy))
    for event in events(clean):
        added.remove(event)
    assert all(0 <= time < 10_000 for _, time, _ in added)
    assert np.array_equal(noisy.labels, clean.labels) and noisy.duration == clean.duration


def test_noise_is_a_poisson_process_in_every_channel(recordings_of, rng):
    silent = replace(recordings_of([[]] * 1000), duration=1.0)
    noisy = with_noise(silent, 1.2, rng)
    per_channel = np.bincount(noisy.channels, minlength=5)
    per_sample = np.diff(noisy.indptr)
    # five standard deviations: of counts of 1200, of 6000 +- sqrt(6000), of a variance of 6
    assert np.all(np.abs(per_channel - 1200) < 5 * np.sqrt(1200))
    assert abs(per_sample.var() - 6) < 5 * np.sqrt((2 * 36 + 6) / 1000)
    assert np.all(np.abs(np.bincount(noisy.times // 100_000) - 600) < 5 * np.sqrt(600))


def test_recordings_get_noise_of_their_own(recordings_of, rng):
    noisy = with_noise(recordings_of([[], []]), 5000.0, rng)
    first, second = np.split(noisy.times, noisy.indptr[1:-1])
    assert not np.array_equal(first, second)


@given(TRAINS, SEEDS, st.floats(0, 1))
def test_deletion_only_deletes(recordings_of, trains, seed, p):
    clean = recordings_of(trains)
    kept = Counter(events(thinned(clean, p, np.random.default_rng(seed))))
    assert kept <= Counter(events(clean))


def test_deletion_takes_its_share(recordings_of, rng):
    clean = recordings_of([[(k % 12_000, k % 5) for k in range(20_000)]])
    left = thinned(clean, 0.3, rng).times.size
    # five standard deviations of a binomial count
    assert abs(left - 14_000) < 5 * np.sqrt(20_000 * 0.3 * 0.7)


@given(TRAINS)
def test_nothing_asked_for_changes_nothing(recordings_of, trains):
    clean, rng = recordings_of(trains), np.random.default_rng(0)
    assert with_noise(clean, 0.0, rng) == thinned(clean, 0.0, rng) == stretched(clean, 1) == clean
    assert thinned(clean, 1.0, rng).times.size == 0


@given(TRAINS, st.floats(0.1, 8))
def test_stretching_multiplies_times_and_duration(recordings_of, trains, factor):
    clean = recordings_of(trains)
    slow = stretched(clean, factor)
    assert slow.times.tolist() == [int(np.floor(t * factor)) for t in clean.times.tolist()]
    assert slow.duration == clean.duration * factor
    assert np.array_equal(slow.channels, clean.channels)


@given(TRAINS.filter(bool), st.data())
def test_recordings_may_have_a_factor_each(recordings_of, trains, data):
    clean = recordings_of(trains)
    factors = data.draw(st.lists(st.floats(0.1, 8), min_size=clean.n, max_size=clean.n))
    slow = stretched(clean, factors)
    for k, factor in enumerate(factors):
        assert np.array_equal(slow.take([k]).times, stretched(clean.take([k]), factor).times)
    assert slow.duration == clean.duration * max(factors)


def test_random_factors_are_normal_in_octaves(rng):
    octaves = np.log2(random_factors(10_000, 0.5, rng))
    # five standard errors of a mean and of a standard deviation
    assert abs(octaves.mean()) < 5 * 0.005 and abs(octaves.std() - 0.5) < 5 * 0.5 / np.sqrt(20_000)
    assert random_factors(3, 0.0, rng).tolist() == [1, 1, 1]


def test_equal_seeds_give_equal_recordings(recordings_of):
    clean = recordings_of([[(k, k % 5) for k in range(100)]] * 3)
    for change in (lambda r: with_noise(clean, 900.0, r), lambda r: thinned(clean, 0.5, r)):
        same = [change(np.random.default_rng(seed)) for seed in (1, 1, 2)]
        assert same[0] == same[1] != same[2]


IMPOSSIBLE = {
    "a_negative_rate": (lambda r, g: with_noise(r, -1.0, g), "rate is -1.0 Hz"),
    "a_rate_that_is_none": (lambda r, g: with_noise(r, float("nan"), g), "rate is nan Hz"),
    "an_absurd_rate": (lambda r, g: with_noise(r, 1e9, g), "0 to 10000 Hz"),
    "too_much_noise": (
        lambda r, g: with_noise(replace(r, duration=1e9), 1e4, g),
        "take fewer recordings",
    ),
    "a_negative_probability": (lambda r, g: thinned(r, -0.1, g), "probability is -0.1"),
    "a_probability_above_1": (lambda r, g: thinned(r, 1.1, g), "probability is 1.1"),
    "a_probability_that_is_none": (lambda r, g: thinned(r, float("nan"), g), "nan"),
    "time_reversed": (lambda r, g: stretched(r, -1.0), "factor -1.0"),
    "time_stopped": (lambda r, g: stretched(r, 0.0), "factor 0.0, expected 0.001 to 1000"),
    "a_factor_that_is_none": (lambda r, g: stretched(r, [1.0, float("nan")]), "factor nan"),
    "a_factor_too_few": (lambda r, g: stretched(r, [1.0]), r"factors \(1,\), expected"),
    "a_negative_spread": (lambda r, g: random_factors(3, -1.0, g), "-1.0 octaves"),
    "an_absurd_spread": (lambda r, g: random_factors(3, 9.0, g), "9.0 octaves"),
}


@pytest.mark.parametrize("case", IMPOSSIBLE)
def test_the_impossible_is_refused(recordings_of, rng, case):
    ask, reason = IMPOSSIBLE[case]
    with pytest.raises(ValidationError, match=reason):
        ask(recordings_of([[(1, 1)], [(2, 2)]]), rng)
