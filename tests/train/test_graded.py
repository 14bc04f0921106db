"""Images sent as levels: trained on, written, rounded and run as what they are."""

from dataclasses import replace

import numpy as np
import pytest

from hetlava.chips import LOIHI2
from hetlava.datasets.recordings import Recordings
from hetlava.errors import UnsupportedError, ValidationError
from hetlava.quantisation import quantise
from hetlava.sim import floating
from hetlava.sim.analog_network import to_analog
from hetlava.sim.engine import run
from hetlava.train.batches import Labelled, dense, moved
from hetlava.train.config import TrainConfig
from hetlava.train.fit import fit
from hetlava.train.model_file import read_model, write_model
from hetlava.train.spike_rows import rows_of, rows_of_events

N_CHANNELS, N_CLASSES, N_STEPS = 12, 3, 10


@pytest.fixture
def bright(rng):
    """Three classes, each with its own four bright pixels."""

    def of(n, split):
        labels = rng.integers(0, N_CLASSES, n)
        lit = np.arange(N_CHANNELS) // 4 == labels[:, None]
        pixels = np.where(lit, rng.integers(120, 256, lit.shape), rng.integers(0, 60, lit.shape))
        sample, channel = np.nonzero(pixels)
        indptr = np.concatenate([[0], np.cumsum(np.count_nonzero(pixels, axis=1))])
        return Recordings(
            name="bright", split=split, n_channels=N_CHANNELS, n_classes=N_CLASSES, duration=0.05,
            indptr=indptr.astype(np.int64), times=np.zeros(channel.size, np.int64),
            channels=channel.astype(np.int32), labels=labels.astype(np.int64),
            levels=pixels[sample, channel].astype(np.int32),
        )  # fmt: skip

    return of(120, "train"), of(60, "test")


def config(**asked):
    usual = {
        "dataset": "digits", "dt": 5e-3, "n_steps": N_STEPS, "hidden": (12,), "epochs": 6,
        "batch": 20, "tau_mem": "constant:20ms", "tau_syn": "constant:10ms", "trainer": "norse",
    }  # fmt: skip
    return TrainConfig(**usual | asked)


def test_a_held_image_sends_its_levels_at_every_step(bright):
    image = bright[0].take([3, 5])

    events = image.binned(5e-3, N_STEPS)

    shown = events.to_dense()
    assert shown.shape == (N_STEPS, 2, N_CHANNELS)
    assert np.all(shown == shown[0])
    for k in range(2):
        part = slice(image.indptr[k], image.indptr[k + 1])
        assert np.array_equal(shown[0, k, image.channels[part]], image.levels[part])


def test_events_and_tensors_of_levels_are_alike_moved_or_not(bright):
    import torch

    events = bright[0].take(range(5)).binned(5e-3, N_STEPS)
    rows, tensor = rows_of_events(events), dense(events, np.arange(5))

    assert np.array_equal(tensor.permute(2, 0, 1).numpy() * 256, events.to_dense())
    again = rows_of(tensor.permute(2, 0, 1).contiguous())
    assert np.array_equal(again.value, rows.value)
    assert np.array_equal(again.index, rows.index)
    image = (1, 3, 4)
    there = moved(tensor, image, 1, torch.Generator().manual_seed(0))
    listed = moved(rows, image, 1, torch.Generator().manual_seed(0))
    assert np.array_equal(rows_of(there.permute(2, 0, 1).contiguous()).value, listed.value)


@pytest.mark.parametrize("recurrent", [False, True])
def test_what_learned_levels_runs_on_them_in_floats_and_integers(bright, tmp_path, recurrent):
    pytest.importorskip("norse")
    metrics = []
    net = fit(config(recurrent=recurrent, epochs=15), *bright, on_epoch=metrics.append)
    inputs, labels = bright[1].binned(net.dt, N_STEPS), bright[1].labels

    as_float = floating.run(net, inputs)
    quantised = quantise(net, LOIHI2)
    whole = run(quantised, inputs)

    assert metrics[-1].test_accuracy > 0.8
    # float32 in training, float64 here
    assert np.mean(as_float.predictions == labels) == pytest.approx(
        metrics[-1].test_accuracy, abs=0.02
    )
    assert quantised.projections[0].message_bits == 8
    # sums of levels lose the bits below a sixteenth of a weight, states are truncated
    assert np.mean(whole.predictions == as_float.predictions) >= 0.95
    write_model(tmp_path / "model.pt", net)
    assert read_model(tmp_path / "model.pt") == net


def test_chips_that_take_spikes_only_refuse_it(random_network, rng):
    net, _ = random_network(rng)
    first = replace(net.projections[0], message_bits=8)
    graded = replace(net, projections=(first, *net.projections[1:]))

    with pytest.raises(UnsupportedError, match="takes spikes only"):
        to_analog(graded)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"augment": ("delete:0.1",)}, "augment is"),
        ({"qat": True}, "qat is True, but digits sends levels"),
        ({"mismatch": "bss2-calibrated"}, "leave mismatch out"),
    ],
)
def test_what_levels_do_not_go_with_is_refused(bright, asked, message):
    with pytest.raises(ValidationError, match=message):
        fit(config(**asked), *bright)


def test_a_batch_of_levels_has_a_label_for_each_sample(bright):
    events = bright[0].binned(5e-3, N_STEPS)

    assert Labelled(events, bright[0].labels).spikes.values is not None
