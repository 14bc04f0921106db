"""Batches of spikes for training: dense in lava-dl's axes, shuffled and moved at random."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from hetlava.arrays import Int64
from hetlava.errors import ValidationError
from hetlava.events import Events
from hetlava.train.distributed import ALONE, Share, Team
from hetlava.train.draws import per_sample
from hetlava.train.loading import Loader
from hetlava.train.spike_rows import SpikeRows, heights, rows_of_events


@dataclass(frozen=True)
class Labelled:
    """Spikes of samples and their classes (n_samples,).

    With a ``loader``, an epoch's spikes are what it makes of the recordings.
    """

    spikes: Events
    labels: Int64
    loader: Loader | None = None

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
    height = heights(spikes)
    for k, sample in enumerate(which):
        first = int(sample) * spikes.n_steps
        rows = spikes.indptr[first : first + spikes.n_steps + 1]
        steps = np.repeat(np.arange(spikes.n_steps), np.diff(rows))
        x[steps, k, spikes.index[rows[0] : rows[-1]]] = (
            height[rows[0] : rows[-1]] if height.size else 1
        )
    return torch.from_numpy(x).permute(1, 2, 0)


Batches = Iterator[tuple[Tensor | SpikeRows, Tensor]]


def shuffled(
    data: Labelled,
    size: int,
    rng: torch.Generator,
    *,
    rows: bool = False,
    team: Team = ALONE,
    epoch: int | None = None,
) -> Batches:
    """Give every sample once, in random order: spikes (<= size, n, T), or events, and labels.

    Of every batch a process gets the share that its team leaves it. With an ``epoch``, spikes are
    those that the data's loader makes for it, if there is one.
    """
    order = torch.randperm(data.spikes.n_samples, generator=rng).numpy()
    return _batches(data, order, size, rows, team, epoch)


def in_order(data: Labelled, size: int, *, rows: bool = False, team: Team = ALONE) -> Batches:
    """Give every sample once, in their order; shared as in :func:`shuffled`."""
    return _batches(data, np.arange(data.spikes.n_samples), size, rows, team, None)


def shares(n: int, size: int, team: Team) -> Iterator[Share]:
    """Give what a process takes of every batch of ``n`` samples."""
    return (team.share(min(size, n - start)) for start in range(0, n, size))


def _batches(
    data: Labelled, order: Int64, size: int, rows: bool, team: Team, epoch: int | None
) -> Batches:
    wholes = [order[start : start + size] for start in range(0, len(order), size)]
    parts = [whole[team.share(len(whole)).part] for whole in wholes]
    for which, spikes in zip(parts, _spikes(data, parts, epoch), strict=True):
        x = rows_of_events(spikes) if rows else dense(spikes, np.arange(len(which)))
        yield x, torch.from_numpy(data.labels[which])


def _spikes(data: Labelled, parts: Sequence[Int64], epoch: int | None) -> Iterator[Events]:
    if data.loader is None or epoch is None:
        return (data.spikes.take(which) for which in parts)
    return data.loader.batches(parts, epoch)


def moved(
    x: Tensor | SpikeRows, image: tuple[int, int, int], most: int, rng: torch.Generator
) -> Tensor | SpikeRows:
    """Move every sample by up to ``most`` pixels; tensors and events of the same spikes alike."""
    if isinstance(x, Tensor):
        return shifted(x, image, most, rng)
    _, height, width = image
    n_steps, n_samples, _ = x.shape
    by = _draw_shifts(n_samples, most, rng).numpy()
    lengths = np.diff(x.indptr)
    by_event = np.repeat(by, lengths.reshape(n_samples, n_steps).sum(1), axis=0)
    row, column = x.index // width % height - by_event[:, 0], x.index % width - by_event[:, 1]
    seen = (row >= 0) & (row < height) & (column >= 0) & (column < width)
    left = np.concatenate([[0], np.cumsum(seen)])
    index = (x.index - by_event[:, 0] * width - by_event[:, 1])[seen].astype(np.int32)
    value = x.value[seen] if x.value.size else x.value
    return replace(x, indptr=left[x.indptr], index=index, value=value)


def _draw_shifts(n: int, most: int, rng: torch.Generator) -> Tensor:
    return (
        per_sample(lambda k: torch.randint(0, 2 * most + 1, (k, 2), generator=rng), n, rng) - most
    )


def shifted(x: Tensor, image: tuple[int, int, int], most: int, rng: torch.Generator) -> Tensor:
    """Move every sample of ``x`` (N, n, T) by up to ``most`` pixels; what leaves is lost.

    Parameters
    ----------
    image : (kinds, height, width)
    """
    kinds, height, width = image
    by = _draw_shifts(len(x), most, rng)
    still = x.permute(2, 0, 1).reshape(x.shape[2], len(x), kinds, height, width)
    seen = torch.zeros_like(still)
    for n, (rows, columns) in enumerate(by.tolist()):
        (to_y, y), (to_x, z) = _overlap(height, rows), _overlap(width, columns)
        seen[:, n, :, to_y, to_x] = still[:, n, :, y, z]
    return seen.flatten(2).permute(1, 2, 0)


def _overlap(size: int, by: int) -> tuple[slice, slice]:
    """Return where pixels go that stay in view when what is seen begins ``by`` pixels later."""
    return slice(max(0, -by), size - max(0, by)), slice(max(0, by), size + min(0, by))
