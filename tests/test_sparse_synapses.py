from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetlava.errors import UnsupportedError, ValidationError
from hetlava.sparse_synapses import (
    QuantisedSparse,
    as_matrix,
    from_coordinates,
    from_matrix,
    from_scipy,
    part_of,
    where_smaller,
)
from hetlava.synapses import QuantisedProjection


def matrix(seed, **fields):
    rng = np.random.default_rng(seed)
    weights = rng.integers(-256, 256, rng.integers(1, 12, 2)) * (rng.random() < 0.9)
    weights[rng.random(weights.shape) < rng.random()] = 0
    return QuantisedProjection(source="a", target="b", weights=weights.astype(np.int16), **fields)


def coordinates(**changed):
    given_ = {"post": [2, 0, 1], "pre": [1, 1, 0], "weights": [8, -6, 5]} | changed
    return from_coordinates(source="a", target="b", shape=(3, 2), **given_)


@given(st.integers(0, 2**32 - 1))
def test_lists_answer_what_the_matrix_of_the_same_weights_answers(seed):
    dense, rng = matrix(seed, message_bits=3), np.random.default_rng(seed)
    lists = from_matrix(dense)
    assert as_matrix(lists) == dense and np.array_equal(lists.matrix(), dense.weights)
    assert lists.shape == dense.shape
    assert lists.fan_in == np.count_nonzero(dense.weights, axis=1).max()
    s = rng.integers(-9, 9, (4, dense.shape[1])).astype(np.int32)
    assert np.array_equal(lists.product(s), dense.product(s))
    assert np.array_equal(lists.fan_out(), dense.fan_out())
    assert all(map(np.array_equal, lists.rows(), dense.rows()))
    active = rng.random(dense.shape[1]) < 0.7
    assert all(map(np.array_equal, lists.signed_sums(active), dense.signed_sums(active)))
    rows, columns = (np.flatnonzero(rng.random(n) < 0.7) for n in dense.shape)
    if rows.size and columns.size:
        part = part_of(lists, rows, columns)
        assert np.array_equal(part.matrix(), dense.weights[np.ix_(rows, columns)])


@given(st.integers(0, 2**32 - 1))
def test_coordinates_may_come_in_any_order_and_zeros_are_no_synapses(seed):
    dense, rng = matrix(seed), np.random.default_rng(seed)
    post, pre = np.unravel_index(rng.permutation(dense.weights.size), dense.shape)
    lists = from_coordinates(
        source="a", target="b", shape=dense.shape, post=post, pre=pre,
        weights=dense.weights[post, pre],
    )  # fmt: skip
    assert np.array_equal(lists.matrix(), dense.weights)
    assert np.array_equal(lists.fan_out(), dense.fan_out())
    assert all(map(np.array_equal, lists.rows(), dense.rows()))


def test_blocks_of_synapses_add_up(monkeypatch):
    lists = from_matrix(matrix(3))
    active = np.ones(lists.shape[1], bool)
    whole = lists.signed_sums(active), lists.fan_in, lists.fan_out()
    monkeypatch.setattr("hetlava.listed.BLOCK", 5)
    monkeypatch.setattr("hetlava.connectivity.BLOCK", 5)
    for a, b in zip(lists.signed_sums(active), whole[0], strict=True):
        assert np.array_equal(a, b)
    assert lists.fan_in == whole[1] and np.array_equal(lists.fan_out(), whole[2])


def test_sparse_matrices_of_scipy_are_taken(rng):
    scipy_sparse = pytest.importorskip("scipy.sparse")
    weights = rng.integers(-9, 9, (7, 5)) * (rng.random((7, 5)) < 0.4)
    for kind in (scipy_sparse.csr_matrix, scipy_sparse.csc_array, scipy_sparse.coo_matrix):
        lists = from_scipy(kind(weights), source="a", target="b", weight_exp=1)
        assert np.array_equal(lists.matrix(), weights) and lists.weight_exp == 1
    twice = scipy_sparse.coo_matrix(([1, 2], ([0, 0], [1, 1])), (2, 2))
    with pytest.raises(ValidationError, match="join those of the same two neurons"):
        from_scipy(twice, source="a", target="b")


