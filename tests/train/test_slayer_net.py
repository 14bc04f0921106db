"""The network of lava-dl's blocks: its integers are ours, its time constants stay possible."""

import numpy as np
import pytest
import torch

from hetlava.chips import LOIHI2
from hetlava.events import from_dense
from hetlava.neurons.cuba import CubaRegisters
from hetlava.quantisation import quantise
from hetlava.quantised import QuantisedNetwork, QuantisedPopulation, QuantisedProjection
from hetlava.sim.reference import run
from hetlava.train.declared import usual
from hetlava.train.dynamics import corrected_dynamics
from hetlava.train.log_tau import Taus
from hetlava.train.slayer_net import SlayerNet, effective_weights, to_network
from hetlava.train.spike_rows import rows_of

pytestmark = pytest.mark.lava
N_INPUTS, SIZES, DT, T = 20, (15, 12, 4), 1e-3, 50


def make_net(rng, learn_tau="neuron", threshold=4.0, backend="fused"):
    taus = [Taus(rng.gamma(3, 0.007, n) + 1e-3, rng.gamma(3, 0.003, n) + 1e-3) for n in SIZES]
    net = SlayerNet(N_INPUTS, taus, DT, declared=usual(threshold, learn_tau), backend=backend)
    generator = torch.Generator().manual_seed(int(rng.integers(1 << 30)))
    net.initialise(make_input(rng), 0.8, generator)
    return net


def make_input(rng, n_samples=5):
    return torch.tensor(rng.random((n_samples, N_INPUTS, T)) < 0.1, dtype=torch.float32)


def registers_of(net):
    """The integers as lava-dl's own exporter would take them from the blocks."""
    names = ["a", "b", "c"]
    populations, projections = [], []
    for source, name, block in zip(["input", *names], names, net.blocks, strict=False):
        device = block.neuron.device_params
        weights = block.synapse.pre_hook_fx(block.synapse.weight, descale=True)
        n = block.neuron.num_neurons
        registers = CubaRegisters(
            du=(device["iDecay"] - 1).astype(np.int32),
            dv=device["vDecay"].astype(np.int32),
            vth=np.full(n, device["vThMant"], np.int32),
            bias_mant=np.zeros(n, np.int32),
            bias_exp=np.zeros(n, np.int32),
        )
        populations.append(QuantisedPopulation(name=name, registers=registers))
        whole = weights.detach().flatten(1).numpy().astype(np.int16)
        projections.append(QuantisedProjection(source=source, target=name, weights=whole))
    return QuantisedNetwork(
        chip="loihi2",
        dt=DT,
        n_inputs=N_INPUTS,
        n_steps=T,
        populations=tuple(populations),
        projections=tuple(projections),
        output="c",
    )


def as_events(spikes):
    return from_dense(spikes.detach().permute(2, 0, 1).numpy() > 0)


@pytest.mark.parametrize("threshold", [1.0, 4.0, 100.0])
@pytest.mark.parametrize("learn_tau", ["neuron", "layer", "none"])
def test_the_integers_of_the_blocks_spike_as_the_blocks_do(rng, learn_tau, threshold):
    net = make_net(rng, learn_tau, threshold)
    x = make_input(rng)

    trained = [as_events(s) for s in net(x)]
    recording = run(registers_of(net), as_events(x))

    # a single weight is at most 4 V: a threshold of 100 V is reached by few neurons, if any
    assert threshold == 100 or min(s.n_events for s in trained) > 0
    assert list(recording.spikes) == trained


def test_the_network_quantises_to_the_integers_of_the_blocks(rng):
    net = make_net(rng)

    quantised = quantise(to_network(net, T, {}), LOIHI2)

    for ours, theirs in zip(quantised.populations, registers_of(net).populations, strict=True):
        assert np.array_equal(ours.registers.du, theirs.registers.du)
        assert np.array_equal(ours.registers.dv, theirs.registers.dv)
    for ours, theirs in zip(quantised.projections, registers_of(net).projections, strict=True):
        scale = quantised.population(ours.target).scale
        in_volts = np.ldexp(ours.weights.astype(float), 6 + ours.weight_exp) / scale
        assert np.array_equal(in_volts, theirs.weights / 64)


def test_our_delay_is_the_delay_of_the_blocks(rng):
    net = make_net(rng)
    x = make_input(rng)
    ours = net(x)

    with corrected_dynamics():
        for block, spikes in zip(net.blocks, ours, strict=True):
            block.delay_shift = True
            x = block(x)
            assert torch.equal(x, spikes)


