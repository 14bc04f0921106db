import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetlava.errors import ValidationError
from hetlava.synapses import QuantisedProjection


def projection(weights, **fields):
    return QuantisedProjection(
        source="a", target="b", weights=np.asarray(weights, np.int16), **fields
    )


@given(st.integers(0, 2**32 - 1))
def test_sums_are_split_by_sign_in_blocks_and_without_silent_sources(seed):
    rng = np.random.default_rng(seed)
    weights = rng.integers(-256, 256, rng.integers(1, 9, 2)).astype(np.int16)
    active = rng.random(weights.shape[1]) < 0.7
    low, high = projection(weights).signed_sums(active)
    heard = np.where(active, weights, 0).astype(int)
    assert np.array_equal(low, np.where(heard < 0, heard, 0).sum(axis=1))
    assert np.array_equal(high, np.where(heard > 0, heard, 0).sum(axis=1))


def test_sums_of_many_rows_are_taken_block_by_block(monkeypatch, rng):
    q = projection(rng.integers(-256, 256, (50, 7)))
    whole = q.signed_sums(np.ones(7, bool))
    monkeypatch.setattr("hetlava.synapses.BLOCK", 30)
    assert np.array_equal(whole, q.signed_sums(np.ones(7, bool)))


def test_rows_list_the_non_zero_weights_by_source(rng):
    weights = rng.integers(-2, 3, (6, 9))
    rows = projection(weights).rows()
    rebuilt = np.zeros((9, 6), int)
    rebuilt[np.repeat(np.arange(9), np.diff(rows.indptr)), rows.post] = rows.weight
    assert np.array_equal(rebuilt.T, weights) and np.all(rows.weight)


def test_delays_of_nothing_are_no_delays():
    q = projection([[1, 2]], delays=np.zeros(2, np.int16))
    assert q.delays is None and q == projection([[1, 2]])
    assert q != projection([[1, 2]], delays=np.array([0, 1], np.int16))


@pytest.mark.parametrize(
    ("delays", "message"),
    [
        (np.zeros(3, np.int16), r"delays of shape \(3,\) int16, expected \(2,\)"),
        (np.zeros(2, np.int64), "delays of shape .* int64"),
        (np.array([0, 63], np.int16), r"delays: 1 of 2 are outside \[0, 62\], first 63 at 1"),
        (np.array([-1, 0], np.int16), r"delays: 1 of 2 are outside \[0, 62\], first -1 at 0"),
    ],
)
def test_delays_are_one_per_source_and_fit_the_chip(delays, message):
    with pytest.raises(ValidationError, match=f"projection a -> b: {message}"):
        projection([[1, 2]], delays=delays)
