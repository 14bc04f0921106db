"""Comparing recordings: intervals, agreement, the first difference."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from hetlava.errors import ValidationError
from hetlava.events import Events, from_dense
from hetlava.parity import Difference, compare, paired_drop, wilson
from hetlava.recording import Recording


def record(*layers: np.ndarray, scores: np.ndarray) -> Recording:
    spikes: tuple[Events, ...] = tuple(from_dense(layer) for layer in layers)
    return Recording(
        target="engine",
        provenance="simulated",
        names=tuple(f"l{i}" for i in range(len(layers))),
        spikes=spikes,
        scores=scores,
        seconds=0.0,
        synops=np.zeros(len(scores), np.int64),
    )


@pytest.fixture
def layers(rng):
    return [rng.random((6, 4, 5)) < 0.3, rng.random((6, 4, 3)) < 0.3]


@given(n=st.integers(1, 500), data=st.data())
def test_wilson_equals_scipy(n, data):
    k = data.draw(st.integers(0, n))
    ours = wilson(k, n)
    theirs = binomtest(k, n).proportion_ci(0.95, method="wilson")
    # both are closed forms in double precision; Z95 is given with 7 digits
    assert ours.low == pytest.approx(100 * theirs.low, abs=1e-4)
    assert ours.high == pytest.approx(100 * theirs.high, abs=1e-4)


@given(st.integers(1, 10_000))
def test_the_interval_of_none_and_of_all_ends_there(n):
    assert wilson(0, n)[:2] == (0.0, 0.0) and wilson(0, n).high > 0
    assert wilson(n, n).high == wilson(n, n).value == 100.0


def test_the_drop_counts_lost_and_won_samples():
    before, after = np.array([1, 1, 1, 0], bool), np.array([1, 0, 0, 1], bool)
    assert paired_drop(before, after).value == 25.0


def test_equal_recordings_are_identical(layers):
    a = record(*layers, scores=np.eye(4))
    parity = compare(a, a, np.arange(4))
    assert parity.identical and parity.drop.value == 0
    assert [layer.agreement for layer in parity.layers] == [1.0, 1.0]


def test_the_first_difference_is_the_earliest_step_of_any_layer(layers):
    changed = [layer.copy() for layer in layers]
    changed[0][4, 1, 2] ^= True
    changed[1][2, 3, 0] ^= True
    parity = compare(
        record(*layers, scores=np.eye(4)), record(*changed, scores=np.eye(4)), np.arange(4)
    )
    assert parity.first_difference == Difference(layer="l1", sample=3, step=2, neuron=0)
    assert [layer.differing for layer in parity.layers] == [1, 1]


def test_agreement_is_the_share_of_common_spikes():
    a, b = np.zeros((3, 1, 2), bool), np.zeros((3, 1, 2), bool)
    a[0, 0, 0] = a[1, 0, 0] = b[1, 0, 0] = b[2, 0, 1] = True
    scores = np.ones((1, 2))
    parity = compare(record(a, scores=scores), record(b, scores=scores), np.zeros(1, np.int64))
    assert parity.layers[0].agreement == pytest.approx(1 / 3)
    assert parity.layers[0].differing == 2


def test_labels_of_another_length_are_refused(layers):
    a = record(*layers, scores=np.eye(4))
    with pytest.raises(ValidationError, match="4 samples, 3 labels"):
        compare(a, a, np.arange(3))


def test_a_graded_spike_of_another_size_is_a_difference():
    a = np.zeros((5, 2, 3), np.int32)
    a[1, 0, 2], a[3, 1, 0] = 7, -2
    b = a.copy()
    b[3, 1, 0], b[4, 0, 0] = 2, 1
    parity = compare(record(a, scores=np.eye(2)), record(b, scores=np.eye(2)), np.arange(2))
    (layer,) = parity.layers
    assert (layer.reference_spikes, layer.spikes, layer.differing) == (2, 3, 2)
    assert layer.agreement == pytest.approx(1 / 3)
    assert parity.first_difference == Difference(layer="l0", sample=1, step=3, neuron=0)
    same = compare(record(a, scores=np.eye(2)), record(a, scores=np.eye(2)), np.arange(2))
    assert same.identical


def test_a_spike_of_size_one_is_a_spike():
    a = np.zeros((5, 2, 3), np.int32)
    a[1, 0, 2], a[3, 1, 0] = 1, 5
    b = a == 1
    parity = compare(record(a, scores=np.eye(2)), record(b, scores=np.eye(2)), np.arange(2))
    assert parity.layers[0].differing == 1
