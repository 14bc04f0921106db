"""The digits of scikit-learn as spikes."""

import sys

import numpy as np
import pytest

from hetlava import datasets
from hetlava.datasets.digits import encode
from hetlava.errors import MissingPackageError

sklearn_datasets = pytest.importorskip("sklearn.datasets")


@pytest.fixture(scope="module")
def splits():
    return {split: datasets.load("digits", split) for split in ("train", "test")}


def test_the_split_takes_every_fifth_digit_for_the_test(splits):
    labels = sklearn_datasets.load_digits().target
    assert (splits["train"].n, splits["test"].n) == (1438, 359)
    assert np.array_equal(splits["test"].labels, labels[4::5])
    assert np.array_equal(splits["train"].labels, np.delete(labels, slice(4, None, 5)))


def test_a_pixel_gives_as_many_spikes_as_its_value(splits):
    pixels = sklearn_datasets.load_digits().data
    counts = splits["test"].binned(1e-3, 32).counts()
    assert np.array_equal(counts, pixels[4::5])


def test_no_spike_is_lost_at_the_defaults(splits):
    default = datasets.defaults("digits")
    for recordings in splits.values():
        events = recordings.binned(default.dt, default.n_steps)
        assert events.n_events == recordings.times.size
        assert (events.n_neurons, recordings.n_classes) == (default.n_channels, default.n_classes)


def test_spikes_are_evenly_spaced():
    for value in range(17):
        _, times, _ = encode(np.array([[value]]))
        exact = (np.arange(value) + 0.5) * 32_000 / max(value, 1)
        assert np.array_equal(times, np.floor(exact))


def test_digits_are_the_same_every_time(splits):
    assert datasets.load("digits", "test") == splits["test"]


def test_a_missing_package_names_the_line_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(MissingPackageError, match=r'pip install "hetlava\[data\]"'):
        datasets.load("digits", "train")
