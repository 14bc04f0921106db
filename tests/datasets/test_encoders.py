"""Grey values as spikes: when they come, how many, and always the same."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hetlava.datasets.encoders import RATE_MAX, first_spike, latency, poisson, rate

LEVELS = arrays(np.uint8, st.tuples(st.integers(0, 4), st.integers(1, 12)))
MS_100 = 100_000


def generator(k):
    return np.random.default_rng(k)


ENCODERS = {
    "latency": latency,
    "rate": lambda levels: rate(levels, MS_100),
    "poisson": lambda levels: poisson(levels, MS_100, generator),
}


def counts(train, shape):
    """Spikes of every sample and channel."""
    found = np.zeros(shape, int)
    np.add.at(found, (np.repeat(np.arange(shape[0]), np.diff(train.indptr)), train.channels), 1)
    return found


@pytest.mark.parametrize("encoder", ENCODERS)
@given(levels=LEVELS)
def test_spikes_are_sorted_by_sample_time_and_channel(encoder, levels):
    train = ENCODERS[encoder](levels)
    assert train.indptr.size == len(levels) + 1
    for start, stop in zip(train.indptr[:-1], train.indptr[1:], strict=True):
        events = list(zip(train.times[start:stop], train.channels[start:stop], strict=True))
        assert events == sorted(events)
        assert all(0 <= time < MS_100 for time, _ in events)


@pytest.mark.parametrize("encoder", ENCODERS)
@given(levels=LEVELS.filter(len))
def test_a_sample_does_not_depend_on_those_after_it(encoder, levels):
    some, every = ENCODERS[encoder](levels[:1]), ENCODERS[encoder](levels)
    n = some.indptr[1]
    assert np.array_equal(some.times, every.times[:n])
    assert np.array_equal(some.channels, every.channels[:n])


def test_a_first_spike_is_where_the_voltage_reaches_the_threshold():
    x = np.array([0.21, 0.3, 0.5, 1.0])
    voltage = x * (1 - np.exp(-first_spike(x, 0.03, 0.2) / 0.03))
    # exp and log each round once
    assert voltage == pytest.approx(np.full(4, 0.2), rel=1e-12)


def test_what_never_reaches_the_threshold_never_fires():
    assert np.isinf(first_spike(np.array([0.0, 0.1, 0.2]), 0.02, 0.2)).all()


@given(LEVELS)
def test_latency_gives_one_spike_above_the_threshold(levels):
    # 51 / 255 is the threshold of 0.2 itself
    assert np.array_equal(counts(latency(levels), levels.shape), levels > 51)


def test_brighter_pixels_fire_earlier_at_the_published_times():
    train = latency(np.arange(256, dtype=np.uint8)[:, None])
    assert np.all(np.diff(train.times) < 0)
    # 20 ms ln(1 / 0.8) for white and 20 ms ln(52 / 1) for the darkest that fires
    assert (train.times[-1], train.times[0]) == (4463, 79025)


def test_rate_gives_spikes_in_proportion_evenly_spaced():
    levels = np.arange(256, dtype=np.uint8)[:, None]
    train = rate(levels, MS_100)
    expected = np.rint(np.arange(256) / 255 * RATE_MAX * 0.1)
    assert np.array_equal(np.diff(train.indptr), expected)
    assert train.times[train.indptr[255] :].tolist() == [10000, 30000, 50000, 70000, 90000]


@given(LEVELS, st.integers(1, 10**6))
def test_rate_lies_within_any_duration(levels, duration_us):
    times = rate(levels, duration_us).times
    assert not times.size or 0 <= times.min() <= times.max() < duration_us


def test_poisson_counts_have_the_mean_and_variance_of_their_rate():
    n = 4000
    levels = np.full((n, 3), [0, 128, 255], np.uint8)
    found = counts(poisson(levels, MS_100, generator), levels.shape)
    expected = np.array([0, 128, 255]) / 255 * RATE_MAX * 0.1
    # five standard errors: of a mean sqrt(m / n), of a variance about sqrt(2 m^2 + m) / sqrt(n)
    assert np.all(np.abs(found.mean(axis=0) - expected) <= 5 * np.sqrt(expected / n))
    spread = np.sqrt((2 * expected**2 + expected) / n)
    assert np.all(np.abs(found.var(axis=0) - expected) <= 5 * spread)


def test_poisson_spikes_are_uniform_in_time():
    times = poisson(np.full((2000, 5), 255, np.uint8), MS_100, generator).times
    in_bins = np.bincount(times // 10_000, minlength=10)
    # five standard deviations of a count
    assert in_bins.size == 10 and np.all(np.abs(in_bins - times.size / 10) < 5 * np.sqrt(5000))


def test_a_poisson_sample_follows_its_generator_only():
    levels = np.full((3, 40), 200, np.uint8)
    train = poisson(levels, MS_100, lambda k: np.random.default_rng(7 if k == 2 else k))
    alone = poisson(levels[:1], MS_100, lambda k: np.random.default_rng(7))
    assert np.array_equal(train.times[train.indptr[2] :], alone.times)
    assert not np.array_equal(train.times[: train.indptr[1]], alone.times)
