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
    """Return the samples ``which`` (k,) as (k, n_neurons, n_steps) float32."""
    x = np.zeros((len(which), spikes.n_neurons, spikes.n_steps), np.float32)
    for k, sample in enumerate(which):
        first = int(sample) * spikes.n_steps
        rows = spikes.indptr[first : first + spikes.n_steps + 1]
        steps = np.repeat(np.arange(spikes.n_steps), np.diff(rows))
        x[k, spikes.index[rows[0] : rows[-1]], steps] = 1
    return torch.from_numpy(x)


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
    pixels = torch.nn.functional.pad(
        x.reshape(len(x), kinds, height, width, -1), (0, 0, most, most, most, most)
    )
    by = torch.randint(0, 2 * most + 1, (len(x), 2), generator=rng).tolist()
    moved = [p[:, r : r + height, c : c + width] for p, (r, c) in zip(pixels, by, strict=True)]
    return torch.stack(moved).reshape(x.shape)
