"""Layers of images: the sums and gradients of the matrix that a kernel stands for."""

import numpy as np
import pytest
import torch

from hetlava.train.cuba_layer import cuba_layer
from hetlava.train.cuba_plain import run_plain
from hetlava.train.cuba_rule import CubaParameters, CubaRule
from hetlava.train.image_function import sparse_rows
from hetlava.train.image_layer import currents, image_layer, pooled
from hetlava.train.image_synapses import projection, weights_of
from hetlava.train.spike_rows import rows_of
from hetlava.train.surrogates import SURROGATES, round_to
from hetlava.train.wiring import Wiring

T, N = 12, 3
SCALE = 4096.0
WIRINGS = {
    "kernel": Wiring(source=(2, 6, 7), target=(3, 4, 5), kernel=3),
    "stride": Wiring(source=(2, 6, 7), target=(3, 2, 3), kernel=3, stride=2),
    "padding": Wiring(source=(2, 6, 7), target=(3, 6, 7), kernel=3, padding=1),
    "pool": Wiring(source=(2, 9, 8), target=(3, 3, 3), pool=2, kernel=2),
    # (8 / 2 + 2 - 3) // 2 + 1 = 2 and (12 / 2 + 2 - 3) // 2 + 1 = 3
    "all": Wiring(source=(2, 8, 12), target=(3, 2, 3), pool=2, kernel=3, stride=2, padding=1),
    "pooled dense": Wiring(source=(2, 7, 6), target=(5, 1, 1), pool=3),
}


def weights(rng, wiring, step=2**-6):
    drawn = rng.normal(0.02, 0.2, wiring.weight_shape)
    return torch.tensor(np.rint(drawn / step) * step, requires_grad=True)


def parameters(rng, wiring):
    def drawn(low, high, step):
        values = np.rint(rng.uniform(low, high, wiring.n) / step) * step
        return torch.tensor(values, requires_grad=True)

    unit = torch.ones(wiring.n, dtype=torch.float64)
    return CubaParameters(
        drawn(0.5, 0.9, 2**-12), drawn(0.7, 0.95, 2**-12), drawn(0.6, 1.2, 2**-6),
        drawn(-0.05, 0.05, 2**-6), unit,
    )  # fmt: skip


def spikes(rng, wiring, dtype=torch.float64):
    return torch.tensor(rng.random((T, N, wiring.n_pre)) < 0.2, dtype=dtype)


def matrix(weight, wiring):
    """The weights between every two neurons, (n, n_pre), with gradients."""
    each = torch.eye(wiring.n_pre, dtype=weight.dtype)[:, None]
    return currents(each, weight, wiring)[:, 0].T


@pytest.mark.parametrize("wiring", WIRINGS.values(), ids=WIRINGS)
def test_a_layer_sums_as_its_synapses_do(rng, wiring):
    weight, x = weights(rng, wiring), spikes(rng, wiring)

    synapses = projection(wiring, "a", "b", weight.detach().numpy(), 2**-6)

    assert synapses.shape == (wiring.n, wiring.n_pre)
    # sums of multiples of 2**-6 are exact
    assert np.array_equal(
        currents(x, weight, wiring).detach().flatten(0, 1).numpy(),
        synapses.product(x.flatten(0, 1).numpy()),
    )
    assert np.array_equal(weights_of(synapses, wiring), weight.detach().numpy())


@pytest.mark.parametrize("wiring", WIRINGS.values(), ids=WIRINGS)
def test_gradients_of_sums_are_their_finite_differences(rng, wiring):
    weight = weights(rng, wiring)
    x = spikes(rng, wiring)[:2].requires_grad_()

    # along random directions, which one wrong element of a hundredth changes by more than 1e-6;
    # sums are linear in spikes and in weights, so that differences have rounding alone
    assert torch.autograd.gradcheck(
        lambda a, w: currents(a, w, wiring), (x, weight), fast_mode=True, rtol=1e-6, atol=1e-9
    )


