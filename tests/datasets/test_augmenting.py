"""Augmentations as text: parsed or refused, and applied to what they name."""

from dataclasses import replace

import numpy as np
import pytest

from hetlava.datasets.augmenting import parse_augmentation
from hetlava.datasets.sensors import Sensor
from hetlava.errors import ValidationError

ROW, IMAGE = Sensor(1, 1, 1000), Sensor(2, 20, 25)
MANY = [(k * 10, 500) for k in range(400)]


@pytest.fixture
def many(recordings_of):
    """Three recordings of 400 spikes of channel 500 of 1000, in 4 ms."""
    flat = recordings_of([[(t, 0) for t, _ in MANY]] * 3)
    return replace(flat, n_channels=1000, channels=np.full(1200, 500, np.int32))


def applied(text, recordings, sensor=ROW, seed=0):
    return parse_augmentation(text).apply(recordings, sensor, np.random.default_rng(seed))


def test_noise_and_deletion_change_as_many_spikes_as_they_say(many):
    noisy = applied("noise:100Hz", many)
    thin = applied("delete:0.25", many)

    # a Poisson number of mean 3000, and a binomial one of mean 300: six standard deviations
    assert abs(noisy.times.size - 1200 - 3000) < 330
    assert abs(1200 - thin.times.size - 300) < 90


def test_a_time_scale_is_one_for_a_recording_and_another_for_the_next(many):
    times = applied("time-scale:0.5", many).times.reshape(3, 400)

    factors = times[:, -1] / many.times[399]
    assert len(set(factors)) == 3
    np.testing.assert_allclose(times, factors[:, None] * many.times[:400], atol=1)


def test_a_time_jitter_keeps_spikes_in_order_and_moves_them_by_its_width(recordings_of):
    late = recordings_of([[(5000, 1)] * 4000])

    jittered = applied("time-jitter:0.1ms", late)

    assert np.all(np.diff(jittered.times) >= 0)
    # the mean's and the spread's standard errors are 1.6 and 1.1 us
    assert abs(jittered.times.mean() - 5000) < 10
    assert abs(jittered.times.std() - 100) < 8


def test_a_spatial_jitter_moves_pixels_and_loses_what_leaves(many):
    middle = replace(many, channels=np.full(1200, (1 * 20 + 10) * 25 + 12, np.int32))
    corner = replace(many, channels=np.zeros(1200, np.int32))

    x, y, p = IMAGE.pixels(applied("spatial-jitter:1", middle, IMAGE).channels.astype(np.int64))

    assert set(p) == {1}
    assert abs(x.mean() - 12) < 0.2
    assert abs(y.mean() - 10) < 0.2
    assert abs(x.std() - np.sqrt(1 + 1 / 12)) < 0.15
    # a corner keeps those that moved to neither of two sides
    assert 0.3 < applied("spatial-jitter:1", corner, IMAGE).times.size / 1200 < 0.65


def test_a_shift_of_channels_is_one_for_a_recording(many):
    shifted = applied("channel-shift:30", many).channels.reshape(3, 400)

    assert np.all(shifted == shifted[:, :1])
    assert len(set(shifted[:, 0])) == 3
    assert np.all(np.abs(shifted - 500) <= 30)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("blur:3", "known, as examples: noise:1.2Hz"),
        ("noise:1.2", "write noise:1.2Hz"),
        ("noise:-1Hz", "expected 0 to 10000 Hz"),
        ("delete:1.5", "expected 0 to 1"),
        ("time-scale:nan", "not a plain number"),
        ("time-jitter:2", "has no unit"),
        ("channel-shift", "not a plain number"),
    ],
)
def test_what_is_no_augmentation_is_refused(text, message):
    with pytest.raises(ValidationError, match=message):
        parse_augmentation(text)


def test_places_are_moved_only_where_they_are_known(many):
    with pytest.raises(ValidationError, match="1000 channels of this data lie"):
        applied("spatial-jitter:1", many, None)
    with pytest.raises(ValidationError, match="images have --shift"):
        applied("channel-shift:3", many, IMAGE)
