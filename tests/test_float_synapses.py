"""Synapses in volts: kernels against PyTorch, and every kind against its own matrix."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetlava.errors import UnsupportedError, ValidationError
from hetlava.float_synapses import Convolution, FloatSynapses, Projection, Sparse
from hetlava.synapse_forms import as_matrix, of_registers, sparse, sum_pool

SEEDS = st.integers(0, 2**32 - 1)
SUM_ERROR = 1e-12  # of sums of some hundred terms around 1, added up in another order


def kernel(**fields) -> Convolution:
    usual = {"weights": np.ones((2, 1, 3, 3)), "input_shape": (1, 4, 5)}
    return Convolution(source="a", target="b", **(usual | fields))


def drawn_kernel(rng, random_convolution) -> Convolution:
    q = random_convolution(rng)
    made = of_registers(q, rng.normal(size=q.weights.shape) * (rng.random(q.weights.shape) < 0.8))
    assert isinstance(made, Convolution) and made.input_shape == q.input_shape
    return made


def drawn_list(rng) -> Sparse:
    n_post, n_pre = rng.integers(1, 9, 2)
    there = rng.random((n_post, n_pre)) < 0.5
    post, pre = np.nonzero(there)
    mixed = rng.permutation(post.size)
    weights = rng.normal(size=post.size) * (rng.random(post.size) < 0.8)
    return sparse(
        source="a",
        target="b",
        shape=(int(n_post), int(n_pre)),
        post=post[mixed],
        pre=pre[mixed],
        weights=weights,
    )


@given(SEEDS)
def test_kernels_give_what_pytorch_convolves(random_convolution, seed):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(seed)
    q = drawn_kernel(rng, random_convolution)
    s = rng.normal(size=(3, q.shape[1]))
    (top, bottom), (left, right) = q.padding
    images = torch.tensor(s).reshape(-1, *q.input_shape)
    expected = torch.nn.functional.conv2d(
        torch.nn.functional.pad(images, (left, right, top, bottom)),
        torch.tensor(q.weights),
        stride=q.stride,
        dilation=q.dilation,
        groups=q.groups,
    )
    assert tuple(expected.shape[1:]) == q.output_shape
    assert np.allclose(q.product(s), expected.reshape(3, -1).numpy(), rtol=0, atol=SUM_ERROR)


@given(SEEDS, st.booleans())
def test_every_kind_gives_what_its_matrix_gives(random_convolution, seed, listed):
    rng = np.random.default_rng(seed)
    q = drawn_list(rng) if listed else drawn_kernel(rng, random_convolution)
    matrix = as_matrix(q)
    assert type(matrix) is Projection and matrix.shape == q.shape
    for s in (rng.normal(size=(3, q.shape[1])), rng.random((3, q.shape[1])) < 0.4):
        assert np.allclose(q.product(s), matrix.product(s), rtol=0, atol=SUM_ERROR)
    assert np.array_equal(q.fan_out(), matrix.fan_out())
    assert np.count_nonzero(matrix.weights, axis=1).max() <= q.fan_in
    rows, expected = q.rows(), matrix.rows()
    assert np.array_equal(rows.indptr, expected.indptr)
    assert np.array_equal(np.sort(rows.weight), np.sort(expected.weight))


@given(SEEDS, st.booleans())
def test_weights_are_scaled_by_target_as_rows_of_the_matrix(random_convolution, seed, listed):
    rng = np.random.default_rng(seed)
    q = drawn_list(rng) if listed else drawn_kernel(rng, random_convolution)
    ratio = rng.uniform(0.5, 2, q.shape[0])
    if isinstance(q, Convolution):
        assert q.shares_evenly(ratio).all() == (q.output_shape[1:] == (1, 1))
        ratio = np.repeat(ratio[: q.output_shape[0]], np.prod(q.output_shape[1:]))
    assert q.shares_evenly(ratio).all()
    scaled = replace(q, weights=q.weights * q.by_target(ratio))
    assert np.array_equal(scaled.matrix(), q.matrix() * ratio[:, None])


@given(SEEDS)
def test_neurons_are_asked_for_all_their_weights(seed):
    rng = np.random.default_rng(seed)
    q = drawn_list(rng)
    wanted = np.all(q.matrix() >= 0, axis=1)
    assert np.array_equal(q.all_of_target(q.weights >= 0), wanted)
    assert np.array_equal(as_matrix(q).all_of_target(q.matrix() >= 0), wanted)


def test_kernels_are_asked_channel_by_channel():
    q = kernel(weights=np.array([1.0, -1.0])[:, None, None, None] * np.ones((2, 1, 3, 3)))
    assert q.all_of_target(q.weights > 0).tolist() == [True] * 6 + [False] * 6


def test_pooling_sums_windows_of_each_channel():
    q = sum_pool("a", "b", 0.25, (2, 4, 6), (2, 3))
    image = np.arange(48.0).reshape(1, 48)
    sums = q.product(image).reshape(q.output_shape)
    # quarters of small whole numbers, exact in any order
    assert np.array_equal(sums, image.reshape(2, 2, 2, 2, 3).sum(axis=(2, 4)) / 4)


def test_what_was_made_of_registers_is_rounded_to_their_kind(random_convolution, rng):
    q = random_convolution(rng)
    volts = of_registers(q, q.weights.astype(float))
    rounded = volts.in_registers(
        source=q.source, target=q.target, weights=q.weights, **volts.arrangement()
    )
    assert rounded == replace(q, weight_exp=0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weights": np.ones((2, 1, 3, 3), np.float32)}, "float32, expected .* float64"),
        ({"weights": np.full((1, 1, 1, 1), np.nan)}, "are not finite"),
        ({"grid": -1.0}, "grid -1.0 is not a step"),
        ({"message_bits": 25}, r"message_bits 25 outside \[0, 24\]"),
        ({"groups": 2}, "1 channels in and 2 out do not divide into 2 groups"),
        ({"dilation": (2, 2)}, "does not fit an input"),
        ({"padding": ((1 << 13, 0), (1 << 13, 0))}, "more than 4194304 neurons"),
    ],
)
def test_kernels_that_cannot_be_are_refused(change, message):
    with pytest.raises(ValidationError, match=f"projection a -> b: .*{message}"):
        kernel(**change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weights": np.ones(3, np.int16)}, "weights of shape .* one row of float64"),
        ({"weights": np.array([1.0, np.inf, 0.0])}, "are not finite"),
        ({"post": np.array([1, 0, 1], np.int32)}, "do not rise within their source"),
        ({"post": np.array([0, 9, 1], np.int32)}, r"post: 1 of 3 are outside \[0, 1\]"),
        ({"indptr": np.array([0, 3, 2], np.int64)}, "indptr must begin with 0"),
    ],
)
def test_lists_that_cannot_be_are_refused(change, message):
    good = {
        "weights": np.ones(3),
        "post": np.array([0, 1, 1], np.int32),
        "indptr": np.array([0, 2, 3], np.int64),
    }
    Sparse(source="a", target="b", n_post=2, **good)
    with pytest.raises(ValidationError, match=f"projection a -> b: .*{message}"):
        Sparse(source="a", target="b", n_post=2, **good | change)


def test_two_synapses_between_the_same_neurons_are_refused():
    with pytest.raises(ValidationError, match="do not rise within their source"):
        sparse(source="a", target="b", shape=(2, 2), post=[1, 1], pre=[0, 0], weights=[1, 2])


def test_matrices_too_large_for_memory_are_refused():
    with pytest.raises(UnsupportedError, match="19208 x 10000 weights are too many"):
        as_matrix(kernel(input_shape=(1, 100, 100)))


@pytest.mark.parametrize("q", [kernel(), drawn_list(np.random.default_rng(3))])
def test_they_stay_equal_and_frozen_through_a_pipe(q: FloatSynapses):
    other = pickle.loads(pickle.dumps(q))
    assert other == q and not other.weights.flags.writeable
    assert replace(q, grid=0.5) != q
