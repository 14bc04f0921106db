"""Surrogate derivatives have their published values; what is rounded still has a gradient."""

import numpy as np
import pytest
import torch

from hetlava.train.config import Surrogate
from hetlava.train.surrogates import SURROGATES, round_to, spike

AT = torch.tensor([-0.5, 0.0, 0.01, 2.0], dtype=torch.float64)
EXPECTED = {
    "superspike": [1 / 36, 1, 1 / 1.21, 1 / 441],
    "fast-sigmoid": [1 / 2601, 1, 1 / 4, 1 / 40401],
    "atan": [1 / (1 + np.pi**2 / 4), 1, 1 / (1 + np.pi**2 / 1e4), 1 / (1 + 4 * np.pi**2)],
    "triangle": [0.15, 0.3, 0.297, 0],
    "exponential": [0.5 * np.exp(-1), 0.5, 0.5 * np.exp(-0.02), 0.5 * np.exp(-4)],
}


def test_every_name_has_a_derivative():
    assert set(SURROGATES) == set(Surrogate.__args__) == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_a_spike_is_above_the_threshold_and_differentiates_as_published(name):
    x = AT.clone().requires_grad_()

    spikes = spike(x, SURROGATES[name])
    (3 * spikes).sum().backward()

    assert spikes.tolist() == [0, 0, 1, 1]
    # two ways of writing the same float64 numbers
    assert np.allclose(x.grad, 3 * np.array(EXPECTED[name]), rtol=1e-12, atol=0)


def test_rounding_is_half_to_even_and_lets_gradients_pass():
    x = torch.tensor([0.125, 0.375, -0.3], requires_grad=True)

    y = round_to(x, 0.25)
    y.sum().backward()

    assert y.tolist() == [0, 0.5, -0.25]
    assert x.grad.tolist() == [1, 1, 1]
