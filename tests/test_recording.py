"""Recordings of runs: their checks, and how classes are scored."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as stn

from hetlava.errors import ValidationError
from hetlava.events import from_dense
from hetlava.recording import Recording, score

SPIKES = from_dense(np.ones((5, 3, 2), bool))
TRACE = np.zeros((5, 3, 2), np.int32)


@pytest.fixture
def recording():
    return Recording(
        target="engine",
        provenance="simulated",
        names=("hidden", "out"),
        spikes=(from_dense(np.zeros((5, 3, 4), bool)), SPIKES),
        scores=np.array([[0.0, 2.0], [1.0, 1.0], [3.0, -1.0]]),
        seconds=0.1,
        synops=np.zeros(3, np.int64),
    )


def test_the_first_largest_score_is_the_prediction(recording):
    assert recording.predictions.tolist() == [1, 0, 0]
    assert recording.predictions.dtype == np.int64


def test_spikes_are_found_by_name(recording):
    assert recording.of("out") is SPIKES
    with pytest.raises(ValidationError, match="'in' is unknown; known: hidden, out"):
        recording.of("in")


WRONG = {
    "a_name_too_few": ({"names": ("out",)}, "as many names as spike trains"),
    "one_trace_of_two": ({"u": (TRACE,)}, "for every population or none"),
    "a_trace_of_another_size": ({"v": (TRACE, TRACE)}, r"v of hidden has shape .*\(5, 3, 4\)"),
    "scores_of_other_samples": ({"scores": np.zeros((2, 2))}, r"scores of shape \(2, 2\)"),
    "scores_without_classes": ({"scores": np.zeros(3)}, r"scores of shape \(3,\)"),
    "synops_of_other_samples": ({"synops": np.zeros(4, np.int64)}, r"synops of \(4,\)"),
    "synops_of_two_axes": ({"synops": np.zeros((3, 2), np.int64)}, r"synops of \(3, 2\)"),
    "an_unknown_provenance": ({"provenance": "guessed"}, "known: reference, simulated, emulated"),
    "spikes_of_other_steps": (
        {"spikes": (from_dense(np.zeros((6, 3, 4), bool)), SPIKES)},
        "out has 3 samples of 5 steps, expected 3 of 6",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_recording_is_checked(recording, case):
    change, reason = WRONG[case]
    with pytest.raises(ValidationError, match=reason):
        replace(recording, **change)


def test_a_recording_of_no_samples_is_one(recording):
    nothing = from_dense(np.zeros((5, 0, 2), bool))
    empty = replace(
        recording,
        names=("out",),
        spikes=(nothing,),
        scores=np.zeros((0, 2)),
        synops=np.zeros(0, np.int64),
    )
    assert empty.predictions.shape == (0,)


VOLTAGES = stn.arrays(
    st.sampled_from([np.int32, np.float64]),
    st.tuples(st.integers(1, 6), st.integers(0, 3), st.integers(1, 4)),
    elements=st.integers(-(1 << 23), 1 << 23),
)


@given(VOLTAGES)
def test_voltages_are_scored_by_their_name(v):
    nothing = from_dense(np.zeros(v.shape, bool))
    whole = v.astype(np.float64)  # exact: 24-bit words, and sums below 2**53
    assert np.array_equal(score("max-voltage", nothing, v), whole.max(axis=0))
    assert np.array_equal(score("last-voltage", nothing, v), whole[-1])
    assert np.array_equal(score("mean-voltage", nothing, v), whole.sum(axis=0) / len(v))


def test_a_mean_of_full_words_does_not_overflow():
    v = np.full((600, 1, 1), (1 << 23) - 1, np.int32)
    assert score("mean-voltage", SPIKES, v).item() == (1 << 23) - 1


def test_spikes_are_scored_by_their_number():
    assert score("spike-count", SPIKES, None).tolist() == [[5.0, 5.0]] * 3


def test_a_voltage_is_needed_to_score_by_it():
    with pytest.raises(ValidationError, match="'max-voltage' needs the voltage"):
        score("max-voltage", SPIKES, None)
