"""Training on with a chip in the loop, or on dies."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from hetlava.errors import UnsupportedError, ValidationError
from hetlava.hardware.bss2_sim import bss2_target
from hetlava.hardware.mismatch_presets import PRESETS
from hetlava.network import Network, Population, Projection
from hetlava.neurons.cuba import CubaLI, CubaLIF
from hetlava.sim import floating
from hetlava.synapse_forms import as_lists
from hetlava.train.batches import dense
from hetlava.train.mismatch_tune import ChipInLoop, FixedNet, Tuning, tune

UNCALIBRATED = PRESETS["bss2-uncalibrated"]
QUICK = Tuning(epochs=2, lr=0.02, batch=16)


@pytest.fixture(params=["spike-count", "max-voltage"])
def net(request, rng) -> Network:
    """A network that tells the bars apart, output first in the order of populations."""
    n, classes = 24, 3
    group = np.arange(n) % classes

    def lif(size):
        return CubaLIF(
            tau_mem=rng.uniform(0.005, 0.03, size),
            tau_syn=rng.uniform(0.002, 0.01, size),
            v_leak=np.zeros(size),
            v_threshold=np.ones(size),
            v_reset=np.zeros(size),
        )

    out = lif(classes)
    if request.param != "spike-count":
        out = CubaLI(tau_mem=out.tau_mem, tau_syn=out.tau_syn, v_leak=out.v_leak)
    into = np.where(np.arange(12) // 4 == group[:, None], 0.15, -0.05)
    return Network(
        dt=1e-3,
        n_inputs=12,
        n_steps=20,
        populations=(Population(name="out", neurons=out), Population(name="a", neurons=lif(n))),
        projections=(
            Projection(source="input", target="a", weights=into + rng.normal(0, 0.02, (n, 12))),
            Projection(
                source="a",
                target="out",
                weights=np.where(group == np.arange(classes)[:, None], 0.15, -0.1),
            ),
        ),
        output="out",
        readout=request.param,
    )


def accuracy(recording, labels):
    return float((recording.predictions == labels).mean())


def test_the_loop_gives_what_the_chip_gives(net, bars):
    target, events = bss2_target(3, UNCALIBRATED), bars[0].binned(1e-3, 20).samples(0, 9)
    loop = ChipInLoop(FixedNet(net), target)
    outputs = loop(dense(events, np.arange(9)))
    chip = target.run(net, events, probes=("v",))
    assert torch.equal(outputs[0] > 0, torch.tensor(chip.spikes[1].to_dense()).permute(1, 2, 0))
    last = chip.spikes[0].to_dense() if net.readout == "spike-count" else chip.v[0]
    assert np.allclose(outputs[1].detach().numpy(), last.transpose(1, 2, 0), atol=1e-6)  # float32
    outputs[1].sum().backward()
    assert all(p.grad.abs().sum() > 0 for p in loop.weights())


def test_tuning_on_a_die_raises_its_accuracy_and_leaves_all_but_weights(net, bars):
    train, test = bars
    events = test.binned(1e-3, 20)
    # the worst of a few dies whose circuits hardly resemble each other
    wild = replace(UNCALIBRATED, gain=1.5, threshold=0.3, tau_syn=0.8)
    dies = [bss2_target(seed, wild) for seed in range(6)]
    before = [accuracy(die.run(net, events), test.labels) for die in dies]
    worst = int(np.argmin(before))
    target = dies[worst]
    tuned = tune(net, target, train, QUICK)
    after = accuracy(target.run(tuned, events), test.labels)
    assert before[worst] <= 0.9 and after > before[worst]
    assert tuned.populations == net.populations
    assert tuned.metadata["tuned"]["epochs"] == 2


def test_equal_runs_give_equal_weights_and_resume_to_them(net, bars, tmp_path):
    target = bss2_target(1, UNCALIBRATED)
    whole = tune(net, target, bars[0], QUICK)
    path = tmp_path / "ckpt"
    first = replace(QUICK, checkpoint=path)

    class Stop(Exception):
        pass

    def stop(metrics):
        raise Stop

    with pytest.raises(Stop):
        tune(net, target, bars[0], first, on_epoch=stop)
    assert tune(net, target, bars[0], replace(first, resume=True)) == whole


def test_tuning_on_dies_meets_new_ones(net, bars):
    tuned = tune(net, UNCALIBRATED, bars[0], QUICK)
    assert tuned.projections != net.projections and tuned.populations == net.populations


def test_of_lists_their_matrices_are_tuned(net, bars):
    thin = [replace(q, weights=q.weights * (np.abs(q.weights) > 0.05)) for q in net.projections]
    listed = replace(net, projections=tuple(map(as_lists, thin)))
    tuned = tune(listed, UNCALIBRATED, bars[0], QUICK)
    assert tuned == tune(replace(net, projections=tuple(thin)), UNCALIBRATED, bars[0], QUICK)


def test_a_fixed_net_is_the_network(net, bars):
    events = bars[0].binned(1e-3, 20).samples(0, 9)
    outputs = FixedNet(net)(dense(events, np.arange(9)))
    expected = floating.run(net, events).spikes[1].to_dense()
    # float32 against float64 at a threshold
    assert ((outputs[0].detach().numpy().transpose(2, 0, 1) > 0) != expected).mean() < 1e-3
    again = FixedNet(net).to_network(net.n_steps, dict(net.metadata))
    for a, b in zip(again.projections, net.projections, strict=True):
        assert np.allclose(a.weights, b.weights, rtol=1e-7)  # kept in float32


def test_what_cannot_be_tuned_is_refused(net, bars):
    with pytest.raises(UnsupportedError, match="Euler's"):
        tune(replace(net, discretisation="euler"), UNCALIBRATED, bars[0], QUICK)
    with pytest.raises(ValidationError, match="0 epochs"):
        tune(net, UNCALIBRATED, bars[0], Tuning(epochs=0))
