"""Training norse's cells from end to end: it learns, repeats itself, resumes, and refuses."""

from dataclasses import replace

import pytest
import torch

from hetlava.chips import LOIHI2
from hetlava.errors import MissingPackageError, TrainingError, ValidationError
from hetlava.quantisation import quantise
from hetlava.sim import floating, reference
from hetlava.train import norse_layer
from hetlava.train.config import TrainConfig
from hetlava.train.fit import fit
from hetlava.train.model_file import read_model, write_model

pytest.importorskip("norse")

CONFIG = TrainConfig(
    trainer="norse",
    dataset="bars",
    dt=1e-3,
    n_steps=25,
    hidden=(10,),
    epochs=4,
    batch=8,
    lr=0.03,
    drop=0.1,
    image=(1, 3, 4),
    shift=1,
    seed=5,
    device="cpu",
    recurrent=True,
    readout="max-over-time",
    regularise=("variance:0.01", "rate:50Hz,0.1"),
)
PLAIN = {"recurrent": False, "readout": "spike-count", "regularise": (), "shift": 0, "drop": 0.0}


@pytest.mark.parametrize("readout", ["spike-count", "max-over-time", "last", "mean"])
@pytest.mark.parametrize("recurrent", [False, True])
def test_it_learns_what_can_be_learned_and_keeps_it_on_the_chip(bars, readout, recurrent):
    config = replace(CONFIG, **PLAIN | {"readout": readout, "recurrent": recurrent, "epochs": 12})
    history, test = [], bars[1]

    network = fit(config, *bars, on_epoch=history.append)
    inputs = test.binned(config.dt, config.n_steps)

    assert history[-1].test_accuracy >= 0.9
    for recording in (
        floating.run(network, inputs),
        reference.run(quantise(network, LOIHI2), inputs),
    ):
        assert (recording.predictions == test.labels).mean() >= history[-1].test_accuracy - 0.04


class Stop(Exception):
    """What ends a run in the middle."""


@pytest.mark.parametrize("learn_tau", ["neuron", "layer", "none"])
def test_a_resumed_run_ends_in_the_same_bits(bars, tmp_path, learn_tau):
    config, checkpoint = replace(CONFIG, learn_tau=learn_tau), tmp_path / "model.pt.ckpt"
    whole = fit(config, *bars)

    def stop(metrics):
        if metrics.epoch == 2:
            raise Stop

    with pytest.raises(Stop):
        fit(config, *bars, checkpoint=checkpoint, on_epoch=stop)

    assert fit(config, *bars, checkpoint=checkpoint, resume=True) == whole


def test_a_model_of_integrators_and_loops_is_read_as_it_was_written(bars, tmp_path):
    network = fit(replace(CONFIG, epochs=1), bars[0])
    write_model(tmp_path / "model.pt", network)

    assert read_model(tmp_path / "model.pt") == network
    assert network.discretisation == "euler"
    assert network.readout == "max-voltage"
    assert [(p.source, p.target) for p in network.projections] == [
        ("input", "hidden1"),
        ("hidden1", "hidden1"),
        ("hidden1", "output"),
    ]
    assert set(network.metadata["versions"]) == {"torch", "norse"}


def test_the_rate_regulariser_moves_rates_to_its_target(bars):
    config = replace(CONFIG, **PLAIN | {"epochs": 15})
    histories = []
    for regularise in ((), ("rate:20Hz,3",)):
        history = []
        fit(replace(config, regularise=regularise), bars[0], on_epoch=history.append)
        histories.append(history[-1].rates[0] / config.dt)

    assert abs(histories[1] - 20) < abs(histories[0] - 20) / 2


def test_the_variance_regulariser_narrows_time_constants(bars):
    config = replace(CONFIG, **PLAIN | {"lr_tau": 0.02})
    free, narrowed = (
        fit(replace(config, regularise=r), bars[0]).populations[0].neurons.tau_mem.var()
        for r in ((), ("variance:1",))
    )

    assert narrowed < free / 2


def test_a_checkpoint_of_the_other_trainer_is_not_resumed(bars, tmp_path):
    checkpoint = tmp_path / "model.pt.ckpt"
    fit(replace(CONFIG, **PLAIN | {"epochs": 1}), bars[0], checkpoint=checkpoint)
    other = replace(CONFIG, **PLAIN | {"trainer": "slayer"})

    with pytest.raises(ValidationError, match="trainer 'norse', asked 'slayer'"):
        fit(other, bars[0], checkpoint=checkpoint, resume=True)


@pytest.mark.parametrize(("layer", "name"), [(0, "hidden1"), (1, "output")])
def test_a_number_that_is_none_is_traced_to_its_layer(bars, tmp_path, layer, name):
    checkpoint = tmp_path / "model.pt.ckpt"
    config = replace(CONFIG, **PLAIN | {"epochs": 1, "readout": "last"})
    fit(config, bars[0], checkpoint=checkpoint)
    content = torch.load(checkpoint, weights_only=True)
    content["net"][f"layers.{layer}.weight"][0, 0] = torch.nan
    torch.save(content, checkpoint)
    before = checkpoint.read_bytes()

    with pytest.raises(TrainingError, match=f"not finite.* of layer {name}.*checkpoint stays"):
        fit(replace(config, epochs=2), bars[0], checkpoint=checkpoint, resume=True)
    assert checkpoint.read_bytes() == before


def test_without_norse_the_error_says_what_to_install(bars, monkeypatch):
    def missing(name):
        raise ImportError(name)

    norse_layer._norse.cache_clear()
    monkeypatch.setattr("hetlava.train.norse_layer.importlib.import_module", missing)
    with pytest.raises(MissingPackageError, match=r"hetlava\[train\]"):
        fit(CONFIG, bars[0])
    norse_layer._norse.cache_clear()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"surrogate": "sigmoid"}, "surrogate is sigmoid, expected superspike or"),
        ({"readout": "first"}, "readout is first, expected spike-count or max-over-time"),
        ({"trainer": "snntorch"}, "trainer is snntorch, expected slayer or norse"),
        ({"regularise": ("entropy:1",)}, "regulariser 'entropy' is unknown; known"),
        ({"regularise": ("variance:-1",)}, "above 0"),
        ({"regularise": ("rate:20,1",)}, "20 has no unit; write 20Hz"),
        ({"tau_mem": "constant:0.5ms"}, "tau_mem is 0.0005 s in the mean, expected at least dt"),
        ({"trainer": "slayer"}, "recurrent is True, expected False; --norse"),
        ({"trainer": "slayer", "recurrent": False}, "readout is max-over-time"),
    ],
)
def test_an_impossible_option_is_refused(fields, message):
    with pytest.raises(ValidationError, match=message):
        replace(CONFIG, **fields)
