"""Recordings on fewer channels, and faster or slower."""

import numpy as np
import pytest

from hetlava.datasets.recordings import Recordings
from hetlava.datasets.sensors import Sensor
from hetlava.errors import ValidationError
from hetlava.experiments.inputs import at_scale, coarsened, recordings, steps_at_scale


def one_of(channels, n_channels):
    n = len(channels)
    return Recordings(
        name="toy",
        split="train",
        n_channels=n_channels,
        n_classes=2,
        duration=1.0,
        indptr=np.array([0, n], np.int64),
        times=np.arange(n, dtype=np.int64),
        channels=np.array(channels, np.int32),
        labels=np.array([1], np.int64),
    )


def test_neighbouring_channels_become_one():
    merged = coarsened(one_of([0, 9, 10, 699], 700), 10, Sensor(1, 1, 700))
    assert merged.channels.tolist() == [0, 0, 1, 69] and merged.n_channels == 70


def test_squares_of_pixels_become_one_in_each_kind():
    """Channel k h w + y w + x: polarity 1, row 3, column 2 of 4 x 6 is in row 1, column 1."""
    kind, y, x = 1, 3, 2
    merged = coarsened(one_of([kind * 24 + y * 6 + x], 48), 2, Sensor(2, 4, 6))
    assert merged.n_channels == 2 * 2 * 3
    assert merged.channels.tolist() == [kind * 6 + (y // 2) * 3 + x // 2]


def test_every_channel_of_an_image_stands_for_as_many_pixels():
    merged = coarsened(one_of(range(48), 48), 2, Sensor(2, 4, 6))
    assert np.bincount(merged.channels).tolist() == [4] * 12


def test_sides_that_are_no_multiple_are_refused():
    with pytest.raises(ValidationError, match="4 x 6 channels are no multiple of 4"):
        coarsened(one_of([0], 48), 4, Sensor(2, 4, 6))


def test_a_scale_stretches_times_and_steps_alike():
    slow = at_scale(one_of([0, 1, 2], 3), 2.0)
    assert slow.times.tolist() == [0, 2, 4]
    assert [steps_at_scale(75, s) for s in (0.5, 1.0, 4.0)] == [38, 75, 300]


def test_the_first_recordings_are_taken_and_no_more_than_there_are():
    some = recordings("interval", "train", 2, 12)
    assert (some.n, some.n_channels) == (12, 10)
    with pytest.raises(ValidationError, match="train has 768 recordings, 9999 are asked for"):
        recordings("interval", "train", 1, 9999)
