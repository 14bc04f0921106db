"""Spikes in continuous time and their bins."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetlava.errors import ValidationError
from hetlava.events import from_dense
from hetlava.sim.spike_times import SpikeTimes, in_order, side_by_side, times_of


@given(st.integers(0, 2**32 - 1), st.sampled_from([1e-3, 5e-3, 1 / 3, 7e-4]))
def test_bins_and_times_are_each_others_inverse(seed, dt):
    rng = np.random.default_rng(seed)
    events = from_dense(rng.random((int(rng.integers(1, 300)), 3, 4)) < 0.2)
    assert times_of(events, dt).binned(dt, events.n_steps) == events


def test_a_spike_falls_in_the_step_that_ends_at_or_after_it():
    spikes = in_order(
        np.zeros(5, np.int64), np.array([0.0, 0.5, 1.0, 1.1, 3.2]), np.zeros(5, np.int32), 1, 1
    )
    assert spikes.binned(1.0, 3).to_dense()[:, 0, 0].tolist() == [True, True, False]
    assert spikes.counts().tolist() == [[5]]


def test_groups_side_by_side_keep_their_neurons(rng):
    events = [from_dense(rng.random((9, 4, n)) < 0.3) for n in (3, 5)]
    joined = side_by_side([times_of(e, 1.0) for e in events]).binned(1.0, 9).to_dense()
    assert np.array_equal(joined, np.concatenate([e.to_dense() for e in events], axis=2))


@pytest.mark.parametrize(
    ("indptr", "time", "neuron", "message"),
    [
        ([0, 2], [2.0, 1.0], [0, 0], "decrease"),
        ([0, 2], [0.0, np.nan], [0, 0], "not finite"),
        ([0, 2], [-1.0, 1.0], [0, 0], "negative"),
        ([0, 1], [0.0, 1.0], [0, 0], "count"),
        ([0, 2], [0.0, 1.0], [0, 7], "outside"),
    ],
)
def test_impossible_spikes_are_refused(indptr, time, neuron, message):
    with pytest.raises(ValidationError, match=message):
        SpikeTimes(
            n_neurons=2,
            indptr=np.array(indptr, np.int64),
            time=np.array(time),
            neuron=np.array(neuron, np.int32),
        )
