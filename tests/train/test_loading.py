"""Augmented batches: new in every epoch, the same whoever makes them."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from hetlava.datasets.augmenting import parse_augmentation
from hetlava.datasets.sensors import Sensor
from hetlava.errors import ValidationError
from hetlava.train.batches import Labelled, shuffled
from hetlava.train.config import TrainConfig, config_for
from hetlava.train.distributed import Team
from hetlava.train.fit import fit
from hetlava.train.loading import Loader

TEXTS = ("noise:20Hz", "delete:0.1", "time-scale:0.3", "channel-shift:2")


@pytest.fixture
def loader(bars):
    return Loader(
        recordings=bars[0],
        augmentations=tuple(parse_augmentation(text) for text in TEXTS),
        sensor=Sensor(1, 1, 12),
        dt=1e-3,
        n_steps=20,
        seed=3,
    )


BATCHES = [np.array([3, 1]), np.array([5]), np.array([39, 0, 2])]


def test_a_sample_does_not_depend_on_its_batch_but_on_its_epoch(loader):
    first, again = (list(loader.batches(BATCHES, 4)) for _ in range(2))
    alone = next(loader.batches([np.array([39])], 4))
    other = list(loader.batches(BATCHES, 5))

    assert first == again
    assert first[2].take([0]) == alone
    assert first[2].take([0]) != other[2].take([0])
    assert first[0].n_samples == 2


def test_workers_change_nothing(loader):
    state = torch.random.get_rng_state()
    several = list(replace(loader, workers=2).batches(BATCHES, 1))

    assert several == list(loader.batches(BATCHES, 1))
    assert torch.equal(torch.random.get_rng_state(), state)


def test_processes_that_share_batches_see_the_samples_of_one(loader, bars):
    data = Labelled(bars[0].binned(1e-3, 20), bars[0].labels, loader)

    def spikes(team):
        rng = torch.Generator().manual_seed(0)
        return [x for x, _ in shuffled(data, 7, rng, team=team, epoch=2)]

    parts = zip(spikes(Team(0, 2)), spikes(Team(1, 2)), strict=True)
    for whole, pair in zip(spikes(Team()), parts, strict=True):
        assert torch.equal(torch.cat(pair), whole)


@pytest.mark.lava
def test_training_meets_augmented_samples_and_tests_on_plain_ones(bars):
    def trained(*augment):
        config = TrainConfig(
            dataset="digits", dt=1e-3, n_steps=20, hidden=(8,), epochs=2, batch=20,
            tau_mem="constant:8ms", tau_syn="constant:3ms", augment=augment,
        )  # fmt: skip
        metrics = []
        fit(config, *bars, on_epoch=metrics.append)
        return metrics

    plain, gone = trained(), trained("delete:1")

    assert plain[0].rates[0] > 0
    assert gone[0].rates == (0.0, 0.0)
    # nothing is learned of no spikes: both epochs test the network as it was drawn
    assert gone[0].test_accuracy == gone[1].test_accuracy


def test_a_preset_follows_the_transforms_of_its_data():
    assert config_for("nmnist").image == (2, 34, 34)
    small = config_for("nmnist+merge-polarities+downsample:2")
    assert small.image == (1, 17, 17)
    assert small.epochs == config_for("nmnist").epochs


def test_impossible_augmentations_and_workers_are_refused():
    with pytest.raises(ValidationError, match="augmentation 'blur' is unknown"):
        config_for("digits", augment=("blur:2",))
    with pytest.raises(ValidationError, match="workers is -1"):
        config_for("digits", workers=-1)
