"""The dynamics inside lava-dl's blocks: its forward bit for bit, and the gradients it lacks."""

import numpy as np
import pytest
import torch

from hetlava.train.dynamics import (
    LeakyIntegrator,
    corrected_dynamics,
    dynamics,
    plain_backward,
    plain_forward,
)

pytestmark = pytest.mark.lava
SCALE = 1 << 12
N, C, T = 3, 4, 40


@pytest.fixture(scope="module")
def slayer():
    from hetlava.export.lava_import import slayer

    return slayer()


@pytest.fixture
def stock(slayer):
    return slayer.neuron.dynamics.leaky_integrator.dynamics


def words(rng, n):
    return torch.tensor(rng.integers(0, 4097, n), dtype=torch.float32)


def drive(rng, *shape):
    """Whole state units of either sign, mixed with silence, as float32 volts."""
    units = rng.integers(-6000, 9000, shape) * (rng.random(shape) < 0.3)
    return torch.tensor(units / SCALE, dtype=torch.float32)


@pytest.mark.parametrize("n_decays", [1, C])
@pytest.mark.parametrize("threshold", [None, 1.0, 4.0])
def test_forward_equals_the_stock_forward(stock, rng, n_decays, threshold):
    for _ in range(20):
        x, decay = drive(rng, N, C, T), words(rng, n_decays)
        state = torch.zeros(N, C)
        limit = None if threshold is None else threshold + 0.01 / SCALE

        assert torch.equal(
            dynamics(x, decay, state, SCALE, limit), stock(x, decay, state, SCALE, limit)
        )


def test_forward_from_a_state_equals_the_stock_forward(stock, rng):
    x, decay, state = drive(rng, N, C, T), words(rng, C), drive(rng, N, C)

    assert torch.equal(dynamics(x, decay, state, SCALE, 1.0), stock(x, decay, state, SCALE, 1.0))


@pytest.mark.parametrize("threshold", [1.0, 63.0, 64.0, 500.0, 2047.0])
def test_a_state_at_the_threshold_does_not_spike(threshold):
    unit = 1 / SCALE
    x = torch.tensor([[[threshold, 0.0, 0.0], [threshold + unit, 0.0, 0.0]]])

    y = dynamics(x, torch.zeros(1), torch.zeros(1), SCALE, threshold + 0.01 * unit)

    # without decay, what was not reset is still there one step later
    assert y[0, :, 1].tolist() == [threshold, 0.0]


def test_the_stock_forward_resets_at_a_large_threshold(stock):
    x = torch.tensor([[[64.0, 0.0, 0.0]]])

    y = stock(x, torch.zeros(1), torch.zeros(1), SCALE, 64.0 + 0.01 / SCALE)

    # documents why the forward is ours: Loihi spikes above the threshold only
    assert y[0, 0, 1] == 0.0


@pytest.mark.parametrize("spatial", [(), (2, 3)])
@pytest.mark.parametrize("n_decays", [1, C])
def test_compiled_and_plain_passes_agree(rng, n_decays, spatial):
    x, decay = drive(rng, N, C, *spatial, T), words(rng, n_decays)
    state, limit = torch.zeros(N, C, *spatial), 5000
    x.requires_grad_()
    decay.requires_grad_()
    grad = torch.tensor(rng.normal(size=x.shape), dtype=torch.float32)

    y = LeakyIntegrator.apply(x, decay, state, SCALE, limit, True)
    y.backward(grad)
    plain = plain_forward(x.detach(), decay, state, SCALE, limit, True)
    grad_x, per_row = plain_backward(grad, plain, decay, state, limit / SCALE)

    assert torch.equal(y, plain)
    assert torch.equal(x.grad, grad_x)
    kept = per_row.sum() if n_decays == 1 else per_row.transpose(0, 1).flatten(1).sum(1)
    # sums of some hundred float32 products, in another order
    assert torch.allclose(decay.grad, kept.float().reshape(n_decays), rtol=1e-4, atol=1e-6)


def loss_of(x, decay, state, threshold, weight):
    return (weight * dynamics(x, decay, state, SCALE, threshold, rounding=False)).sum()


def difference(function, x, i, h):
    """Central difference of a function along element i of a tensor."""
    step = torch.zeros_like(x).view(-1)
    step[i] = h
    step = step.view_as(x)
    return (function(x + step) - function(x - step)) / (2 * h)


