"""What a split holds, in numbers."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetlava.datasets.statistics import Spread, summarise

TRAINS = st.lists(
    st.lists(st.tuples(st.integers(0, 30_000), st.integers(0, 4)), max_size=30), max_size=6
)


def test_classes_channels_and_spikes_are_counted(recordings_of):
    trains = [[(100, 0), (4000, 2)], [], [(9000, 2)] * 5]
    found = summarise(recordings_of(trains, labels=[2, 0, 2]))
    assert found.classes.tolist() == [1, 0, 2]
    assert (found.n_channels, found.active_channels) == (5, 2)
    assert found.spikes == Spread(0, 2, 5)
    # a recording without spikes has no last one
    assert found.last == pytest.approx((0.004, 0.0065, 0.009))


def test_the_profile_is_in_spikes_of_a_recording_per_millisecond(recordings_of):
    trains = [[(0, 0), (999, 1), (1000, 1)], [(9999, 0), (10_000, 0), (25_000, 3)]]
    found = summarise(recordings_of(trains))
    assert found.bin_ms == 1 and found.profile.tolist() == [1, 0.5] + [0] * 7 + [0.5]
    assert found.later == 1


@given(TRAINS, st.floats(1e-4, 3))
def test_every_spike_is_in_the_profile(recordings_of, trains, duration):
    recordings = replace(recordings_of(trains), duration=duration)
    found = summarise(recordings)
    total = (found.profile.sum() * found.bin_ms + found.later) * recordings.n
    # sums of up to 20 quotients
    assert total == pytest.approx(recordings.times.size, rel=1e-12)
    assert 1 <= found.profile.size <= 20
    assert found.profile.size * found.bin_ms * 1e-3 >= duration - 0.5e-3


def test_an_empty_split_has_statistics(recordings_of):
    found = summarise(recordings_of([]))
    assert found.classes.tolist() == [0, 0, 0] and found.spikes == found.last == Spread(0, 0, 0)
    assert np.all(found.profile == 0)
