"""Recordings: their checks, the choice of some, and the steps that their events fall in."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetlava import datasets
from hetlava.datasets.recordings import BLOCK, Recordings, in_time_order
from hetlava.errors import ValidationError

N_CHANNELS = 5


def made(trains, labels=None):
    """Recordings of lists of (time [us], channel), each in the order of its times."""
    flat = [event for train in trains for event in sorted(train)]
    return Recordings(
        name="made",
        split="train",
        n_channels=N_CHANNELS,
        n_classes=3,
        duration=0.01,
        indptr=np.cumsum([0, *map(len, trains)], dtype=np.int64),
        times=np.array([t for t, _ in flat], np.int64),
        channels=np.array([c for _, c in flat], np.int32),
        labels=np.array(labels or [0] * len(trains), np.int64),
    )


EVENT = st.tuples(st.integers(0, 12_000), st.integers(0, N_CHANNELS - 1))
TRAINS = st.lists(st.lists(EVENT, max_size=30), max_size=6)
# of whole, broken and sub-microsecond steps
STEPS = st.sampled_from(["0.001", "0.0005", "0.003", "0.00033", "0.0007", "0.0000025", "0.01"])


@given(TRAINS, STEPS, st.integers(1, 30))
def test_an_event_falls_in_the_floor_of_its_time(trains, dt, n_steps):
    dense = made(trains).binned(float(dt), n_steps).to_dense()
    expected = np.zeros((n_steps, len(trains), N_CHANNELS), bool)
    for sample, train in enumerate(trains):
        for t, channel in train:
            step = Fraction(t, 10**6) // Fraction(dt)
            if step < n_steps:
                expected[step, sample, channel] = True
    assert np.array_equal(dense, expected)


def test_an_event_on_the_edge_of_a_step_belongs_to_the_later_one():
    # in floats 0.009 / 0.003 and 0.0021 / 0.0007 fall below 3
    for dt_us in (3000, 700, 1):
        events = made([[(3 * dt_us - 1, 0), (3 * dt_us, 1)]]).binned(dt_us * 1e-6, 5)
        assert np.argwhere(events.to_dense()[:, 0]).tolist() == [[2, 0], [3, 1]]


def test_several_events_in_a_step_count_once():
    assert made([[(0, 1), (1, 1), (999, 1), (1000, 1)]]).binned(1e-3, 9).n_events == 2


def test_more_recordings_than_a_block_keep_their_order():
    many = made([[(1000 * step, 0) for step in range(k % 7)] for k in range(BLOCK + 9)])
    counts = many.binned(1e-3, 7).counts()[:, 0]
    assert np.array_equal(counts, np.arange(BLOCK + 9) % 7)


@given(TRAINS.filter(bool), st.data())
def test_taking_and_binning_commute(trains, data):
    which = data.draw(st.lists(st.integers(0, len(trains) - 1), max_size=8))
    recordings = made(trains)
    assert recordings.take(which).binned(1e-3, 12) == recordings.binned(1e-3, 12).take(which)


@given(TRAINS)
def test_taking_all_changes_nothing(trains):
    assert made(trains).take(np.arange(len(trains))) == made(trains)


def test_labels_go_with_their_recordings():
    taken = made([[(1, 0)], [(2, 1)], [(3, 2)]], labels=[0, 1, 2]).take([2, 0, 2])
    assert taken.labels.tolist() == [2, 0, 2] and taken.times.tolist() == [3, 1, 3]


@pytest.mark.parametrize("which", [[3], [-1], [0.0], [True, False, True], [[0]]])
def test_what_is_no_index_is_refused(which):
    with pytest.raises(ValidationError, match="made: indices"):
        made([[], [], []]).take(which)


@pytest.mark.parametrize("dt", [0.0, -1e-3, float("nan"), float("inf"), 2.0])
def test_an_impossible_step_is_refused(dt):
    with pytest.raises(ValidationError, match="dt is"):
        made([[(0, 0)]]).binned(dt, 5)


def test_no_steps_are_refused():
    with pytest.raises(ValidationError, match="n_steps is 0"):
        made([[(0, 0)]]).binned(1e-3, 0)


WRONG = {
    "times_of_another_dtype": ({"times": np.array([0.0, 1.0])}, "times of shape"),
    "fewer_channels": ({"channels": np.array([1], np.int32)}, "channels of shape"),
    "a_channel_too_many": ({"channels": np.array([0, 5], np.int32)}, r"0 .. 5 outside \[0, 4\]"),
    "a_label_too_many": ({"labels": np.array([3])}, r"labels 3 .. 3 outside \[0, 2\]"),
    "bounds_that_fall": ({"indptr": np.array([2, 0])}, "indptr"),
    "bounds_that_miss_events": ({"indptr": np.array([0, 1])}, "indptr"),
    "times_that_decrease": ({"times": np.array([5, 4])}, "decrease"),
    "a_negative_time": ({"times": np.array([-1, 4])}, "negative"),
    "no_duration": ({"duration": 0.0}, "duration 0.0 s"),
}


@pytest.mark.parametrize("case", WRONG)
def test_recordings_are_checked(case):
    change, reason = WRONG[case]
    with pytest.raises(ValidationError, match=reason):
        replace(made([[(3, 1), (4, 2)]]), **change)


def test_a_time_may_fall_from_one_recording_to_the_next():
    assert made([[(9, 0)], [], [(1, 0)]]).times.tolist() == [9, 1]


def test_recordings_cannot_be_written():
    with pytest.raises(ValueError, match="read-only"):
        made([[(3, 1)]]).times[0] = 4


def test_an_unknown_data_set_lists_the_known():
    for ask in (lambda: datasets.load("mnist3", "train"), lambda: datasets.defaults("mnist3")):
        with pytest.raises(ValidationError, match="'mnist3' is unknown; known: digits, nmnist"):
            ask()


@pytest.mark.parametrize("name", datasets.DATASETS)
def test_an_unknown_split_lists_the_known(name):
    known = ", ".join(datasets.defaults(name).splits)
    with pytest.raises(ValidationError, match=f"'validation' is unknown; known: {known}$"):
        datasets.load(name, "validation")


@pytest.mark.parametrize("name", datasets.DATASETS)
def test_every_data_set_has_possible_defaults(name):
    default = datasets.defaults(name)
    assert 1e-4 <= default.dt <= 0.1 and 10 <= default.n_steps <= 1000
    assert default.n_channels > 1 and default.n_classes > 1 and default.splits


@given(TRAINS, st.randoms(use_true_random=False))
def test_time_order_keeps_events_and_the_order_of_equal_times(trains, random):
    shuffled = [random.sample(train, len(train)) for train in trains]
    flat = [event for train in shuffled for event in train]
    indptr = np.cumsum([0, *map(len, trains)], dtype=np.int64)
    times, channels = np.array([*zip(*flat, strict=True)] or [[], []], np.int64)
    given_times = times.copy()
    ordered, channels = in_time_order(indptr, times, channels.astype(np.int32))
    expected = [event for train in shuffled for event in sorted(train, key=lambda e: e[0])]
    assert list(zip(ordered.tolist(), channels.tolist(), strict=True)) == expected
    assert np.array_equal(times, given_times)


def test_time_order_is_kept_among_very_many_equal_times(rng):
    # short rows are sorted stably by any method
    times, channels = rng.integers(0, 4, 5000), np.arange(5000, dtype=np.int32)
    ordered, channels = in_time_order(np.array([0, 5000]), times, channels)
    assert np.all(np.diff(ordered * 5000 + channels) > 0)
