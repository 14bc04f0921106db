"""norse's steps and ours: the converted network has the same spikes in every layer and step."""

import numpy as np
import pytest
import torch

from hetlava.chips import LOIHI2
from hetlava.events import from_dense
from hetlava.neurons.cuba import CubaLI
from hetlava.quantisation import quantise
from hetlava.sim import floating, reference
from hetlava.train.config import Surrogate
from hetlava.train.declared import usual
from hetlava.train.log_tau import Taus
from hetlava.train.norse_net import NorseNet
from hetlava.train.readouts import READOUTS, logits

lif = pytest.importorskip("norse.torch.functional.lif")

N_INPUTS, SIZES, DT, T = 20, (15, 12, 4), 1e-3, 60


def make_net(rng, **options):
    """A float64 net whose neurons each have time constants of their own."""
    taus = [Taus(rng.gamma(3, 0.007, n) + 1.5e-3, rng.gamma(3, 0.003, n) + 1.5e-3) for n in SIZES]
    declared = usual(4.0, options.pop("learn_tau", "neuron"))
    net = NorseNet(N_INPUTS, taus, DT, **{"declared": declared} | options).double()
    net.initialise(make_input(rng), 0.8, torch.Generator().manual_seed(int(rng.integers(1 << 30))))
    return net


def make_input(rng, n_samples=6):
    return torch.tensor(rng.random((n_samples, N_INPUTS, T)) < 0.15, dtype=torch.float64)


def time_first(x):
    return x.detach().permute(2, 0, 1).numpy()


def as_events(x):
    return from_dense(time_first(x) > 0)


@pytest.mark.parametrize("recurrent", [False, True])
@pytest.mark.parametrize("readout", READOUTS)
@pytest.mark.parametrize("learn_tau", ["neuron", "layer"])
def test_norse_and_the_converted_network_spike_alike(rng, recurrent, readout, learn_tau):
    net = make_net(rng, recurrent=recurrent, readout=READOUTS[readout], learn_tau=learn_tau)
    x = make_input(rng)

    outputs = net(x)
    recording = floating.run(net.to_network(T, {}), as_events(x), probes=("v",))

    spikes = net.spikes(outputs)
    assert min(int(s.count_nonzero()) for s in spikes) > 0
    for ours, theirs in zip(recording.spikes, spikes, strict=False):
        assert ours == as_events(theirs)
    log_odds = logits(net.readout, outputs[-1], net.threshold).detach().numpy()
    scale = log_odds.std() / recording.scores.std()
    # float64: two orders of the same sums
    assert np.allclose(log_odds, recording.scores * scale, rtol=1e-10, atol=1e-10)


def test_the_voltages_of_an_integrator_are_norses(rng):
    net = make_net(rng, readout="max-voltage")
    x = make_input(rng)

    recording = floating.run(net.to_network(T, {}), as_events(x), probes=("v",))

    # float64, values of order 1 V, 60 steps
    assert np.allclose(recording.v[-1], time_first(net(x)[-1]), rtol=0, atol=1e-12)
    assert type(net.to_network(T, {}).population("output").neurons) is CubaLI


def test_a_sum_of_weights_that_equals_the_threshold_is_no_spike_anywhere(rng):
    net = make_net(rng)
    with torch.no_grad():
        net.layers[0].weight.fill_(net.threshold / 4)
    x = torch.zeros(1, N_INPUTS, T, dtype=torch.float64)
    x[0, :4, 0] = 1  # u = v = threshold at the next step
    network = net.to_network(T, {})

    for recording in (
        floating.run(network, as_events(x)),
        reference.run(quantise(network, LOIHI2), as_events(x)),
    ):
        first_steps = recording.spikes[0].to_dense()[:2]
        assert not first_steps.any()
    assert not net(x)[0][..., :2].any()


def test_quantising_keeps_weights_thresholds_and_decays(rng):
    net = make_net(rng, recurrent=True)

    quantised = quantise(net.to_network(T, {}), LOIHI2)

    for layer, p in zip(net.layers, quantised.populations, strict=True):
        mem, syn = (4096 * share.detach().numpy() for share in layer.shares())
        assert np.array_equal(p.registers.dv, np.rint(mem))
        assert np.array_equal(p.registers.du + 1, np.rint(syn))
        assert set(p.registers.vth) == {256}
    volts = {p.name: p.scale for p in quantised.populations}
    for q, p in zip(quantised.projections, net.to_network(T, {}).projections, strict=True):
        back = np.ldexp(q.weights.astype(float), 6 + q.weight_exp) / volts[q.target]
        assert np.array_equal(back, p.weights)


