"""Quantisation-aware training: the forward pass is the chip, and the file holds nothing else."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from hetlava.chips import LOIHI2
from hetlava.errors import FormatError, UnsupportedError, ValidationError
from hetlava.events import from_dense
from hetlava.network import Network, Population, Projection
from hetlava.neurons.cuba import CubaLI, CubaLIF
from hetlava.quantisation import quantise
from hetlava.sim import floating, reference
from hetlava.train.checkpoint import read_checkpoint
from hetlava.train.config import TrainConfig
from hetlava.train.declared import usual
from hetlava.train.fit import fit
from hetlava.train.qat_net import QatNet
from hetlava.train.surrogates import SURROGATES

N_INPUTS, SIZES, DT, T = 14, (11, 9, 4), 1e-3, 40
CONFIG = TrainConfig(
    trainer="norse",
    dataset="bars",
    dt=1e-3,
    n_steps=25,
    hidden=(10,),
    epochs=8,
    batch=8,
    lr=0.03,
    seed=5,
    device="cpu",
    qat=True,
)


def draw(rng, *, grid=0.0, recurrent=False, readout="spike-count", discretisation="exponential"):
    """A float network as it might come from anywhere: leaks, thresholds per neuron, any weights."""
    names = ["hidden1", "hidden2", "output"]
    populations, projections = [], []
    for source, name, n, n_pre in zip(
        ["input", *names], names, SIZES, (N_INPUTS, *SIZES), strict=False
    ):
        neurons = {
            "tau_mem": rng.gamma(3, 0.007, n) + 1.5e-3,
            "tau_syn": rng.gamma(3, 0.003, n) + 1.5e-3,
            "v_leak": rng.normal(0, 0.05, n),
        }
        if name == "output" and readout != "spike-count":
            populations.append(Population(name=name, neurons=CubaLI(**neurons)))
        else:
            lif = CubaLIF(**neurons, v_threshold=rng.uniform(0.6, 1.5, n), v_reset=np.zeros(n))
            populations.append(Population(name=name, neurons=lif))
        for origin, size in ((source, n_pre), (name, n))[: 1 + (recurrent and name != "output")]:
            weights = rng.normal(0.03, 0.15, (n, size))
            weights = np.rint(weights / grid) * grid if grid else weights
            projections.append(Projection(source=origin, target=name, weights=weights, grid=grid))
    return Network(
        dt=DT,
        n_inputs=N_INPUTS,
        n_steps=T,
        populations=tuple(populations),
        projections=tuple(projections),
        output="output",
        readout=readout,
        discretisation=discretisation,
    )


def make(network, **options):
    net = QatNet(network, [SURROGATES["superspike"]] * 3, declared=usual(1.0, qat=True), **options)
    net.project()
    return net


def make_input(rng, n_samples=5):
    return torch.tensor(rng.random((n_samples, N_INPUTS, T)) < 0.15, dtype=torch.float32)


def as_events(x):
    return from_dense(x.detach().permute(2, 0, 1).numpy() > 0)


@pytest.mark.parametrize("grid", [0.0, 1 / 128])
@pytest.mark.parametrize("discretisation", ["exponential", "euler"])
@pytest.mark.parametrize("readout", ["spike-count", "last-voltage"])
@pytest.mark.parametrize("recurrent", [False, True])
def test_the_forward_pass_is_the_chip(rng, grid, recurrent, readout, discretisation):
    """Spikes of all layers and steps and voltages in units of the state, as learning goes on."""
    asked = {"recurrent": recurrent, "readout": readout, "discretisation": discretisation}
    net, x = make(draw(rng, grid=grid, **asked)), make_input(rng)
    optimiser = torch.optim.Adam([p for p in net.parameters() if p.requires_grad], lr=0.01)

    for _ in range(3):
        outputs = net(x)
        chip = reference.run(quantise(net.to_network(T, {}), LOIHI2), as_events(x), probes=("v",))
        spikes = net.spikes(outputs)
        assert list(chip.spikes)[: len(spikes)] == [as_events(s) for s in spikes]
        assert min(int(s.count_nonzero()) for s in spikes) > 0
        if readout != "spike-count":
            units = outputs[-1].detach().permute(2, 0, 1).double() * net.each()[-1].scale
            assert np.array_equal(np.rint(units.numpy()), chip.v[-1])
        optimiser.zero_grad()
        sum(y.square().sum() for y in outputs).backward()
        optimiser.step()
        net.project()


def test_what_is_written_is_not_rounded_again(rng):
    net = make(draw(rng, recurrent=True))

    network = net.to_network(T, {})
    quantised = quantise(network, LOIHI2)

    for layer, p in zip(net.each(), quantised.populations, strict=True):
        assert p.scale == pytest.approx(float(layer.scale), rel=1e-12)
        assert np.array_equal(p.registers.dv, layer.words("mem_decay"))
        assert np.array_equal(p.registers.du + 1, layer.words("syn_decay"))
        volts = network.population(p.name).neurons.v_threshold
        # a float64 may differ in its last bit from the product that it stands for
        assert np.allclose(p.registers.vth * 64 / p.scale, volts, rtol=1e-12, atol=0)
    for q, p in zip(quantised.projections, network.projections, strict=True):
        scale = quantised.population(q.target).scale
        back = np.ldexp(q.weights.astype(float), 6 + q.weight_exp) / scale
        assert np.allclose(back, p.weights, rtol=1e-12, atol=0)


def test_every_parameter_gets_a_gradient_at_every_hardness(rng):
    net, x = make(draw(rng, recurrent=True)), make_input(rng)
    for hardness in (0.0, 0.5, 1.0):
        net.hardness = hardness
        net.zero_grad()
        net(x)[-1].sum().backward()
        for p in (*net.weights(), *net.log_taus(), *net.thresholds()):
            assert torch.isfinite(p.grad).all()
            assert p.grad.abs().sum() > 0


def test_without_hardness_the_network_is_the_float_one(rng):
    network, x = draw(rng, recurrent=True, discretisation="euler"), make_input(rng)
    net = make(network)
    net.hardness = 0.0

    recording = floating.run(network, as_events(x))

    for ours, theirs in zip(net(x), recording.spikes, strict=True):
        moved = (ours.detach().permute(2, 0, 1).numpy() > 0) != theirs.to_dense()
        # float32 against float64: a voltage at its threshold may fall on either side
        assert moved.mean() < 2e-3


def test_rounding_comes_by_degrees_and_is_whole_in_time(rng):
    net, seen = make(draw(rng)), []
    for epoch in range(10):
        net.begin(epoch, 10, 0.3)
        seen.append(net.hardness)

    assert seen == [0.25, 0.5, 0.75] + 7 * [1.0]
    net.begin(0, 1, 0.3)
    assert net.hardness == 1


@pytest.mark.parametrize("trainer", ["norse", pytest.param("slayer", marks=pytest.mark.lava)])
def test_it_learns_and_the_integers_lose_nothing(bars, trainer):
    config, history = replace(CONFIG, trainer=trainer), []
    network = fit(config, *bars, on_epoch=history.append)
    inputs = bars[1].binned(config.dt, config.n_steps)

    chip = reference.run(quantise(network, LOIHI2), inputs)

    assert history[-1].test_accuracy >= 0.85
    assert (chip.predictions == bars[1].labels).mean() == history[-1].test_accuracy


def test_thresholds_are_learned_per_neuron(bars):
    thresholds = fit(CONFIG, bars[0]).populations[0].neurons.v_threshold

    assert len(set(thresholds)) > 1


class Stop(Exception):
    """What ends a run in the middle."""


def test_a_resumed_run_ends_in_the_same_bits(bars, tmp_path):
    checkpoint = tmp_path / "model.pt.ckpt"
    whole = fit(CONFIG, *bars)

    def stop(metrics):
        if metrics.epoch == 3:
            raise Stop

    with pytest.raises(Stop):
        fit(CONFIG, *bars, checkpoint=checkpoint, on_epoch=stop)

    assert fit(CONFIG, *bars, checkpoint=checkpoint, resume=True) == whole
    assert read_checkpoint(checkpoint, CONFIG).epoch == CONFIG.epochs


def test_a_trained_network_or_its_checkpoint_is_gone_on_from(bars, tmp_path):
    checkpoint = tmp_path / "model.pt.ckpt"
    trained = fit(replace(CONFIG, qat=False, epochs=6), *bars, checkpoint=checkpoint)
    config = replace(CONFIG, epochs=2)

    from_network = fit(config, *bars, start=trained)
    from_checkpoint = fit(config, *bars, start=checkpoint)

    assert from_network == from_checkpoint
    assert from_network.projections[0].grid == pytest.approx(trained.projections[0].grid)


def test_a_network_of_another_architecture_is_refused(rng, bars, tmp_path):
    with pytest.raises(ValidationError, match="another architecture: 14 channels, bars takes 12"):
        fit(CONFIG, bars[0], start=draw(rng))
    checkpoint = tmp_path / "model.pt.ckpt"
    fit(replace(CONFIG, epochs=1), bars[0], checkpoint=checkpoint)
    wider = torch.load(checkpoint, weights_only=True)
    wider["net"]["layers.0.weight"] = torch.zeros(7, 12)
    torch.save(wider, checkpoint)
    with pytest.raises(FormatError, match=r"layers.0.weight is \(7, 12\), expected \(10, 12\)"):
        fit(replace(CONFIG, epochs=2), bars[0], checkpoint=checkpoint, resume=True)


def test_a_network_is_gone_on_from_with_qat_only(rng, bars):
    with pytest.raises(ValidationError, match="needs quantisation-aware training"):
        fit(replace(CONFIG, qat=False), bars[0], start=draw(rng))


def test_a_network_that_is_no_chain_is_refused(rng):
    network = draw(rng)
    skip = Projection(source="input", target="output", weights=rng.normal(size=(4, N_INPUTS)))

    with pytest.raises(UnsupportedError, match="input -> output"):
        make(replace(network, projections=(*network.projections, skip)))


def test_a_plain_backend_has_no_such_path():
    with pytest.raises(ValidationError, match="backend is plain"):
        replace(CONFIG, backend="plain")
