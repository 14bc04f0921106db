"""Folders for data sets, and small recordings."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hetlava.datasets.recordings import Recordings


@pytest.fixture
def data_root(tmp_path, monkeypatch) -> Path:
    """An empty folder that HETLAVA_DATA names; the cache beside it is empty too."""
    data = tmp_path / "data"
    data.mkdir()
    monkeypatch.setenv("HETLAVA_DATA", str(data))
    monkeypatch.setenv("HETLAVA_CACHE", str(tmp_path / "cache"))
    return data


@pytest.fixture(scope="session")
def recordings_of() -> Callable[..., Recordings]:
    """``recordings_of([[(time [us], channel), ...], ...])``: 5 channels, 3 classes, 10 ms."""

    def make(trains, labels=None):
        flat = [event for train in trains for event in sorted(train)]
        return Recordings(
            name="made",
            split="train",
            n_channels=5,
            n_classes=3,
            duration=0.01,
            indptr=np.cumsum([0, *map(len, trains)], dtype=np.int64),
            times=np.array([t for t, _ in flat], np.int64),
            channels=np.array([c for _, c in flat], np.int32),
            labels=np.array(labels or [0] * len(trains), np.int64),
        )

    return make
