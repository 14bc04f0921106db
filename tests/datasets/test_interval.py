"""The synthetic task of intervals."""

import numpy as np
import pytest

from hetlava import datasets
from hetlava.datasets.interval import DELAYS, JITTER, N_CHANNELS, N_CLASSES, ONSET


@pytest.fixture(scope="module")
def train():
    return datasets.load("interval", "train")


def test_delays_lie_evenly_on_a_logarithmic_scale_from_3_to_80_ms():
    assert DELAYS[0] == 3_000 and DELAYS[-1] == 80_000 and DELAYS.size == N_CLASSES
    # rounded to microseconds
    np.testing.assert_allclose(np.diff(np.log(DELAYS)), np.log(80 / 3) / 5, rtol=1e-3)


def test_recordings_are_the_same_every_time(train):
    assert datasets.load("interval", "train") == train


def test_splits_are_of_equal_classes_and_differ(train):
    test = datasets.load("interval", "test")
    assert (train.n, test.n) == (768, 600)
    for split in (train, test):
        assert set(np.bincount(split.labels)) == {split.n // N_CLASSES}
    assert not np.array_equal(train.times[:50], test.times[:50])


def test_two_volleys_stand_a_delay_apart(train):
    """Each volley moves most channels: the two fullest windows of its width are the volleys."""
    for k in range(0, train.n, 31):
        times = train.times[train.indptr[k] : train.indptr[k + 1]]
        starts = np.array([np.sum((times >= t) & (times <= t + 2 * JITTER)) for t in times])
        first = times[starts >= N_CHANNELS // 2].min()
        second = times[(starts >= N_CHANNELS // 2) & (times > first + 2 * JITTER)].min()
        assert first < ONSET + JITTER
        assert abs(second - first - DELAYS[train.labels[k]]) <= 2 * JITTER


def test_no_channel_tells_classes_apart(train):
    counts = train.binned(1e-3, 120).counts()
    of_class = np.array([counts[train.labels == c].mean(0) for c in range(N_CLASSES)])
    # 128 samples a class: the mean of a channel's count has a standard error of about 0.05
    assert np.all(np.abs(of_class - of_class.mean(0)) < 0.3)


def test_no_spike_of_a_volley_comes_after_the_last_step(train):
    assert ONSET + JITTER + DELAYS[-1] < 120_000
    assert train.times.max() < 120_000
