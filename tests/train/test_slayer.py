"""Training from end to end: it learns, repeats itself, resumes, and stops when it should."""

import json

import pytest
import torch

from hetlava.errors import DataError, FormatError, TrainingError, ValidationError
from hetlava.train.checkpoint import read_checkpoint
from hetlava.train.config import TrainConfig
from hetlava.train.fit import choose_device, fit
from hetlava.train.metrics import MetricsLog
from hetlava.train.model_file import write_model

pytestmark = pytest.mark.lava

CONFIG = TrainConfig(
    dataset="bars",
    dt=1e-3,
    n_steps=25,
    hidden=(10,),
    epochs=4,
    batch=8,
    drop=0.1,
    image=(1, 3, 4),
    shift=1,
    seed=5,
    device="cpu",
)


def changed(**fields):
    from dataclasses import replace

    return replace(CONFIG, **fields)


def test_it_learns_what_can_be_learned(bars):
    history = []
    fit(changed(epochs=15, shift=0), *bars, on_epoch=history.append)

    assert [m.epoch for m in history] == list(range(1, 16))
    assert history[-1].loss < history[0].loss
    assert history[-1].test_accuracy >= 0.9


def test_time_constants_are_learned_along(bars):
    history = []
    fit(changed(lr_tau=0.05), *bars, on_epoch=history.append)

    assert history[0].tau_mem != history[-1].tau_mem


def test_one_seed_gives_one_file_and_another_another(bars, tmp_path):
    written = []
    for seed in (5, 5, 6):
        write_model(tmp_path / "model.pt", fit(changed(seed=seed), bars[0]))
        written.append((tmp_path / "model.pt").read_bytes())

    assert written[0] == written[1]
    assert written[0] != written[2]


class Stop(Exception):
    """What ends a run in the middle."""


def stop_after(epochs, error):
    def on_epoch(metrics):
        if metrics.epoch == epochs:
            raise error

    return on_epoch


@pytest.mark.parametrize("learn_tau", ["neuron", "layer", "none"])
def test_a_resumed_run_ends_in_the_same_bits(bars, tmp_path, learn_tau):
    config, checkpoint = changed(learn_tau=learn_tau), tmp_path / "model.pt.ckpt"
    whole = fit(config, *bars)

    with pytest.raises(Stop):
        fit(config, *bars, checkpoint=checkpoint, on_epoch=stop_after(2, Stop))
    resumed = fit(config, *bars, checkpoint=checkpoint, resume=True)

    assert read_checkpoint(checkpoint, config).epoch == 4
    assert resumed == whole


def test_two_epochs_and_two_more_are_four(bars, tmp_path):
    checkpoint = tmp_path / "model.pt.ckpt"
    fit(changed(epochs=2), *bars, checkpoint=checkpoint)

    assert fit(CONFIG, *bars, checkpoint=checkpoint, resume=True) == fit(CONFIG, *bars)


def test_ctrl_c_inside_an_epoch_leaves_the_epoch_before(bars, tmp_path):
    checkpoint, batches = tmp_path / "model.pt.ckpt", []

    def on_batch(done, n_batches):
        batches.append(done)
        if len(batches) == n_batches + 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(CONFIG, *bars, checkpoint=checkpoint, on_batch=on_batch)

    assert read_checkpoint(checkpoint, CONFIG).epoch == 1
    assert fit(CONFIG, *bars, checkpoint=checkpoint, resume=True) == fit(CONFIG, *bars)


def test_ctrl_c_in_the_first_epoch_leaves_a_checkpoint_too(bars, tmp_path):
    checkpoint = tmp_path / "model.pt.ckpt"

    def on_batch(done, n_batches):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(CONFIG, *bars, checkpoint=checkpoint, on_batch=on_batch)

    assert read_checkpoint(checkpoint, CONFIG).epoch == 0


def test_another_configuration_is_not_resumed(bars, tmp_path):
    checkpoint = tmp_path / "model.pt.ckpt"
    fit(changed(epochs=1), *bars, checkpoint=checkpoint)

    with pytest.raises(ValidationError, match=r"hidden \[10\], asked \[11\]; lr 0.01, asked 0.5"):
        fit(changed(hidden=(11,), lr=0.5), *bars, checkpoint=checkpoint, resume=True)
    fit(CONFIG, *bars, checkpoint=checkpoint, resume=True)
    with pytest.raises(ValidationError, match="4 epochs are done, 1 are asked for"):
        fit(changed(epochs=1), *bars, checkpoint=checkpoint, resume=True)


