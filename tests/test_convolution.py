"""Kernels, compared with what PyTorch convolves and with their own synapses one by one."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetlava import synapses
from hetlava.convolution import QuantisedConvolution, pooling
from hetlava.errors import UnsupportedError, ValidationError

SEEDS = st.integers(0, 2**32 - 1)


def convolution(**fields):
    usual = {"weights": np.ones((2, 1, 3, 3), np.int16), "input_shape": (1, 4, 5)}
    return QuantisedConvolution(source="a", target="b", **(usual | fields))


@given(SEEDS)
def test_products_are_those_of_pytorch(random_convolution, seed):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(seed)
    q = random_convolution(rng)
    s = rng.random((3, q.shape[1])) < 0.4
    (top, bottom), (left, right) = q.padding
    images = torch.tensor(s, dtype=torch.float64).reshape(-1, *q.input_shape)
    expected = torch.nn.functional.conv2d(
        torch.nn.functional.pad(images, (left, right, top, bottom)),
        torch.tensor(q.weights, dtype=torch.float64),
        stride=q.stride,
        dilation=q.dilation,
        groups=q.groups,
    )
    assert tuple(expected.shape[1:]) == q.output_shape
    # whole numbers far below 2**53
    assert np.array_equal(q.product(s), expected.reshape(3, -1).numpy().astype(np.int64))


@given(SEEDS)
def test_products_are_those_of_the_matrix(random_convolution, seed):
    rng = np.random.default_rng(seed)
    q = random_convolution(rng)
    s = rng.integers(-3, 4, (2, q.shape[1]))
    assert np.array_equal(q.product(s), s @ q.matrix().T.astype(int))
    assert np.array_equal(q.fan_out(), np.count_nonzero(q.matrix(), axis=0))
    assert q.rows().indptr[-1] == np.count_nonzero(q.matrix())
    assert np.count_nonzero(q.matrix(), axis=1).max() <= q.fan_in


@given(SEEDS)
def test_sums_by_sign_are_those_of_the_matrix(random_convolution, seed):
    rng = np.random.default_rng(seed)
    q = random_convolution(rng)
    active = rng.random(q.shape[1]) < 0.7
    matrix = synapses.QuantisedProjection(source="a", target="b", weights=q.matrix())
    for found, expected in zip(q.signed_sums(active), matrix.signed_sums(active), strict=True):
        assert np.array_equal(found, expected)


def test_the_kernel_is_not_flipped():
    kernel = np.array([[[[1, 2], [3, 4]]]], np.int16)
    q = convolution(weights=kernel, input_shape=(1, 2, 2))
    assert q.matrix().tolist() == [[1, 2, 3, 4]]


def test_pooling_sums_windows_of_each_channel():
    q = pooling("a", "b", 3, (2, 4, 5), (2, 2), padding=((0, 0), (0, 1)))
    assert q.output_shape == (2, 2, 3)
    image = np.arange(40).reshape(2, 4, 5)
    sums = q.product(image.reshape(1, -1)).reshape(q.output_shape)
    padded = np.pad(image, ((0, 0), (0, 0), (0, 1)))
    assert np.array_equal(sums, 3 * padded.reshape(2, 2, 2, 3, 2).sum(axis=(2, 4)))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"weights": np.ones((2, 3, 3), np.int16)}, r"weights of shape \(2, 3, 3\) int16, exp"),
        ({"weights": np.ones((2, 1, 3, 3))}, "float64, expected"),
        ({"weights": np.ones((2, 1, 0, 3), np.int16)}, r"\(2, 1, 0, 3\)"),
        ({"stride": (0, 1)}, r"stride \(0, 1\), .* at least 1"),
        ({"dilation": (1, -1)}, r"dilation \(1, -1\)"),
        ({"input_shape": (1, 0, 4)}, r"input \(1, 0, 4\)"),
        ({"padding": ((0, -1), (0, 0))}, "padding .* at least 0"),
        ({"groups": 2}, "1 channels in and 2 out do not divide into 2 groups of 1 in"),
        ({"input_shape": (2, 4, 5)}, "2 channels in and 2 out do not divide"),
        ({"input_shape": (1, 2, 9)}, r"a kernel \(3, 3\) .* does not fit an input \(1, 2, 9\)"),
        ({"dilation": (2, 2)}, "does not fit"),
        ({"padding": ((1 << 13, 0), (1 << 13, 0))}, "more than 4194304 neurons"),
        ({"weights": np.full((1, 1, 1, 1), 256, np.int16)}, r"outside \[-256, 255\]"),
    ],
)
def test_what_cannot_be_is_refused(fields, message):
    with pytest.raises(ValidationError, match=f"projection a -> b: .*{message}"):
        convolution(**fields)


def test_a_matrix_too_large_for_memory_is_refused():
    q = convolution(input_shape=(1, 100, 100))
    with pytest.raises(UnsupportedError, match="19208 x 10000 weights are too many"):
        q.matrix()
    assert replace(q, input_shape=(1, 20, 20)).matrix().shape == (648, 400)