@pytest.mark.parametrize("n_decays", [1, C])
@pytest.mark.parametrize("threshold", [None, 1.0])
def test_gradients_match_finite_differences(rng, n_decays, threshold):
    x = torch.tensor(rng.normal(0.3, 0.5, (N, C, T)), requires_grad=True)
    decay = torch.tensor(rng.uniform(50, 2000, n_decays), requires_grad=True)
    state = torch.tensor(rng.uniform(0, 0.5, (N, C)))
    weight = torch.tensor(rng.normal(size=x.shape))

    y = dynamics(x, decay, state, SCALE, threshold, rounding=False)
    (weight * y).sum().backward()
    resets = 0 if threshold is None else int((y > threshold).sum())

    assert threshold is None or resets > 20
    with torch.no_grad():
        by_decay = [
            difference(lambda d: loss_of(x, d, state, threshold, weight), decay, i, 1e-3)
            for i in range(n_decays)
        ]
        picked = rng.integers(0, x.numel(), 30)
        by_x = [
            difference(lambda z: loss_of(z, decay, state, threshold, weight), x, i, 1e-6)
            for i in picked
        ]
    # float64: what remains is the curvature over the step and the rounding of the difference
    assert torch.allclose(decay.grad, torch.stack(by_decay), rtol=1e-5, atol=1e-8)
    assert torch.allclose(x.grad.view(-1)[picked], torch.stack(by_x), rtol=1e-5, atol=1e-6)


def test_the_stock_gradient_of_the_decay_has_the_wrong_sign_and_size(stock, rng):
    x, state = drive(rng, N, C, T), torch.zeros(N, C)
    weight = torch.tensor(rng.normal(size=x.shape), dtype=torch.float32)

    gradients = []
    for function in (stock, dynamics):
        decay = torch.full((C,), 400.0, requires_grad=True)
        (weight * function(x, decay, state, SCALE)).sum().backward()
        gradients.append(decay.grad)

    # documents why the backward is ours; 4096 up to the rounding of float32 sums
    assert torch.allclose(gradients[0], -4096 * gradients[1], rtol=1e-3)


def block_of(slayer, n_decays):
    block = slayer.block.cuba.Dense(
        {
            "threshold": 1.0,
            "current_decay": 0.2,
            "voltage_decay": 0.1,
            "requires_grad": True,
            "shared_param": n_decays == 1,
        },
        5,
        C,
    )
    block.neuron.shape = torch.Size([C])
    with torch.no_grad():
        block.synapse.weight.normal_(generator=torch.Generator().manual_seed(1))
        block.neuron.current_decay.data = torch.linspace(400, 1200, n_decays)
        block.neuron.voltage_decay.data = torch.linspace(100, 900, n_decays)
    block.synapse.pre_hook_fx = lambda w: w
    return block.double()


@pytest.mark.parametrize("n_decays", [1, C])
@pytest.mark.parametrize("name", ["synapse.weight", "neuron.current_decay", "neuron.voltage_decay"])
def test_gradients_through_a_block_match_finite_differences(slayer, rng, name, n_decays):
    block = block_of(slayer, n_decays)
    spikes = torch.tensor(rng.random((2, 5, 30)) < 0.2, dtype=torch.float64)
    weight = torch.tensor(rng.normal(size=(2, C, 30)))
    parameter = dict(block.named_parameters())[name]

    def loss(value):
        kept, parameter.data = parameter.data, value
        with corrected_dynamics(rounding=False):
            _, voltage = block.neuron.dynamics(block.synapse(spikes))
        parameter.data = kept
        return (weight * voltage).sum(), int((voltage > 1.0).sum())

    total, resets = loss(parameter.data)
    total.backward()
    # the block rounds its decays to whole words, so theirs move by one; curvature is (1/4096)^2
    h, tolerance = (1.0, 1e-3) if "decay" in name else (1e-6, 1e-6)
    for i in range(0, parameter.numel(), 3):
        expected = difference(lambda p: loss(p)[0], parameter.data, i, h)
        got = parameter.grad.view(-1)[i]
        assert torch.isclose(got, expected, rtol=tolerance, atol=tolerance), resets


def test_the_stock_dynamics_come_back_after_the_block(slayer):
    module = slayer.neuron.dynamics.leaky_integrator
    stock = module.dynamics
    with pytest.raises(RuntimeError, match="stop"), corrected_dynamics():
        assert module.dynamics is not stock
        raise RuntimeError("stop")
    assert module.dynamics is stock


def test_decays_learn_towards_the_target(slayer, rng):
    """What lava-dl's issue 383 asks for: a wrong decay finds back to the one behind the data."""
    x = torch.tensor(rng.random((8, C, 60)) < 0.1, dtype=torch.float32)
    state, target = torch.zeros(1), torch.tensor([300.0, 600.0, 900.0, 1500.0])
    wanted = dynamics(x, target, state, SCALE)
    log_decay = torch.full((C,), np.log(700.0), dtype=torch.float32, requires_grad=True)
    optimiser = torch.optim.Adam([log_decay], lr=0.02)

    for _ in range(200):
        optimiser.zero_grad()
        (dynamics(x, log_decay.exp(), state, SCALE) - wanted).square().mean().backward()
        optimiser.step()

    assert torch.allclose(log_decay.exp(), target, rtol=0.02)