@pytest.mark.parametrize("name", ["all", "pooled dense"])
def test_gradients_of_integrators_are_their_finite_differences(rng, name):
    wiring = WIRINGS[name]
    weight, x, p = weights(rng, wiring), spikes(rng, wiring), parameters(rng, wiring)
    cost = torch.tensor(rng.normal(size=(T, N, wiring.n)))

    def loss(weight):
        return (image_layer(x, weight, p, CubaRule(surrogate=None), wiring) * cost).sum()

    (gradient,) = torch.autograd.grad(loss(weight), weight)

    for i in rng.integers(0, weight.numel(), 5):
        with torch.no_grad():
            step = torch.zeros_like(weight).flatten().index_fill_(0, torch.tensor([int(i)]), 1e-4)
            step = step.reshape(weight.shape)
            found = (loss(weight + step) - loss(weight - step)) / 2e-4
        # float64, of a linear function: the rounding of a difference alone
        assert float(gradient.flatten()[i]) == pytest.approx(float(found), rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("scale", [None, SCALE], ids=["float", "chip"])
@pytest.mark.parametrize("wiring", WIRINGS.values(), ids=WIRINGS)
def test_fused_neurons_of_images_are_plain_ones_of_a_matrix(rng, wiring, scale):
    weight, p = weights(rng, wiring), parameters(rng, wiring)
    rule = CubaRule(surrogate=SURROGATES["superspike"], scale=scale)
    x = spikes(rng, wiring).requires_grad_()
    target = torch.tensor(rng.normal(size=(T, N, wiring.n)))

    fused = image_layer(x, weight, p, rule, wiring)
    plain = run_plain(x, matrix(weight, wiring), None, p, rule)

    assert fused.sum() > 0 and torch.equal(fused, plain)
    if scale is not None:
        # fused layers read u off voltages that the chip truncates, the plain loop keeps it
        plain = cuba_layer(x, matrix(weight, wiring), p, rule)
    asked = (x, weight, *p[:4])
    for mine, judge in zip(
        torch.autograd.grad((fused * target).sum(), asked),
        torch.autograd.grad((plain * target).sum(), asked),
        strict=True,
    ):
        # float64, sums of at most a few thousand terms in another order
        assert torch.allclose(mine, judge, rtol=1e-9, atol=1e-9)


def test_sums_are_whole_numbers_on_a_grid_that_float32_has_no_word_for(rng):
    wiring, grid = WIRINGS["all"], 0.3 / 7
    rule = CubaRule(surrogate=SURROGATES["superspike"], scale=64 / grid)
    weight = (weights(rng, wiring, 1 / 16).detach() * 16).round() * grid
    p = CubaParameters(*(t.detach() for t in parameters(rng, wiring)))
    p = p._replace(threshold=round_to(p.threshold, grid), bias=round_to(p.bias, grid))
    x = spikes(rng, wiring)

    double = image_layer(x, weight, p, rule, wiring)
    single = image_layer(
        x.float(), weight.float(), CubaParameters(*(t.float() for t in p)), rule, wiring
    )

    assert double.sum() > 0 and torch.equal(single.double(), double)


def test_a_voltage_on_the_grid_is_in_volts(rng):
    wiring = WIRINGS["kernel"]
    weight, x = weights(rng, wiring).detach(), spikes(rng, wiring)
    p = CubaParameters(*(t.detach() for t in parameters(rng, wiring)))
    chip = CubaRule(surrogate=None, scale=SCALE)

    volts = image_layer(x, weight, p, chip, wiring)

    assert torch.equal(volts, run_plain(x, matrix(weight, wiring), None, p, chip))


def test_windows_are_summed_and_what_fills_none_is_left_out(rng):
    wiring = WIRINGS["pooled dense"]
    x = spikes(rng, wiring)

    images = x.reshape(T, N, 2, 7, 6).numpy()
    sums = images[:, :, :, :6].reshape(T, N, 2, 2, 3, 2, 3).sum((4, 6))

    assert np.array_equal(pooled(x, wiring).numpy(), sums.reshape(T, N, -1))


def test_weights_too_large_for_exact_sums_are_refused(rng):
    wiring = WIRINGS["pool"]
    rule = CubaRule(surrogate=None, scale=64.0)
    weight = torch.full(wiring.weight_shape, 2.0**20)
    p = CubaParameters(*(t.detach().float() for t in parameters(rng, wiring)))

    with pytest.raises(OverflowError, match="float32 counts to"):
        image_layer(spikes(rng, wiring, torch.float32), weight, p, rule, wiring)


@pytest.mark.parametrize("name", WIRINGS)
def test_events_drive_a_layer_as_tensors_do(rng, name):
    wiring = WIRINGS[name]
    weight, p, x = weights(rng, wiring), parameters(rng, wiring), spikes(rng, wiring)
    rule = CubaRule(surrogate=SURROGATES["superspike"])
    y = image_layer(x, weight, p, rule, wiring)

    events = image_layer(rows_of(x), weight, p, rule, wiring)

    assert torch.equal(y, events)
    grads = [torch.autograd.grad(z.square().sum(), weight)[0] for z in (y, events)]
    assert torch.allclose(*grads, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("delay", [0, 1])
@pytest.mark.parametrize("share", [0.02, 0.6], ids=["spike by spike", "whole images"])
@pytest.mark.parametrize("wiring", WIRINGS.values(), ids=WIRINGS)
def test_both_ways_to_add_up_spikes_agree(rng, wiring, share, delay):
    """The heights of the spikes are gradients' too: dropped neurons make others' larger."""
    weight, p = weights(rng, wiring), parameters(rng, wiring)
    x = torch.tensor((rng.random((T, N, wiring.n_pre)) < share) * 1.25, requires_grad=True)
    rule = CubaRule(surrogate=SURROGATES["superspike"], delay=delay)
    cost = torch.tensor(rng.normal(size=(T, N, wiring.n)))

    y = image_layer(x, weight, p, rule, wiring)
    judge = cuba_layer(currents(x, weight, wiring), None, p, rule)

    assert torch.equal(y, judge)
    if wiring.kernel:
        assert (sparse_rows(x, wiring) is None) == (share * wiring.pool**2 > 0.1)
    for mine, its in zip(
        torch.autograd.grad((y * cost).sum(), (x, weight)),
        torch.autograd.grad((judge * cost).sum(), (x, weight)),
        strict=True,
    ):
        assert torch.allclose(mine, its, rtol=1e-9, atol=1e-9)
