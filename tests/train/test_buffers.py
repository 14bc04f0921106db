"""Kept memory: given out once, and no batch sees what another left in it."""

import numpy as np
import torch

from hetlava.train.buffers import KEPT, Buffers
from hetlava.train.cuba_adjoint import EXPONENTIAL, _exponential, _slope
from hetlava.train.cuba_layer import cuba_layer
from hetlava.train.cuba_rule import CubaParameters, CubaRule
from hetlava.train.surrogates import SURROGATES

SHAPE = (3, 2, 4)


def test_a_tensor_is_given_out_once_and_only_for_its_shape_and_type():
    buffers, tensor = Buffers(), torch.zeros(SHAPE)
    buffers.give(tensor)

    other, double = buffers.take((3, 2, 5), torch.float32), buffers.take(SHAPE, torch.float64)
    first, second = buffers.take(SHAPE, torch.float32), buffers.take(SHAPE, torch.float32)

    assert other.shape == (3, 2, 5)
    assert double.dtype == torch.float64
    assert first is tensor
    assert second is not tensor


def test_no_more_than_a_few_are_kept():
    buffers, tensors = Buffers(), [torch.zeros(SHAPE) for _ in range(KEPT + 1)]
    for tensor in tensors:
        buffers.give(tensor)

    taken = [buffers.take(SHAPE, torch.float32) for _ in range(KEPT + 1)]

    assert sum(any(t is k for k in tensors) for t in taken) == KEPT


def test_layers_that_share_memory_give_what_they_give_alone(rng):
    x = torch.tensor(rng.random((*SHAPE[:2], 6)) < 0.5).float()
    weight = torch.tensor(rng.normal(0.5, 1, (4, 6)), dtype=torch.float32)
    ones = torch.ones(4)
    p = CubaParameters(0.5 * ones, 0.9 * ones, ones, 0 * ones, ones)

    def gradient(*scales):
        """Run layers forward, then all of them back, as a network does."""
        leaves = [(scale * weight).requires_grad_() for scale in scales]
        rule = CubaRule(surrogate=SURROGATES["superspike"])
        y = sum(cuba_layer(x, leaf, p, rule).square().sum() for leaf in leaves)
        return torch.autograd.grad(y, leaves)

    alone = [gradient(scale)[0] for scale in (1.0, -0.5)]
    with torch.no_grad():
        cuba_layer(x, weight, p, CubaRule(surrogate=SURROGATES["superspike"]))

    assert all(map(torch.equal, gradient(1.0, -0.5), alone))


def test_the_exponential_in_vectors_is_the_librarys_up_to_rounding():
    n = 20_000
    threshold, height = np.zeros(n, np.float32), np.full(n, 0.5, np.float32)
    steep, volts = np.full(n, 2.0, np.float32), np.linspace(-43, 43, n, dtype=np.float32)
    fast, plain, power = np.empty((3, n), np.float32)

    _exponential(fast, power, power.view(np.int32), volts, threshold, steep, height)
    _slope(EXPONENTIAL, plain, volts, threshold, steep, height)

    # the argument's own rounding in float32 counts by the argument, which is 86 at most
    np.testing.assert_allclose(fast, plain, rtol=2e-5)
    near = np.abs(volts) < 2
    np.testing.assert_allclose(fast[near], plain[near], rtol=5e-7)
