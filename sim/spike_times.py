"""Spikes in continuous time: which neuron fired when in which sample."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hetlava.arrays import ArrayRecord, Float, Int, Int64
from hetlava.errors import ValidationError
from hetlava.events import Events, from_coordinates


@dataclass(frozen=True, eq=False, kw_only=True)
class SpikeTimes(ArrayRecord):
    """Spikes of a batch of samples, each sample's in order of time.

    Attributes
    ----------
    n_neurons : int
    indptr : (n_samples + 1,) int64
        The spikes of sample b are ``indptr[b] .. indptr[b + 1] - 1``.
    time : (n_spikes,) float64
        [s], ascending in every sample.
    neuron : (n_spikes,) int32
    """

    n_neurons: int
    indptr: Int64
    time: Float
    neuron: Int

    def __post_init__(self) -> None:
        super().__post_init__()
        n = self.time.size
        if self.indptr.ndim != 1 or self.indptr.size < 1 or self.indptr.dtype != np.int64:
            raise ValidationError("spike times: indptr is not (n_samples + 1,) int64")
        if self.time.shape != (n,) or self.neuron.shape != (n,) or self.neuron.dtype != np.int32:
            raise ValidationError("spike times: time and neuron (int32) are of different shape")
        starts_well = self.indptr[0] == 0 and self.indptr[-1] == n
        if not starts_well or np.any(np.diff(self.indptr) < 0):
            raise ValidationError("spike times: indptr does not count the spikes in order")
        if n and not 0 <= self.neuron.min() <= self.neuron.max() < self.n_neurons:
            raise ValidationError(
                f"spike times: neurons {self.neuron.min()} .. {self.neuron.max()} outside "
                f"[0, {self.n_neurons - 1}]"
            )
        self._check_order()

    def _check_order(self) -> None:
        if not np.all(np.isfinite(self.time)) or np.any(self.time < 0):
            raise ValidationError("spike times: times are negative or not finite")
        falls = np.flatnonzero(np.diff(self.time) < 0) + 1
        if np.setdiff1d(falls, self.indptr).size:
            raise ValidationError("spike times: times of a sample decrease")

    @property
    def n_samples(self) -> int:
        """Number of samples."""
        return int(self.indptr.size - 1)

    @property
    def sample(self) -> Int64:
        """The sample of every spike, (n_spikes,)."""
        return np.repeat(np.arange(self.n_samples), np.diff(self.indptr))

    def counts(self) -> Int64:
        """Return the spikes of every neuron in every sample, (n_samples, n_neurons) int64."""
        flat = np.bincount(
            self.sample * self.n_neurons + self.neuron, minlength=self.n_samples * self.n_neurons
        )
        return flat.reshape(self.n_samples, self.n_neurons).astype(np.int64)

    def binned(self, dt: float, n_steps: int) -> Events:
        """Return the spikes by step: one at time x falls in step ``ceil(x / dt) - 1``.

        Several of one neuron in a step count once. Spikes at or before 0 fall in the first step,
        those past the last are dropped.
        """
        step = np.maximum(np.ceil(self.time / dt).astype(np.int64) - 1, 0)
        # a time that is a whole number of steps may divide to just above it
        step -= (step > 0) & (step * dt >= self.time)
        kept = step < n_steps
        return from_coordinates(
            self.sample[kept],
            step[kept],
            self.neuron[kept].astype(np.int64),
            n_samples=self.n_samples,
            n_steps=n_steps,
            n_neurons=self.n_neurons,
        )


def times_of(events: Events, dt: float) -> SpikeTimes:
    """Return binned spikes at the ends of their steps, ``(step + 1) dt``."""
    rows = np.repeat(np.arange(events.indptr.size - 1), np.diff(events.indptr))
    time: Float = ((rows % events.n_steps + 1) * dt).astype(np.float64)
    return SpikeTimes(
        n_neurons=events.n_neurons,
        indptr=events.indptr[:: events.n_steps].copy(),
        time=time,
        neuron=events.index,
    )


def in_order(sample: Int64, time: Float, neuron: Int, n_samples: int, n_neurons: int) -> SpikeTimes:
    """Return spikes in any order as a batch; equal times are ordered by neuron."""
    order = np.lexsort((neuron, time, sample))
    counts = np.bincount(sample, minlength=n_samples)
    return SpikeTimes(
        n_neurons=n_neurons,
        indptr=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        time=time[order],
        neuron=neuron[order],
    )


def side_by_side(parts: Sequence[SpikeTimes]) -> SpikeTimes:
    """Join the spikes of several groups of neurons in the same samples, numbered one by one."""
    offsets = np.cumsum([0, *(p.n_neurons for p in parts)])
    return in_order(
        np.concatenate([p.sample for p in parts]),
        np.concatenate([p.time for p in parts]),
        np.concatenate(
            [p.neuron + np.int32(start) for p, start in zip(parts, offsets, strict=False)]
        ).astype(np.int32),
        parts[0].n_samples,
        int(offsets[-1]),
    )
