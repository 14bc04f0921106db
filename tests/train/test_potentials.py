"""Thresholds, resting and reset potentials per neuron: training, the float network, the chip."""

import numpy as np
import pytest
import torch

from hetlava.chips import LOIHI2
from hetlava.events import from_dense
from hetlava.quantisation import quantise
from hetlava.sim import floating, reference
from hetlava.train.building import draw
from hetlava.train.config import TrainConfig
from hetlava.train.potentials import LayerPotentials, Potentials, constants
from hetlava.train.qat_net import QatNet
from hetlava.train.surrogates import SURROGATES

N_INPUTS, SIZES, DT, T = 20, (15, 12, 4), 1e-3, 60
VARIOUS = {
    "threshold": "uniform:0.5V,1.5V",
    "rest": "uniform:-0.5V,0.5V",
    "reset": "uniform:-0.5V,0.5V",
    "tau_mem": "gamma:20ms,shape=3,min=2ms",
    "tau_syn": "gamma:10ms,shape=3,min=2ms",
}
LEARNED = ("threshold=neuron", "rest=neuron", "reset=neuron")


def config(**changes):
    return TrainConfig(dataset="none", dt=DT, n_steps=T, **{**VARIOUS, "learn": LEARNED, **changes})


def make_input(rng, n_samples=6, dtype=torch.float64):
    return torch.tensor(rng.random((n_samples, N_INPUTS, T)) < 0.15, dtype=dtype)


def make_net(rng, asked, dtype=torch.float64):
    if asked.trainer == "norse":
        pytest.importorskip("norse")
    from hetlava.train.building import library

    taus, potentials = draw(asked.heterogeneity, SIZES, asked.seed)
    net = library(asked).make(asked, N_INPUTS, taus, potentials).to(dtype)
    seed = torch.Generator().manual_seed(int(rng.integers(1 << 30)))
    net.project()
    net.initialise(make_input(rng, dtype=dtype), 0.8, seed)
    return net


def as_events(x):
    return from_dense(x.detach().permute(2, 0, 1).numpy() > 0)


@pytest.mark.parametrize("recurrent", [False, True])
@pytest.mark.parametrize("backend", ["fused", "plain"])
@pytest.mark.parametrize("readout", ["spike-count", "last"])
def test_the_float_network_spikes_as_the_one_that_was_trained(rng, recurrent, backend, readout):
    asked = config(trainer="norse", recurrent=recurrent, backend=backend, readout=readout)
    net, x = make_net(rng, asked), make_input(rng)

    outputs = net(x)
    network = net.to_network(T, {})
    recording = floating.run(network, as_events(x), probes=("v",))

    spikes = net.spikes(outputs)
    assert min(int(s.count_nonzero()) for s in spikes) > 0
    for ours, theirs in zip(recording.spikes, spikes, strict=False):
        assert ours == as_events(theirs)
    if readout == "last":
        volts = outputs[-1].detach().permute(2, 0, 1).numpy()
        # float64: two orders of the same sums of values of order 1 V
        assert np.allclose(recording.v[-1], volts, rtol=0, atol=1e-12)
    hidden = network.populations[0].neurons
    assert all(np.unique(v).size > 10 for v in (hidden.v_leak, hidden.v_threshold, hidden.v_reset))


def test_quantising_keeps_potentials_that_norse_trained(rng):
    net = make_net(rng, config(trainer="norse"))

    quantised = quantise(net.to_network(T, {}), LOIHI2)

    for layer, p in zip(net.layers, quantised.populations, strict=True):
        threshold, bias = layer.shifted()
        step = layer.potentials.step
        assert np.array_equal(
            p.cuba.vth, np.rint((threshold.detach().numpy() - layer.above) / step)
        )
        volts = p.cuba.bias_mant * 2.0**p.cuba.bias_exp / p.scale
        # float64: the same product of two factors in another order
        assert np.allclose(volts, bias.detach(), rtol=1e-12, atol=1e-15)
        assert np.unique(p.cuba.vth).size > 3 and np.unique(p.cuba.bias_mant).size > 3


@pytest.mark.lava
def test_the_chip_spikes_as_slayer_trained(rng):
    asked = config(**{"threshold": "uniform:2V,6V", "rest": "uniform:-1V,1V"})
    net, x = make_net(rng, asked, torch.float32), make_input(rng, dtype=torch.float32)

    outputs = net(x)
    chip = reference.run(quantise(net.to_network(T, {}), LOIHI2), as_events(x))

    assert min(int(s.count_nonzero()) for s in outputs) > 0
    assert list(chip.spikes) == [as_events(s) for s in outputs]


