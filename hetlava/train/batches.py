"""Batches of spikes for training: dense in lava-dl's axes, shuffled and moved at random."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from hetlava.arrays import Int64
from hetlava.errors import ValidationError
from hetlava.events import Events


@dataclass(frozen=True)
class Labelled:
    """Spikes of samples and their classes (n_samples,)."""

    spikes: Events
    labels: Int64

    def __post_init__(self) -> None:
        if self.labels.shape != (self.spikes.n_samples,):
            raise ValidationError(
                f"{self.labels.shape[0]} labels for {self.spikes.n_samples} samples of spikes"
            )


def dense(spikes: Events, which: Int64) -> Tensor:
    """Return the samples ``which`` (k,) as (k, n_neurons, n_steps) float32.

    They lie in memory by step, which is how layers read them.
    """
    x = np.zeros((spikes.n_steps, len(which), spikes.n_neurons), np.float32)
    for k, sample in enumerate(which):
        first = int(sample) * spikes.n_steps
        rows = spikes.indptr[first : first + spikes.n_steps + 1]
        steps = np.repeat(np.arange(spikes.n_steps), np.diff(rows))
        x[steps, k, spikes.index[rows[0] : rows[-1]]] = 1
    return torch.from_numpy(x).permute(1, 2, 0)


def shuffled(data: Labelled, size: int, rng: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
    """Give every sample once, in random order: spikes (<= size, n, T) and labels."""
    order = torch.randperm(data.spikes.n_samples, generator=rng).numpy()
    return _batches(data, order, size)


def in_order(data: Labelled, size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Give every sample once, in their order."""
    return _batches(data, np.arange(data.spikes.n_samples), size)


def _batches(data: Labelled, order: Int64, size: int) -> Iterator[tuple[Tensor, Tensor]]:
    for start in range(0, len(order), size):
        which = order[start : start + size]
        yield dense(data.spikes, which), torch.from_numpy(data.labels[which])


def shifted(x: Tensor, image: tuple[int, int, int], most: int, rng: torch.Generator) -> Tensor:
    """Move every sample of ``x`` (N, n, T) by up to ``most`` pixels; what leaves is lost.

    Parameters
    ----------
    image : (kinds, height, width)
    """
    kinds, height, width = image
    by = torch.randint(0, 2 * most + 1, (len(x), 2), generator=rng) - most
    still = x.permute(2, 0, 1).reshape(x.shape[2], len(x), kinds, height, width)
    moved = torch.zeros_like(still)
    for n, (rows, columns) in enumerate(by.tolist()):
        (to_y, y), (to_x, z) = _overlap(height, rows), _overlap(width, columns)
        moved[:, n, :, to_y, to_x] = still[:, n, :, y, z]
    return moved.flatten(2).permute(1, 2, 0)


def _overlap(size: int, by: int) -> tuple[slice, slice]:
    """Return where pixels go that stay in view when what is seen begins ``by`` pixels later."""
    return slice(max(0, -by), size - max(0, by)), slice(max(0, by), size + min(0, by))