def test_the_time_constants_are_those_that_were_given():
    taus = [Taus(np.array([0.02, 0.1]), np.array([0.005, 0.003]))]
    net = SlayerNet(N_INPUTS, taus, DT, declared=usual(4.0))

    neurons = to_network(net, T, {}).populations[0].neurons

    # the logarithm is kept in float32
    assert np.allclose(neurons.tau_mem, taus[0].mem, rtol=1e-4)
    assert np.allclose(neurons.tau_syn, taus[0].syn, rtol=1e-4)


def train_step(net, x, lr):
    net(x)[-1].sum().backward()
    optimiser = torch.optim.SGD(net.log_taus(), lr=abs(lr), maximize=lr < 0)
    optimiser.step()
    net.project()


def test_a_learned_neuron_moves_alone_and_a_learned_layer_together(rng):
    x, ratios = make_input(rng), {}
    for level in ("neuron", "layer"):
        net = make_net(rng, level)
        before = net.taus()
        train_step(net, x, 1.0)
        ratios[level] = net.taus()[0].mem / before[0].mem

    assert np.ptp(ratios["neuron"]) > 1e-3
    # one factor for all, up to float32 and the words it is rounded to
    assert np.allclose(ratios["layer"], ratios["layer"][0], rtol=1e-3)
    assert abs(ratios["layer"][0] - 1) > 1e-3


def test_time_constants_that_are_not_learned_stay(rng):
    assert make_net(rng, "none").log_taus() == []


@pytest.mark.parametrize("learn_tau", ["neuron", "layer"])
@pytest.mark.parametrize("lr", [1e6, -1e6])
def test_no_step_drives_a_decay_out_of_its_word(rng, learn_tau, lr):
    net = make_net(rng, learn_tau)

    train_step(net, make_input(rng), lr)

    for block in net.blocks:
        for decay in (block.neuron.cx_current_decay, block.neuron.cx_voltage_decay):
            assert 1 <= decay.min()
            assert decay.max() <= 4095
    quantise(to_network(net, T, {}), LOIHI2)


@pytest.mark.parametrize("learn_tau", ["neuron", "layer", "none"])
def test_drawn_time_constants_that_no_word_holds_are_clipped(learn_tau):
    taus = [Taus(np.array([1e-6, 0.02, 9e3]), np.array([1e-6, 0.02, 9e3]))]
    net = SlayerNet(N_INPUTS, taus, DT, declared=usual(4.0, learn_tau))
    net.project()

    assert net.blocks[0].neuron.cx_voltage_decay.tolist() == [4095, 200, 1]


def test_first_weights_drive_every_neuron_alike(rng):
    net = make_net(rng)
    weights = effective_weights(net.blocks[0], net.wirings[0])

    # a neuron that integrates longer gets smaller weights
    order = np.argsort(net.taus()[0].mem * net.taus()[0].syn)
    spread = np.abs(weights).mean(axis=1)[order]
    assert spread[:5].mean() > spread[-5:].mean()


def test_dropped_spikes_are_made_up_by_the_others(rng):
    net, x = make_net(rng), make_input(rng)
    generator = torch.Generator().manual_seed(0)

    assert torch.equal(net(x, 0.0)[0], net(x, 0.5, generator)[0])
    assert not torch.equal(net(x, 0.0)[1], net(x, 0.5, generator)[1])


def test_both_backends_give_the_same_spikes_and_gradients(rng):
    x, weight = make_input(rng), torch.tensor(rng.normal(size=(5, SIZES[-1], T)))
    state, outcomes = rng.bit_generator.state, []
    for backend in ("fused", "plain"):
        rng.bit_generator.state = state
        net = make_net(rng, backend=backend)
        spikes = net(x)
        (weight * spikes[-1]).sum().backward()
        learned = (*net.weights(), *net.log_taus())
        outcomes.append(([s.detach() for s in spikes], [p.grad for p in learned]))
    (fused, found), (plain, expected) = outcomes

    for a, b in zip(fused, plain, strict=True):
        assert torch.equal(a, b)
    for a, b in zip(found, expected, strict=True):
        # the surrogate derivatives stand half a unit of 1/4096 V apart, and u is found again but
        # for the fraction that truncation took
        assert torch.allclose(a, b, rtol=0.02, atol=0.01 * float(b.abs().max()))


def test_events_are_trained_on_as_tensors_are(rng):
    net, x = make_net(rng), make_input(rng)
    rows = rows_of(x.permute(2, 0, 1).contiguous())

    for from_rows, from_tensor in zip(net(rows), net(x), strict=True):
        assert torch.equal(from_rows, from_tensor)
    with pytest.raises(TypeError, match="fused layers only"):
        make_net(rng, backend="plain")(rows)