@pytest.mark.parametrize("readout", ["spike-count", "mean"])
def test_the_chip_spikes_as_quantisation_aware_training_did(rng, readout):
    asked = config(trainer="norse", readout=readout, recurrent=True, qat=True)
    start = make_net(rng, asked).to_network(T, {})
    net = QatNet(start, [SURROGATES["superspike"]] * 3, declared=asked.heterogeneity)
    x = make_input(rng, dtype=torch.float32)
    optimiser = torch.optim.SGD([p for p in net.parameters() if p.requires_grad], lr=1e-3)
    for _ in range(2):
        outputs = net(x)
        chip = reference.run(quantise(net.to_network(T, {}), LOIHI2), as_events(x))
        spikes = net.spikes(outputs)
        assert min(int(s.count_nonzero()) for s in spikes) > 0
        assert list(chip.spikes)[: len(spikes)] == [as_events(s) for s in spikes]
        sum(y.square().sum() for y in outputs).backward()
        assert all(p.grad.any() for name in ("threshold", "rest") for p in net.learned(name))
        optimiser.step()
        net.project()


def test_both_backends_give_potentials_the_same_gradients(rng):
    x, state, found = make_input(rng), rng.bit_generator.state, []
    for backend in ("fused", "plain"):
        rng.bit_generator.state = state
        net = make_net(rng, config(trainer="norse", backend=backend, readout="mean"))
        net(x)[-1].square().sum().backward()
        found.append([p.grad for n in ("threshold", "rest", "reset") for p in net.learned(n)])

    assert len(found[0]) == 2 + 3 + 2 and all(g.any() for g in found[0])
    for a, b in zip(*found, strict=True):
        # float64: the same sums in another order
        assert torch.allclose(a, b, rtol=1e-8, atol=1e-8 * float(b.abs().max()))


@pytest.mark.parametrize("learn", ["layer", "neuron"])
def test_gradients_of_potentials_are_those_of_finite_differences(rng, learn):
    declared = config(learn=tuple(f"{n}={learn}" for n in ("threshold", "rest", "reset")))
    n = 5
    drawn = Potentials(rng.uniform(1, 2, n), rng.normal(0, 0.2, n), rng.normal(0, 0.2, n))
    layer = LayerPotentials(drawn, declared.heterogeneity, 1 / 64, 100.0).double()
    k, weights = (torch.tensor(rng.uniform(0.05, 0.5, n), requires_grad=True) for _ in range(2))
    learned = [p.learned for p in layer.named().values()]

    def cost(k, *values):
        for p, value in zip(layer.named().values(), values, strict=True):
            p._parameters["learned"] = value
        threshold, bias = layer.shifted(k, lambda x: x)
        return (weights * threshold * bias.exp()).sum()

    inputs = [p.detach().clone().requires_grad_() for p in learned]
    assert torch.autograd.gradcheck(cost, (k, *inputs))


@pytest.mark.parametrize("learn", ["fixed", "layer", "neuron"])
def test_thresholds_stay_above_resets_and_in_their_clip(rng, learn):
    ways = tuple(f"{n}={learn}" for n in ("threshold", "rest", "reset"))
    asked = config(trainer="norse", learn=ways, clip=("threshold=0.6V,1.2V", "rest=-0.1V,0.1V"))
    net = make_net(rng, asked)
    for sign in (1, -1):
        with torch.no_grad():
            for name in ("threshold", "rest", "reset"):
                for p in net.learned(name):
                    p.copy_(sign * 3 * torch.randn(p.shape))
        net.project()
        for p in net.to_network(T, {}).populations:
            gap = p.neurons.v_threshold - p.neurons.v_reset
            assert gap.min() >= net.grid / 2
        for layer in net.layer_potentials():
            assert layer.rest().abs().max() <= 0.1
            assert layer.threshold().max() <= 1.2 + net.grid


def test_declaring_a_potential_moves_no_other_draw():
    plain, various = (config(**c).heterogeneity for c in ({"reset": 0.0, "rest": 0.0}, {}))
    (taus, before), (same, after) = (draw(d, SIZES, 5) for d in (plain, various))

    assert all(np.array_equal(a.mem, b.mem) for a, b in zip(taus, same, strict=True))
    assert np.array_equal(before[0].threshold, after[0].threshold)
    assert not before[0].rest.any() and after[0].rest.any()
    assert np.array_equal(constants(plain, 3).threshold, np.ones(3))