def test_a_missing_or_damaged_checkpoint_is_named(bars, tmp_path):
    checkpoint = tmp_path / "model.pt.ckpt"
    with pytest.raises(DataError, match="no such file"):
        fit(CONFIG, *bars, checkpoint=checkpoint, resume=True)

    fit(changed(epochs=1), *bars, checkpoint=checkpoint)
    checkpoint.write_bytes(checkpoint.read_bytes()[:-100])
    with pytest.raises(FormatError, match=r"model\.pt\.ckpt"):
        fit(CONFIG, *bars, checkpoint=checkpoint, resume=True)


def test_a_checkpoint_of_other_shapes_does_not_fit(bars, tmp_path):
    checkpoint = tmp_path / "model.pt.ckpt"
    fit(changed(epochs=1), *bars, checkpoint=checkpoint)
    content = torch.load(checkpoint, weights_only=True)
    content["net"]["blocks.0.synapse.weight"] = torch.zeros(2, 2)
    torch.save(content, checkpoint)

    with pytest.raises(FormatError, match="does not fit the network"):
        fit(CONFIG, *bars, checkpoint=checkpoint, resume=True)


def test_a_loss_that_is_no_number_stops_and_keeps_the_checkpoint(bars, tmp_path, monkeypatch):
    checkpoint = tmp_path / "model.pt.ckpt"
    fit(changed(epochs=2), *bars, checkpoint=checkpoint)
    before = checkpoint.read_bytes()
    monkeypatch.setattr("hetlava.train.readouts.LOGIT", float("nan"))

    with pytest.raises(TrainingError, match="epoch 3, batch 1: .* not finite.* layer output"):
        fit(CONFIG, *bars, checkpoint=checkpoint, resume=True)
    assert checkpoint.read_bytes() == before


def test_the_test_set_does_not_touch_the_training(bars):
    assert fit(CONFIG, *bars) == fit(CONFIG, bars[0])


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_cuda_that_is_not_there_is_refused():
    with pytest.raises(ValidationError, match="no CUDA device"):
        choose_device("cuda")
    assert choose_device("auto").type == "cpu"


def test_data_without_recordings_is_refused(bars):
    with pytest.raises(ValidationError, match="no train recording"):
        fit(CONFIG, bars[0].take([]))


def test_the_network_says_how_it_was_trained(bars):
    metadata = fit(changed(epochs=1), bars[0]).metadata

    assert metadata["dataset"] == "bars"
    assert metadata["config"]["tau_mem"] == "gamma:20ms,shape=3"
    assert set(metadata["versions"]) == {"torch", "lava-dl", "lava-nc"}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"epochs": 0}, "epochs is 0"),
        ({"batch": -1}, "batch is -1"),
        ({"hidden": ()}, "at least one layer"),
        ({"hidden": (0,)}, "hidden is 0"),
        ({"dt": 0.0}, "dt is 0.0 s"),
        ({"dt": 20.0}, "dt is 20.0 s"),
        ({"lr": float("nan")}, "lr is nan"),
        ({"threshold": -4.0}, "threshold is -4 V in the mean, expected in"),
        ({"drop": 1.0}, "drop is 1.0"),
        ({"learn_tau": "all"}, "neuron or channel or layer or none"),
        ({"device": "tpu"}, "auto or cpu or cuda"),
        ({"image": None}, "shift is 1, expected 0 without an image"),
        ({"threads": 0}, "threads is 0"),
    ],
)
def test_an_impossible_option_is_refused(fields, message):
    with pytest.raises(ValidationError, match=message):
        changed(**fields)


@pytest.mark.parametrize("tau", ["gamma:20,shape=3", "gamma:-20ms,shape=3", "zipf:20ms"])
def test_an_impossible_distribution_is_refused(bars, tau):
    with pytest.raises(ValidationError):
        fit(changed(tau_mem=tau), bars[0])


def test_metrics_are_a_line_per_epoch_and_resume_drops_later_ones(bars, tmp_path):
    log = MetricsLog(tmp_path)
    fit(CONFIG, *bars, on_epoch=log.add)
    log.path.write_text(log.path.read_text() + '{"epoch": 5, "lo')

    again = MetricsLog(tmp_path, after=2)
    kept = [json.loads(line)["epoch"] for line in again.path.read_text().splitlines()]

    assert kept == [1, 2]
