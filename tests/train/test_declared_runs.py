"""Whole runs of what is declared: learned, resumed, met by dies, rebuilt."""

from dataclasses import replace

import numpy as np
import pytest

from hetlava.chips import LOIHI2
from hetlava.errors import FormatError
from hetlava.events import from_dense
from hetlava.hardware.core_sharing import Sharing, quantise_sharing
from hetlava.sim import floating
from hetlava.train.building import build
from hetlava.train.codebook_finetune import FineTuning, finetune, tuned_config
from hetlava.train.config import TrainConfig
from hetlava.train.fit import binned, fit
from hetlava.train.rebuild import rebuild

pytest.importorskip("norse")
CONFIG = TrainConfig(
    dataset="bars",
    dt=1e-3,
    n_steps=20,
    hidden=(10,),
    epochs=2,
    batch=10,
    trainer="norse",
    readout="max-over-time",
    threshold="uniform:0.8V,1.2V",
    rest="uniform:-0.2V,0.2V",
    reset="uniform:-0.2V,0.1V",
    learn=("threshold=neuron", "rest=neuron", "reset=layer"),
    space=("decay", "tau_syn=logit"),
    clip=("code2021",),
    regularise=("l2:0.1", "threshold=l2:0.1", "rest=variance:1", "tau_syn=log-variance:0.01"),
)


def moved(before, after, name):
    return not np.array_equal(getattr(before.neurons, name), getattr(after.neurons, name))


@pytest.mark.parametrize("changes", [{}, {"mismatch": "bss2-calibrated"}, {"qat": True}])
def test_every_trainer_learns_every_parameter(bars, changes):
    started = []
    trained = fit(replace(CONFIG, **changes), bars[0], on_start=started.append)

    for name in ("tau_mem", "tau_syn", "v_threshold", "v_leak", "v_reset"):
        assert moved(started[0].populations[0], trained.populations[0], name)


@pytest.mark.lava
def test_slayer_learns_potentials_on_its_grid(bars):
    asked = replace(
        CONFIG, trainer="slayer", readout="spike-count", threshold="uniform:3V,5V", lr=0.05
    )
    started = []
    neurons = fit(asked, bars[0], on_start=started.append).populations[0].neurons

    assert np.array_equal(neurons.v_threshold * 64, np.rint(neurons.v_threshold * 64))
    assert not np.array_equal(neurons.v_threshold, started[0].populations[0].neurons.v_threshold)


class Stop(Exception):
    """What ends a run in the middle."""


@pytest.mark.parametrize("qat", [False, True])
def test_a_resumed_run_ends_in_the_same_bits(bars, tmp_path, qat):
    config, path = replace(CONFIG, qat=qat), tmp_path / "model.pt.ckpt"
    whole = fit(config, bars[0])

    def stop(metrics):
        raise Stop

    with pytest.raises(Stop):
        fit(config, bars[0], checkpoint=path, on_epoch=stop)

    assert fit(config, bars[0], checkpoint=path, resume=True) == whole


def test_a_checkpoint_of_another_architecture_is_refused(bars, tmp_path):
    path = tmp_path / "model.pt.ckpt"
    fit(CONFIG, bars[0], checkpoint=path)
    from hetlava.train import checkpoint

    saved = checkpoint.read_checkpoint(path, CONFIG)
    net = build(replace(CONFIG, learn=(), regularise=()), binned(bars[0], CONFIG), 3)
    with pytest.raises(FormatError, match="another architecture: .*layers.0.potentials"):
        checkpoint.restore(path, saved, net, None)


def test_a_checkpoint_from_before_an_option_is_gone_on_from(bars, tmp_path):
    import torch

    config = TrainConfig(
        dataset="bars", dt=1e-3, n_steps=20, trainer="norse", hidden=(6,), epochs=1
    )
    path = tmp_path / "model.pt.ckpt"
    fit(config, bars[0], checkpoint=path)
    saved = torch.load(path, weights_only=True)
    for name in ("rest", "reset", "learn", "space", "clip", "lr_of"):
        del saved["config"][name]
    torch.save(saved, path)

    longer = replace(config, epochs=2)
    assert fit(longer, bars[0], checkpoint=path, resume=True) == fit(longer, bars[0])


def test_decays_learned_in_another_space_are_shared_and_tuned(bars):
    config = replace(CONFIG, lr_of=("tau_mem=0.001", "threshold=0.02"))
    net = fit(config, bars[0])
    shared = quantise_sharing(net, LOIHI2, None, Sharing(k=4))

    tuned = finetune(net, shared, bars[0], FineTuning(epochs=1))

    for p in tuned.populations:
        assert np.unique(np.stack([p.neurons.tau_mem, p.neurons.tau_syn]), axis=1).shape[1] <= 4
    assert tuned_config(config, FineTuning(epochs=1)).lr_of == ("threshold=0.005",)


@pytest.mark.parametrize("readout", ["max-over-time", "spike-count"])
def test_a_written_network_is_rebuilt_with_its_potentials(bars, rng, readout):
    config = replace(CONFIG, readout=readout)
    net = fit(config, bars[0])

    again = rebuild(net, config).to_network(net.n_steps, {})

    x = from_dense(rng.random((20, 4, 12)) < 0.3)
    assert floating.run(net, x).spikes == floating.run(again, x).spikes


def test_penalties_hold_what_they_are_of(bars):
    strong = replace(CONFIG, regularise=("threshold=l2:1e4",), lr=0.02)
    spread = []
    for config in (strong, replace(strong, regularise=())):
        started = []
        after = fit(config, bars[0], on_start=started.append).populations[0].neurons
        first = started[0].populations[0].neurons
        spread.append(np.abs(after.v_threshold - first.v_threshold).mean())

    assert spread[0] < 0.5 * spread[1]
