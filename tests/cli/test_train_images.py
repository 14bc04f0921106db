"""Kernels and pools on the command line: from training to the chip, nothing lost on the way."""

import json

import numpy as np
import pytest

from hetlava.export.net_hdf5 import read
from hetlava.float_synapses import Convolution
from hetlava.recording_file import read_recording

pytest.importorskip("sklearn")
TRAINERS = [pytest.param("slayer", marks=pytest.mark.lava), "norse"]
LAYERS = ("--hidden", "4c3,2p,12", "--batch", "64", "--lr", "0.03", "--epochs", "2")


@pytest.fixture
def trained(hetlava, tmp_path):
    """Train on digits, and give the path of the model."""

    def train(trainer, *options):
        if trainer == "norse":
            pytest.importorskip("norse")
        out = tmp_path / "model.pt"
        outcome = hetlava("train", f"--{trainer}", "digits", *LAYERS, *options, "--out", out)
        assert outcome.code == 0, outcome.err
        return out

    return train


@pytest.mark.parametrize("trainer", TRAINERS)
def test_images_go_from_training_to_the_chip(hetlava, trained, tmp_path, trainer):
    from hetlava.train.model_file import read_model

    model = trained(trainer, "--qat", "--learn-tau", "channel", "--learn", "threshold=channel")
    network, net, log = read_model(model), tmp_path / "model.net", tmp_path / "parity.json"

    exported = hetlava("export", model, "--out", net)
    runs = [
        hetlava("run", net, "--data", "digits", "--target", target, "--limit", 40,
                "--out", tmp_path / f"{target}.npz")
        for target in ("reference", "loihi2-sim")
    ]  # fmt: skip
    verified = hetlava(
        "verify", model, "--data", "digits", "--limit", 40, "--max-drop", 50, "--json", log
    )

    assert exported.code == 0, exported.err
    assert [run.code for run in runs] == [0, 0] and verified.code == 0, verified.err
    kernel, pooled, _ = network.projections
    assert isinstance(kernel, Convolution) and kernel.output_shape == (4, 6, 6)
    assert pooled.weights.shape == (12, 4 * 36)
    registers = read(net).populations[0].registers
    for values in (registers.dv, registers.du, registers.vth):
        assert (np.ptp(values.reshape(4, 36), axis=1) == 0).all()
    spikes = [read_recording(tmp_path / f"{t}.npz").spikes for t in ("reference", "loihi2-sim")]
    assert spikes[0] == spikes[1] and min(s.n_events for s in spikes[0]) > 0
    assert json.loads(log.read_text())


def test_the_chip_has_the_accuracy_that_training_told(hetlava, trained, tmp_path):
    model = trained("norse", "--qat", "--qat-ramp", 0.5)
    metrics = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]

    hetlava("export", model, "--out", tmp_path / "model.net")
    outcome = hetlava("run", tmp_path / "model.net", "--data", "digits")

    assert f"{100 * metrics[-1]['test_accuracy']:.1f} [" in outcome.out


def test_a_configuration_of_images_is_printed(hetlava):
    outcome = hetlava("train", "--norse", "nmnist", "--hidden", "12c5, 2p,64", "--print-config")

    assert outcome.code == 0, outcome.err
    assert 'hidden = ["12c5", "2p", 64]' in outcome.out and "image = [2, 34, 34]" in outcome.out
