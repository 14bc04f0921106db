"""Events: equal to dense spikes in everything they can do."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as stn

from hetlava.errors import ValidationError
from hetlava.events import Events, concatenate, from_coordinates, from_dense

SHAPES = st.tuples(st.integers(1, 6), st.integers(0, 4), st.integers(1, 7))
DENSE = SHAPES.flatmap(lambda shape: stn.arrays(bool, shape))


@given(DENSE)
def test_events_give_back_the_dense_spikes(dense):
    events = from_dense(dense)
    assert np.array_equal(events.to_dense(), dense) and events.to_dense().dtype == bool
    assert events.n_events == dense.sum()
    assert from_dense(events.to_dense()) == events


@given(DENSE)
def test_counts_are_the_sum_over_the_steps(dense):
    counts = from_dense(dense).counts()
    assert np.array_equal(counts, dense.sum(axis=0)) and counts.dtype == np.int64


@given(DENSE, st.integers(-6, 6), st.integers(-6, 6))
def test_samples_are_sliced_as_lists_are(dense, start, stop):
    assert np.array_equal(from_dense(dense).samples(start, stop).to_dense(), dense[:, start:stop])


@given(DENSE.filter(lambda d: d.shape[1]), st.data())
def test_samples_are_taken_in_any_order(dense, data):
    which = data.draw(st.lists(st.integers(0, dense.shape[1] - 1), max_size=6))
    taken = from_dense(dense).take(np.array(which, np.int64))
    assert np.array_equal(taken.to_dense(), dense[:, which])


@pytest.mark.parametrize("which", [[2], [-1], [0.0], [True, False]])
def test_what_is_no_sample_is_refused(which):
    with pytest.raises(ValidationError, match="events: "):
        from_dense(np.ones((3, 2, 4))).take(which)


@given(DENSE, st.integers(0, 4))
def test_parts_join_to_the_whole(dense, cut):
    events = from_dense(dense)
    parts = [events.samples(0, cut), events.samples(cut, events.n_samples)]
    assert concatenate(parts) == events


def test_parts_of_different_shape_are_refused():
    for parts in ([], [from_dense(np.ones((3, 2, 4))), from_dense(np.ones((3, 2, 5)))]):
        with pytest.raises(ValidationError, match="nothing to join, or parts"):
            concatenate(parts)


@given(DENSE, st.randoms(use_true_random=False), st.integers(1, 3))
def test_coordinates_may_be_doubled_and_in_any_order(dense, random, times):
    coordinates = [tuple(c) for c in np.argwhere(dense)] * times
    random.shuffle(coordinates)
    step, sample, neuron = np.array(coordinates, np.int64).reshape(-1, 3).T
    n_steps, n_samples, n_neurons = dense.shape
    sizes = {"n_samples": n_samples, "n_steps": n_steps, "n_neurons": n_neurons}
    assert from_coordinates(sample, step, neuron, **sizes) == from_dense(dense)


@pytest.mark.parametrize("axis", ["sample", "step", "neuron"])
@pytest.mark.parametrize("value", [-1, 2])
def test_a_coordinate_outside_is_named(axis, value):
    where = {name: np.zeros(1, np.int64) for name in ("sample", "step", "neuron")}
    where[axis] = np.array([value])
    with pytest.raises(ValidationError, match=rf"{axis} {value} .. {value} outside \[0, 1\]"):
        from_coordinates(**where, n_samples=2, n_steps=2, n_neurons=2)


def test_dense_spikes_have_three_axes():
    with pytest.raises(ValidationError, match=r"shape \(3, 2\), expected \(n_steps, n_samples"):
        from_dense(np.ones((3, 2)))


WRONG = {
    "a_bound_too_few": ({"indptr": np.array([0, 2])}, "indptr of shape"),
    "bounds_in_int32": ({"indptr": np.array([0, 2, 3], np.int32)}, "int32"),
    "a_late_start": ({"indptr": np.array([1, 2, 3])}, "in order"),
    "bounds_that_fall": ({"indptr": np.array([0, 4, 3])}, "in order"),
    "bounds_past_the_end": ({"indptr": np.array([0, 2, 4])}, "in order"),
    "neurons_in_int64": ({"index": np.array([0, 2, 1])}, "int64"),
    "a_negative_neuron": ({"index": np.array([-1, 2, 1], np.int32)}, "-1 .. 2"),
    "a_neuron_too_many": ({"index": np.array([0, 3, 1], np.int32)}, r"outside \[0, 2\]"),
    "a_doubled_neuron": ({"index": np.array([1, 1, 1], np.int32)}, "ascending"),
    "falling_neurons": ({"index": np.array([2, 0, 1], np.int32)}, "ascending"),
    "no_steps": ({"n_steps": 0}, "0 steps"),
    "sizes_below_zero": ({"n_steps": -2, "n_samples": -1}, "-1 samples"),
    "no_neurons": ({"n_neurons": 0}, "0 neurons"),
}


@pytest.mark.parametrize("case", WRONG)
def test_events_are_checked(case):
    good = Events(
        n_samples=1,
        n_steps=2,
        n_neurons=3,
        indptr=np.array([0, 2, 3]),
        index=np.array([0, 2, 1], np.int32),
    )
    change, reason = WRONG[case]
    with pytest.raises(ValidationError, match=reason):
        replace(good, **change)


def test_graded_spikes_keep_their_sizes(rng: np.random.Generator) -> None:
    dense = rng.integers(-2, 3, (4, 3, 5)).astype(np.int32)
    events = from_dense(dense)
    assert np.array_equal(events.to_dense(), dense)
    assert events.to_dense().dtype == np.int32
    assert np.array_equal(events.sums(), dense.sum(axis=0))
    assert np.array_equal(events.counts(), np.count_nonzero(dense, axis=0))
    assert concatenate([events.samples(0, 1), events.samples(1, 3)]) == events
    assert np.array_equal(events.take([2, 0]).to_dense(), dense[:, [2, 0]])


def test_spikes_of_one_are_binary() -> None:
    ones = np.ones((2, 1, 3), np.int32)
    assert from_dense(ones) == from_dense(ones.astype(bool))
    assert from_dense(ones).values is None


def test_a_message_that_is_no_integer_is_refused() -> None:
    with pytest.raises(ValidationError, match="do not fit int32"):
        from_dense(np.full((1, 1, 1), 0.5))


def test_values_fit_their_events() -> None:
    events = from_dense(np.eye(3, dtype=bool)[:, None, :])
    with pytest.raises(ValidationError, match="values of shape"):
        replace(events, values=np.ones(2, np.int32))
    with pytest.raises(ValidationError, match="a value of 0 is no event"):
        replace(events, values=np.zeros(3, np.int32))


@pytest.mark.parametrize(
    "sizes", [(-1, 2, 3), (1, 0, 3), (1, 2, np.nan), (1, 2.0, 3), ("1", 2, 3), (1, 2, 1 << 31)]
)
def test_sizes_that_are_no_numbers_of_things_are_refused(sizes):
    names = ("n_samples", "n_steps", "n_neurons")
    none = np.zeros(0, np.int64)
    with pytest.raises(ValidationError, match="expected whole numbers"):
        from_coordinates(none, none, none, **dict(zip(names, sizes, strict=True)))


@pytest.mark.parametrize("name", ["indptr", "index", "values"])
def test_lists_in_place_of_arrays_are_refused(name):
    events = from_dense(np.full((2, 1, 3), 7))
    with pytest.raises(ValidationError, match=f"{name} is no numpy array"):
        replace(events, **{name: getattr(events, name).tolist()})
    with pytest.raises(ValidationError, match="expected a numpy array"):
        from_dense([[[1]]])


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (np.array([0.0, np.nan]), "step is no array of integers"),
        (np.array([0.5, 1.0]), "step is no array of integers"),
        (np.array([-1, 0]), "step -1 .. 0 outside"),
        (np.array([0, 2]), "step 0 .. 2 outside"),
        (np.array([0]), "expected as many of each"),
        (np.array([[0, 1]]), "expected as many of each"),
    ],
)
def test_times_that_cannot_be_are_refused(step, said):
    one = np.array([0, 0])
    with pytest.raises(ValidationError, match=said):
        from_coordinates(one, step, one, n_samples=1, n_steps=2, n_neurons=3)


def test_more_places_than_64_bits_count_are_refused():
    none, most = np.zeros(0, np.int64), (1 << 31) - 1
    with pytest.raises(ValidationError, match="than 64 bits count"):
        from_coordinates(none, none, none, n_samples=4, n_steps=most, n_neurons=most)
