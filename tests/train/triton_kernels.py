"""The GPU's kernels in Triton's interpreter: equal to the plain loop, on the CPU.

Run by test_cuba_triton.py in a process of its own, since Triton reads TRITON_INTERPRET as it loads.
"""

import numpy as np
import pytest
import torch

from hetlava.train.cuba_plain import run_plain
from hetlava.train.cuba_rule import CubaParameters, CubaRule, on_grid
from hetlava.train.cuba_triton import run_triton
from hetlava.train.surrogates import SURROGATES

T, B, N_PRE, N = 14, 3, 8, 5
SCALE = 4096.0
GRID = 64 / SCALE


def draw(rng):
    def tensor(x, grid=None):
        y = x if grid is None else np.rint(x / grid) * grid
        return torch.tensor(y, dtype=torch.float32).requires_grad_()

    p = CubaParameters(
        alpha=tensor(rng.uniform(0.3, 0.9, N)),
        beta=tensor(rng.uniform(0.6, 0.97, N)),
        threshold=tensor(rng.uniform(0.7, 1.5, N)),
        bias=tensor(rng.normal(0, 0.03, N)),
        unit=torch.tensor(rng.uniform(0.7, 1.5, N), dtype=torch.float32),
    )
    x = tensor((rng.random((T, B, N_PRE)) < 0.25).astype(float))
    return x, tensor(rng.normal(0.15, 0.5, (N, N_PRE)), 2 * GRID), p


def outcome(run, x, weight, p, rule, cost):
    y = run(x, weight, on_grid(p, rule), rule)
    leaves = (x, weight, *p[: 4 if rule.surrogate else 2])
    return y, torch.autograd.grad((y * cost).sum(), leaves)


def plain(x, weight, p, rule):
    return run_plain(x, weight, None, p, rule)


def agree(rng, rule):
    x, weight, p = draw(rng)
    cost = torch.tensor(rng.normal(size=(T, B, N)), dtype=torch.float32)

    (ours, found), (judge, expected) = (
        outcome(run, x, weight, p, rule, cost) for run in (run_triton, plain)
    )

    if rule.surrogate is not None:
        assert torch.equal(ours, judge)
        assert 0 < float(judge.detach().mean()) < 0.6
    else:
        assert torch.allclose(ours, judge, rtol=1e-5, atol=1e-5)
    for a, b in zip(found, expected, strict=True):
        # float32 in another order; in whole units u is found again up to a fraction of one
        tolerance = 1e-4 if rule.scale is None else 0.02
        assert torch.allclose(a, b, rtol=tolerance, atol=tolerance * float(b.abs().max()))


@pytest.mark.parametrize("scale", [None, SCALE])
@pytest.mark.parametrize("reset", ["zero", "subtract"])
@pytest.mark.parametrize("reset_gradient", ["full", "detached", "ignored"])
def test_kernels_are_the_plain_loop(rng, scale, reset, reset_gradient):
    rule = CubaRule(
        surrogate=SURROGATES["superspike"], reset=reset, reset_gradient=reset_gradient, scale=scale
    )
    agree(rng, rule)


@pytest.mark.parametrize("name", ["atan", "triangle", "exponential"])
def test_every_shape_of_the_derivative_is_the_plain_one(rng, name):
    agree(rng, CubaRule(surrogate=SURROGATES[name], delay=0))


@pytest.mark.parametrize("scale", [None, SCALE])
def test_integrators_are_the_plain_ones(rng, scale):
    agree(rng, CubaRule(surrogate=None, scale=scale))
