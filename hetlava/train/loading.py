"""Batches of recordings that are changed at random, made by other processes if asked to.

Every sample has a generator seeded by the run, the epoch and its own number, so that the batches
depend neither on how many processes make them nor on how many train.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from hetlava.arrays import Int64
from hetlava.datasets.augmenting import Augmentation
from hetlava.datasets.recordings import Recordings
from hetlava.datasets.sensors import Sensor
from hetlava.events import Events, concatenate

STREAM = 1  # of the generators: none of them draws what another use of the seed does


@dataclass(frozen=True, kw_only=True)
class Loader:
    """What changes recordings, and how they become spikes.

    Attributes
    ----------
    recordings : Recordings
    augmentations : tuple of Augmentation
        Applied one after the other.
    sensor : Sensor or None
    dt, n_steps
        Of the bins.
    seed, workers : int
        0 workers: the batches are made when they are asked for, in this process.
    """

    recordings: Recordings
    augmentations: tuple[Augmentation, ...]
    sensor: Sensor | None
    dt: float
    n_steps: int
    seed: int
    workers: int = 0

    def batches(self, batches: Sequence[Int64], epoch: int) -> Iterator[Events]:
        """Give the spikes of every batch of recordings in an epoch."""
        made = _Made(self, batches, epoch)
        if not self.workers:
            return (made[k] for k in range(len(batches)))
        return iter(
            DataLoader(
                made,
                batch_size=None,
                num_workers=self.workers,
                collate_fn=_as_it_is,
                # PyTorch's own generator is left alone
                generator=torch.Generator().manual_seed(self.seed),
            )
        )

    def sample(self, k: int, epoch: int) -> Events:
        """Return the spikes of one recording in an epoch."""
        rng = np.random.default_rng((STREAM, self.seed, epoch, k))
        changed = self.recordings.take([k])
        for augmentation in self.augmentations:
            changed = augmentation.apply(changed, self.sensor, rng)
        return changed.binned(self.dt, self.n_steps)


@dataclass(frozen=True)
class _Made(Dataset[Events]):
    loader: Loader
    samples: Sequence[Int64]
    epoch: int

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, k: int) -> Events:
        return concatenate(self.loader.sample(int(i), self.epoch) for i in self.samples[k])


def _as_it_is(events: Any) -> Any:
    return events
