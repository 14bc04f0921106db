"""``hetlava train``: from the command line to model.pt, and back after an interruption."""

import json

import pytest

from hetlava.errors import DataError

pytest.importorskip("sklearn")
pytestmark = pytest.mark.lava
QUICK = ("train", "--slayer", "digits", "--hidden", "12", "--batch", "256", "--steps", "20")


def test_training_writes_a_model_metrics_and_a_checkpoint(hetlava, tmp_path):
    from hetlava.train.model_file import read_model

    out = tmp_path / "model.pt"
    outcome = hetlava(*QUICK, "--epochs", 2, "--tau-mem", "levels:5ms,20ms", "--out", out)
    network = read_model(out)
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]

    assert outcome.code == 0, outcome.err
    assert [line["epoch"] for line in lines] == [1, 2]
    assert f"{100 * lines[-1]['test_accuracy']:.1f} %" in outcome.out
    assert [p.neurons.n for p in network.populations] == [12, 10]
    assert network.metadata["config"]["tau_mem"] == "levels:5ms,20ms"
    assert (tmp_path / "model.pt.ckpt").is_file()


def test_an_interrupted_run_is_resumed_to_the_same_bytes(hetlava, tmp_path, monkeypatch):
    from hetlava.train import fit

    whole, stopped = tmp_path / "whole.pt", tmp_path / "stopped.pt"
    hetlava(*QUICK, "--epochs", 2, "--out", whole)
    real = fit.train_epoch

    def interrupted(net, optimiser, data, config, epoch, *rest):
        if epoch == 1:
            raise KeyboardInterrupt
        return real(net, optimiser, data, config, epoch, *rest)

    monkeypatch.setattr(fit, "train_epoch", interrupted)
    outcome = hetlava(*QUICK, "--epochs", 2, "--out", stopped)
    monkeypatch.setattr(fit, "train_epoch", real)
    assert outcome.code == 130
    assert "--resume" in outcome.out
    assert not stopped.exists()

    hetlava(*QUICK, "--epochs", 2, "--out", stopped, "--resume")
    assert stopped.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "name the data set"),
        (("--slayer", "digits", "--norse", "digits"), "name the data set to train on, once"),
        (("--norse", "mnist99"), "known: digits, nmnist"),
        (("--norse", "digits", "--surrogate", "step"), "superspike or fast-sigmoid or atan"),
        (("--norse", "digits", "--readout", "sum"), "spike-count or max-over-time or last or mean"),
        (("--norse", "digits", "--regularise", "l1:2"), "regulariser 'l1' is unknown"),
        (("--norse", "digits", "--tau-mem", "constant:10us"), "at least dt"),
        (("--slayer", "digits", "--recurrent"), "expected False; --norse has others"),
        (("--slayer", "digits", "--readout", "last"), "expected spike-count; --norse"),
        (("--slayer", "mnist99"), "known: digits, nmnist"),
        (("--slayer", "digits", "--tau-syn", "gamma:-3ms,shape=2"), "-3ms"),
        (("--slayer", "digits", "--dt", "1"), "1 has no unit"),
        (("--slayer", "digits", "--hidden", "12;10"), "expected layers such as"),
        (("--slayer", "digits", "--hidden", "16c9"), "kernel of 16c9 does not fit an image of 8 x"),
        (("--slayer", "interval", "--hidden", "4c3"), "channels of interval are no image"),
        (("--slayer", "digits", "--learn", "tau_mem=channel"), "all layers are dense"),
        (("--slayer", "digits", "--learn-tau", "some"), "neuron or channel or layer or none"),
        (("--slayer", "digits", "--device", "npu"), "auto or cpu or cuda"),
        (("--slayer", "digits", "--resume"), "no such file"),
        (("--slayer", "digits", "--tau-mem", "levels:0.2ms,20ms"), "at one level, expected at lea"),
        (("--norse", "digits", "--tau-syn", "uniform:0.2ms,20ms"), "at its lower end, expected"),
        (("--slayer", "digits", "--backend", "cuda"), "backend is cuda, expected fused or plain"),
        (("--norse", "digits", "--qat", "--backend", "plain"), "fused with qat"),
        (("--norse", "digits", "--qat-ramp", "1.5", "--qat"), "qat_ramp is 1.5, expected 0 to"),
        (("none.pt", "--slayer", "digits"), "gone on from with --resume and --qat"),
        (("none.pt", "--resume", "--qat"), "no such file"),
    ],
)
def test_a_wrong_option_is_named_and_nothing_is_written(hetlava, tmp_path, arguments, message):
    outcome = hetlava("train", *arguments, "--out", tmp_path / "model.pt")

    assert outcome.code == 2
    assert message in outcome.err
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_named_before_anything_is_trained(hetlava, tmp_path):
    outcome = hetlava(*QUICK, "--out", tmp_path / "nowhere" / "model.pt")

    assert outcome.code == 2
    assert "does not exist" in outcome.err


def test_a_full_disk_keeps_the_old_model(hetlava, tmp_path, monkeypatch):
    from hetlava.train import model_file

    out = tmp_path / "model.pt"
    out.write_bytes(b"the old one")

    def full(*arguments):
        raise DataError("model.pt: not written, the old file stays: No space left on device")

    monkeypatch.setattr(model_file, "write_torch", full)
    outcome = hetlava(*QUICK, "--epochs", 1, "--out", out)

    assert outcome.code == 2
    assert "No space left" in outcome.err
    assert out.read_bytes() == b"the old one"


def test_norse_trains_a_recurrent_net_that_the_chip_keeps(hetlava, tmp_path):
    out = tmp_path / "model.pt"
    options = ("--recurrent", "--readout", "last", "--regularise", "rate:20Hz,0.01")
    quick = ("--hidden", "16", "--batch", "64", "--steps", "24", "--epochs", 3)
    outcome = hetlava("train", "--norse", "digits", *quick, *options, "--out", out)
    verified = hetlava("verify", out, "--data", "digits", "--max-drop", "1.0")

    assert outcome.code == 0, outcome.err
    assert "hidden1" in outcome.out
    assert verified.code == 0, verified.out


@pytest.mark.parametrize("begin", ["model.pt", "model.pt.ckpt", ""])
def test_a_trained_model_goes_on_for_the_chip(hetlava, tmp_path, begin):
    """``hetlava train --resume MODEL --qat``: data and options are those that it was trained by."""
    out, tuned = tmp_path / "model.pt", tmp_path / "tuned.pt" if begin else tmp_path / "model.pt"
    quick = ("--hidden", "16", "--batch", "64", "--steps", "24", "--epochs", 3)
    hetlava("train", "--norse", "digits", *quick, "--out", out)
    which = (tmp_path / begin,) if begin else ()

    outcome = hetlava("train", "--resume", *which, "--qat", "--epochs", 2, "--out", tuned)
    verified = hetlava("verify", tuned, "--data", "digits", "--max-drop", "0.0")

    assert outcome.code == 0, outcome.err
    assert verified.code == 0, verified.out


def test_a_model_that_says_not_how_it_was_trained_needs_its_own_options(
    hetlava, tmp_path, digits_network
):
    from hetlava.train.model_file import write_model

    write_model(tmp_path / "bare.pt", digits_network)

    outcome = hetlava("train", "--resume", tmp_path / "bare.pt", "--qat")

    assert outcome.code == 2
    assert "does not say how it was trained" in outcome.err
