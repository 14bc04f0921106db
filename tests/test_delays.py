"""Delays of single synapses: what records take, and the parts that simulators run."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetlava.convolution import QuantisedConvolution
from hetlava.delays import by_delay
from hetlava.errors import ValidationError
from hetlava.sparse_synapses import as_matrix, from_coordinates, from_matrix, where_smaller
from hetlava.synapses import QuantisedProjection

LATE = [[0, 3, 1], [3, 3, 62]]


def projection(late=None, weights=((2, 4, 0), (6, -8, 10)), **fields):
    return QuantisedProjection(
        source="input",
        target="a",
        weights=np.array(weights, np.int16),
        synaptic_delays=None if late is None else np.array(late, np.int8),
        **fields,
    )


def random(seed, *, shape=(5, 7), longest=62):
    rng = np.random.default_rng(seed)
    weights = 2 * rng.integers(-128, 128, shape) * (rng.random(shape) < rng.random())
    late = rng.integers(0, longest, shape, endpoint=True)
    return projection(late, weights, weight_exp=int(rng.integers(-3, 4)))


def test_no_delay_at_all_is_none():
    assert projection(np.zeros((2, 3))) == projection()


def test_delays_that_all_synapses_of_a_source_share_are_the_sources():
    of_sources = projection(delays=np.array([0, 3, 5], np.int16))
    assert projection([[0, 3, 5], [0, 3, 5]]) == of_sources
    kernel = QuantisedConvolution(
        source="input",
        target="a",
        weights=np.ones((1, 1, 2, 2), np.int16),
        input_shape=(1, 2, 2),
        synaptic_delays=np.full((1, 1, 2, 2), 4, np.int8),
    )
    assert kernel.synaptic_delays is None and kernel.delays.tolist() == [4] * 4


def test_lists_know_what_all_synapses_of_a_source_share():
    lists = from_coordinates(
        source="input",
        target="a",
        shape=(2, 3),
        post=[1, 0, 1],
        pre=[2, 0, 0],
        weights=[2, 4, 6],
        delays=[5, 1, 1],
    )
    assert lists.synaptic_delays is None and lists.delays.tolist() == [1, 0, 5]


def test_delays_that_a_negative_exponent_rounds_apart_stay_the_synapses():
    late = [[0, 3, 5], [0, 3, 5]]
    assert projection(late, weight_exp=-1).synaptic_delays.tolist() == late
    # one delay of all is one sum either way
    assert projection(np.full((2, 3), 7), weight_exp=-1).delays.tolist() == [7, 7, 7]


@pytest.mark.parametrize(
    ("late", "says"),
    [
        (np.zeros((3, 2), np.int8), r"shape \(3, 2\) int8, expected \(2, 3\) int8, one per weight"),
        (np.zeros(3, np.int8), r"shape \(3,\) int8, expected \(2, 3\)"),
        (np.zeros((2, 3), np.int16), r"\(2, 3\) int16, expected \(2, 3\) int8"),
        (np.full((2, 3), 63, np.int8), r"6 of 6 are outside \[0, 62\], first 63 at 0"),
        (np.full((2, 3), -1, np.int8), r"6 of 6 are outside \[0, 62\]"),
    ],
)
def test_impossible_delays_are_refused(late, says):
    with pytest.raises(ValidationError, match=f"input -> a: synaptic_delays.*{says}"):
        replace(projection(), synaptic_delays=late)


def test_delays_of_sources_and_of_synapses_are_refused_together():
    with pytest.raises(ValidationError, match="both of sources and of synapses; add them up"):
        projection(LATE, delays=np.array([0, 1, 2], np.int16))


def test_lists_take_one_delay_of_each_synapse():
    with pytest.raises(ValidationError, match=r"delays \(1,\), expected one of each synapse"):
        from_coordinates(
            source="input", target="a", shape=(2, 2), post=[0, 1], pre=[0, 1], weights=[2, 4],
            delays=[1],
        )  # fmt: skip


def test_the_longest_delay_is_known_wherever_it_is_said():
    assert projection().longest_delay == 0 and projection().all_delays is None
    assert projection(LATE).longest_delay == 62
    assert projection(delays=np.array([0, 9, 2], np.int16)).longest_delay == 9


def test_what_delays_nothing_is_not_taken_apart():
    for q in (projection(), projection(delays=np.array([0, 9, 2], np.int16))):
        assert by_delay(q) == (q,)
    silent = projection(LATE, np.zeros((2, 3)))
    assert by_delay(silent) == (projection(None, np.zeros((2, 3))),)


@given(seed=st.integers(0, 2**32 - 1), lists=st.booleans(), listed=st.booleans())
def test_parts_hold_every_synapse_once_with_its_delay(seed, lists, listed):
    q = random(seed)
    parts = by_delay(from_matrix(q) if listed else q, lists=lists)
    assert q.synaptic_delays is not None or len(parts) == 1
    found = np.zeros(q.shape, int)
    late = np.full(q.shape, -1)
    for part in parts:
        assert part.synaptic_delays is None
        here = part.matrix() != 0
        assert not (here & (late >= 0)).any()
        late[here] = _late_of(part)[here]
        if len(parts) > 1:
            assert part.delays is None or np.ptp(part.delays) == 0
        found += part.matrix()
    assert np.array_equal(found, q.weights)
    assert np.array_equal(late[q.weights != 0], _late_of(q)[q.weights != 0])
    steps = [part.longest_delay for part in parts]
    assert steps == sorted(set(steps))


def _late_of(q):
    if q.synaptic_delays is not None:
        return q.synaptic_delays
    return np.broadcast_to(0 if q.delays is None else q.delays, q.shape)


@given(seed=st.integers(0, 2**32 - 1))
def test_lists_and_matrices_are_the_same_synapses(seed):
    q = random(seed)
    lists = from_matrix(q)
    back = as_matrix(lists)
    assert np.array_equal(back.weights, q.weights)
    there = q.weights != 0
    assert np.array_equal(_late_of(back)[there], _late_of(q)[there])
    assert from_matrix(back) == lists


def test_parts_of_few_synapses_are_lists():
    rng = np.random.default_rng(0)
    late = np.where(rng.random((50, 40)) < 0.2, rng.integers(1, 60, (50, 40)), 0)
    parts = by_delay(projection(late, 2 * rng.integers(1, 100, (50, 40))))
    assert type(parts[0]) is QuantisedProjection
    assert all(type(part) is not QuantisedProjection for part in parts[1:])
    thin = projection(late, 2 * rng.integers(1, 100, (50, 40)) * (rng.random((50, 40)) < 0.05))
    assert where_smaller(thin).synaptic_delays.size == np.count_nonzero(thin.weights)
