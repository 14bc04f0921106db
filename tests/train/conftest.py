"""Fixtures of the training tests."""

import numpy as np
import pytest

from hetlava.datasets.recordings import Recordings

N_CLASSES, N_CHANNELS = 3, 12


@pytest.fixture
def bars(rng):
    """Three classes, each with its own row of lively channels."""
    return bars_of(rng, 40, "train"), bars_of(rng, 30, "test")


def bars_of(rng, n, split):
    labels = rng.integers(0, N_CLASSES, n)
    lively = np.arange(N_CHANNELS) // 4 == labels[:, None]
    rates = np.where(lively, 0.3, 0.03)
    sample, channel, step = np.nonzero(rng.random((n, N_CHANNELS, 20)) < rates[..., None])
    order = np.lexsort((channel, step, sample))
    return Recordings(
        name="bars",
        split=split,
        n_channels=N_CHANNELS,
        n_classes=N_CLASSES,
        duration=0.02,
        indptr=np.concatenate([[0], np.cumsum(np.bincount(sample, minlength=n))]).astype(np.int64),
        times=(step[order] * 1000).astype(np.int64),
        channels=channel[order].astype(np.int32),
        labels=labels.astype(np.int64),
    )
