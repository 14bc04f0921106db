"""Transforms in a data set's name: what tonic makes of events, and what becomes of the channels."""

from dataclasses import replace

import numpy as np
import pytest

from hetlava.datasets import defaults, load
from hetlava.datasets.cache import Cache
from hetlava.datasets.sensors import Sensor
from hetlava.datasets.transforms import parse_transform, transformed
from hetlava.errors import ValidationError

SENSOR = Sensor(2, 4, 5)


@pytest.fixture
def events(recordings_of, rng):
    """Three recordings on a sensor of 2 x 4 x 5, one of them empty."""
    trains = [[(int(t), 0) for t in np.sort(rng.integers(0, 9000, n))] for n in (60, 0, 40)]
    made = recordings_of(trains)
    return replace(made, n_channels=40, channels=rng.integers(0, 40, 100).astype(np.int32))


def after(events, *texts):
    return transformed(events, SENSOR, [parse_transform(t) for t in texts], "named")


def test_channels_are_pixels_and_back():
    every = np.arange(40)

    assert np.array_equal(SENSOR.channels(*SENSOR.pixels(every)), every)


def test_merged_polarities_are_the_same_pixels_of_one_kind(events):
    merged = after(events, "merge-polarities")

    assert merged.n_channels == 20
    assert merged.name == "named"
    assert np.array_equal(merged.channels, events.channels % 20)
    assert np.array_equal(merged.times, events.times)
    assert np.array_equal(merged.indptr, events.indptr)


@pytest.mark.parametrize("factor", [1, 2, 3, 5])
def test_downsampled_pixels_are_those_divided_by_the_factor(events, factor):
    small = after(events, f"downsample:{factor}")

    x, y, p = SENSOR.pixels(events.channels.astype(np.int64))
    there = Sensor(2, -(-4 // factor), -(-5 // factor))
    assert small.n_channels == there.n_channels
    assert np.array_equal(small.channels, there.channels(x // factor, y // factor, p))


def test_downsampling_by_49_keeps_the_49th_pixel_apart(recordings_of):
    row = replace(recordings_of([[(0, 0), (1, 1)]]), n_channels=98)
    row = replace(row, channels=np.array([48, 49], np.int32))

    small = transformed(row, Sensor(1, 1, 98), [parse_transform("downsample:49")], "row")

    assert small.channels.tolist() == [0, 1]


def test_denoising_drops_the_event_that_has_no_neighbour(recordings_of):
    pair = [(1000, 0), (1200, 1), (9000, 4)]

    clean = transformed(
        recordings_of([pair]), Sensor(1, 1, 5), [parse_transform("denoise:1ms")], "clean"
    )

    # the first of a pair has no neighbour yet either
    assert clean.times.tolist() == [1200]


def test_a_refractory_period_drops_what_follows_too_soon(recordings_of):
    # tonic drops what comes at the very start, time 0
    train = [(100, 1), (400, 1), (500, 2), (3000, 1)]

    kept = transformed(
        recordings_of([train]), Sensor(1, 1, 5), [parse_transform("refractory:1ms")], "kept"
    )

    assert kept.times.tolist() == [100, 500, 3000]


def test_transforms_follow_each_other_in_a_data_sets_name(tmp_path):
    pytest.importorskip("sklearn")
    name = "digits+downsample:2+refractory:2ms"

    small, plain = load(name, "test"), load("digits", "test")

    assert defaults(name).n_channels == small.n_channels == 16
    assert defaults(name).sensor == Sensor(1, 4, 4)
    assert small.name == name
    assert np.array_equal(small.labels, plain.labels)
    assert 0 < small.times.size < plain.times.size
    cache = Cache(tmp_path)
    assert load(name, "test", cache) == load(name, "test", cache) == small
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("digits+blur:2", "known, as examples: denoise:10ms"),
        ("digits+downsample:1.5", "a whole number"),
        ("digits+denoise:3", "has no unit"),
        ("digits+merge-polarities:2", "takes no number"),
    ],
)
def test_what_is_no_transform_of_the_data_is_refused(name, message):
    with pytest.raises(ValidationError, match=message):
        load(name, "train")


def test_transforms_ask_how_channels_lie(recordings_of):
    with pytest.raises(ValidationError, match="is not known"):
        transformed(recordings_of([[(1, 0)]]), None, [parse_transform("denoise:1ms")], "blind")