@pytest.mark.parametrize(("share", "kind"), [(0.1, QuantisedSparse), (0.9, QuantisedProjection)])
def test_a_matrix_becomes_lists_where_these_are_smaller(rng, share, kind):
    weights = 2 * (rng.random((100, 100)) < share)
    dense = QuantisedProjection(source="a", target="b", weights=weights.astype(np.int16))
    assert type(where_smaller(dense)) is kind
    assert where_smaller(from_matrix(dense)) == from_matrix(dense)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"post": [2, 2, 1]}, "post: 1 of 3 do not rise within their source; .*join"),
        ({"post": [3, 0, 1]}, r"post: 1 of 3 are outside \[0, 2\], first 3 at 0"),
        ({"pre": [1, -1, 0]}, r"pre: 1 of 3 are outside \[0, 1\], first -1 at 1"),
        ({"weights": [8, 256, 5]}, r"weights outside \[-256, 255\]"),
        ({"weights": [8, 40000, 5]}, "weights: 1 of 3 values do not fit int16"),
        ({"weights": [8.5, 4, 5]}, "weights: 1 of 3 values do not fit int16"),
        ({"weights": [8, 4]}, r"post \(3,\), pre \(3,\) and weights \(2,\) are no rows"),
    ],
)
def test_coordinates_that_cannot_be_are_refused(changed, message):
    with pytest.raises(ValidationError, match=f"projection a -> b: {message}"):
        coordinates(**changed)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"post": np.array([1, 2, 0], np.int32)}, "post: 1 of 3 do not rise within their source"),
        ({"post": np.array([1, 0, 3], np.int32)}, r"post: 1 of 3 are outside \[0, 2\]"),
        ({"post": np.array([1, 0, 2])}, "post of shape .* int64, expected one row of int32"),
        ({"post": np.zeros(2, np.int32)}, "3 weights, but 2 targets"),
        ({"indptr": np.array([0, 2, 1])}, "indptr must begin with 0, never fall, and end with"),
        ({"indptr": np.array([0, 1, 2])}, ".*end with the 3 synapses"),
        ({"indptr": np.array([0])}, "indptr must begin"),
        ({"weights": np.zeros((3, 1), np.int16)}, r"weights of shape \(3, 1\)"),
        ({"weights": np.zeros(3, np.int32)}, "weights of shape .* int32"),
        ({"n_post": 0}, "n_post 0 outside"),
        ({"delays": np.zeros(3, np.int16)}, r"delays of shape \(3,\) int16, expected \(2,\)"),
    ],
)
def test_lists_that_cannot_be_are_refused(changed, message):
    with pytest.raises(ValidationError, match=f"projection a -> b: {message}"):
        replace(coordinates(), **changed)


def test_lists_of_many_neurons_are_made_no_matrix():
    n = 1 << 20
    lists = from_coordinates(source="a", target="b", shape=(n, n), post=[0], pre=[0], weights=[2])
    with pytest.raises(UnsupportedError, match="too many for a matrix"):
        lists.matrix()


@given(st.integers(0, 2**32 - 1), st.sampled_from([QuantisedProjection, QuantisedSparse]))
def test_weights_are_the_same_however_they_are_stored(seed, kind):
    rng = np.random.default_rng(seed)
    dense = replace(matrix(seed), message_bits=2)
    even = replace(dense, weights=dense.weights // 2 * 2)
    whole = even if kind is QuantisedProjection else from_matrix(even)
    halves = replace(whole, weights=(whole.weights // 2).astype(np.int8), halved=True)
    assert halves == whole and hash(halves) == hash(whole)
    assert np.array_equal(halves.whole(), whole.weights) and halves.span() == whole.span()
    s = rng.integers(-9, 9, (2, dense.shape[1])).astype(np.int32)
    assert np.array_equal(halves.product(s), whole.product(s))
    assert np.array_equal(halves.matrix(), whole.matrix())
    assert all(map(np.array_equal, halves.rows(), whole.rows()))
    active = rng.random(dense.shape[1]) < 0.7
    assert all(map(np.array_equal, halves.signed_sums(active), whole.signed_sums(active)))
    if whole.weights.any():
        assert replace(halves, weights=halves.weights * np.int8(0)) != whole


def test_halves_beyond_the_range_of_weights_are_refused():
    with pytest.raises(ValidationError, match=r"weights outside \[-256, 255\]"):
        replace(matrix(1), weights=np.full((2, 2), 200, np.int16), halved=True)