def test_every_layer_is_one_step_later_than_the_one_before(rng):
    net = make_net(rng)
    with torch.no_grad():
        for weight in net.weights():
            weight.fill_(net.threshold)
    x = torch.zeros(1, N_INPUTS, T, dtype=torch.float64)
    x[0, :2, 3] = 1

    firsts = [int(s.sum((0, 1)).nonzero()[0]) for s in net(x)]

    assert firsts == [4, 5, 6]


@pytest.mark.parametrize("recurrent", [False, True])
@pytest.mark.parametrize("readout", ["spike-count", "max-voltage"])
def test_both_backends_give_the_same_outputs_and_gradients(rng, recurrent, readout):
    x, state, outcomes = make_input(rng), rng.bit_generator.state, []
    for backend in ("fused", "plain"):
        rng.bit_generator.state = state
        net = make_net(rng, backend=backend, recurrent=recurrent, readout=readout)
        outputs = net(x)
        outputs[-1].square().sum().backward()
        learned = (*net.weights(), *net.log_taus())
        outcomes.append(([y.detach() for y in outputs], [p.grad for p in learned]))
    (fused, found), (plain, expected) = outcomes

    # float64: the same sums in another order
    for a, b in zip(fused, plain, strict=True):
        assert torch.allclose(a, b, rtol=0, atol=1e-11)
    for a, b in zip(found, expected, strict=True):
        assert torch.allclose(a, b, rtol=1e-8, atol=1e-8 * float(b.abs().max()))


def finite_slope(function, x, step=1e-6):
    return (function(x + step) - function(x - step)) / (2 * step)


def test_gradients_of_integrators_are_those_of_finite_differences(rng):
    taus = [Taus(rng.gamma(3, 0.007, 4) + 1.5e-3, rng.gamma(3, 0.003, 4) + 1.5e-3)]
    net = NorseNet(N_INPUTS, taus, DT, declared=usual(4.0), readout="last-voltage").double()
    x = make_input(rng)
    arriving = x.permute(2, 0, 1)
    weight = torch.tensor(rng.normal(size=(4, N_INPUTS)), requires_grad=True)

    def final(w):
        return net.layers[0].integrate(arriving, w)[-1].sum().item()

    net.layers[0].integrate(arriving, weight)[-1].sum().backward()

    for at in ((0, 0), (2, 5)):
        bump = torch.zeros_like(weight)
        bump[at] = 1
        slope = finite_slope(lambda a, b=bump: final(weight.detach() + a * b), 0.0)
        # linear in the weights: central differences err by rounding alone
        assert float(weight.grad[at]) == pytest.approx(slope, rel=1e-6)


@pytest.mark.parametrize("surrogate", Surrogate.__args__)
def test_every_surrogate_reaches_weights_and_time_constants(rng, surrogate):
    net = make_net(rng, surrogate=surrogate)

    net(make_input(rng))[-1].sum().backward()

    for p in (*net.weights(), *net.log_taus()):
        assert torch.isfinite(p.grad).all()
        assert p.grad.abs().sum() > 0


def test_the_forward_pass_does_not_depend_on_the_surrogate(rng):
    x, state = make_input(rng), rng.bit_generator.state
    spikes = []
    for surrogate in Surrogate.__args__:
        rng.bit_generator.state = state
        spikes.append(make_net(rng, surrogate=surrogate)(x)[-1])

    assert all(torch.equal(s, spikes[0]) for s in spikes)


def test_norse_is_left_as_it_was_found(rng):
    stock = lif.threshold
    net = make_net(rng, backend="plain")

    net(make_input(rng))
    with pytest.raises(RuntimeError):
        net(torch.zeros(1, N_INPUTS + 1, T, dtype=torch.float64))

    assert lif.threshold is stock


def test_projected_parameters_are_those_of_the_chip(rng):
    net = make_net(rng, recurrent=True)
    with torch.no_grad():
        for p in (*net.weights(), *net.log_taus()):
            p.mul_(1e3)

    net.project()

    for layer in net.layers:
        for share in layer.shares():
            words = 4096 * share.detach()
            assert torch.equal(words, words.round())
            assert 1 <= words.min() <= words.max() <= 4095
    assert quantise(net.to_network(T, {}), LOIHI2).n_inputs == N_INPUTS
