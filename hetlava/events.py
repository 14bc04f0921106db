"""Spikes as events: which neuron fired at which step of which sample, and how much it sent."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hetlava.arrays import ArrayRecord, Bool, Int, Int64, cast_exactly
from hetlava.errors import ValidationError

SIZE_MAX = (1 << 31) - 1  # of samples, steps and neurons, each


@dataclass(frozen=True, eq=False, kw_only=True)
class Events(ArrayRecord):
    """Spikes of a batch of samples, compressed by step.

    The neurons that fire at step ``t`` of sample ``b`` are
    ``index[indptr[b * n_steps + t] : indptr[b * n_steps + t + 1]]``, ascending, each once.

    Attributes
    ----------
    n_samples, n_steps, n_neurons : int
    indptr : (n_samples * n_steps + 1,) int64
    index : (n_events,) int32
    values : (n_events,) int32, optional
        What was sent where spikes are graded, never 0; None where every spike is 1, also if all
        given ones are 1.
    """

    n_samples: int
    n_steps: int
    n_neurons: int
    indptr: Int64
    index: Int
    values: Int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_sizes(self.n_samples, self.n_steps, self.n_neurons)
        for name in ("indptr", "index"):
            if not isinstance(getattr(self, name), np.ndarray):
                raise ValidationError(f"events: {name} is no numpy array")
        rows = self.n_samples * self.n_steps
        if self.indptr.shape != (rows + 1,) or self.indptr.dtype != np.int64:
            raise ValidationError(
                f"events: indptr of shape {self.indptr.shape} {self.indptr.dtype}, "
                f"expected ({rows + 1},) int64"
            )
        if self.index.ndim != 1 or self.index.dtype != np.int32:
            raise ValidationError(f"events: index is {self.index.dtype}, expected (n,) int32")
        ordered = self.indptr[0] == 0 and bool(np.all(np.diff(self.indptr) >= 0))
        if not ordered or self.indptr[-1] != self.index.size:
            raise ValidationError("events: indptr does not count the events in order")
        self._check_index()
        if self.values is not None:
            self._check_values(self.values)

    def _check_values(self, values: Int) -> None:
        if not isinstance(values, np.ndarray):
            raise ValidationError("events: values is no numpy array")
        if values.shape != self.index.shape or values.dtype != np.int32:
            raise ValidationError(
                f"events: values of shape {values.shape} {values.dtype}, expected "
                f"{self.index.shape} int32"
            )
        if not np.all(values):
            raise ValidationError("events: a value of 0 is no event")
        if np.all(values == 1):
            object.__setattr__(self, "values", None)

    def _check_index(self) -> None:
        if not self.index.size:
            return
        if self.index.min() < 0 or self.index.max() >= self.n_neurons:
            raise ValidationError(
                f"events: neurons {self.index.min()} .. {self.index.max()} outside "
                f"[0, {self.n_neurons - 1}]"
            )
        falls = self.index[1:] <= self.index[:-1]
        starts = self.indptr[(self.indptr > 0) & (self.indptr < self.index.size)]
        falls[starts - 1] = False
        if falls.any():
            raise ValidationError("events: neurons of one step are not ascending, each once")

    @property
    def n_events(self) -> int:
        """Number of spikes in all samples."""
        return int(self.index.size)

    def samples(self, start: int, stop: int) -> "Events":
        """Return the samples ``start .. stop - 1``."""
        start, stop, _ = slice(start, stop).indices(self.n_samples)
        stop = max(start, stop)
        rows = self.indptr[start * self.n_steps : stop * self.n_steps + 1]
        return Events(
            n_samples=stop - start,
            n_steps=self.n_steps,
            n_neurons=self.n_neurons,
            indptr=rows - rows[0],
            index=self.index[rows[0] : rows[-1]],
            values=None if self.values is None else self.values[rows[0] : rows[-1]],
        )

    def take(self, which: npt.ArrayLike) -> "Events":
        """Return the samples ``which`` (k,), in that order.

        Raises
        ------
        ValidationError
            If an index is no integer or there is no such sample.
        """
        chosen = np.atleast_1d(np.asarray(which))
        if chosen.size and chosen.dtype.kind not in "iu":
            raise ValidationError(f"events: samples are taken by index, not by {chosen.dtype}")
        if chosen.size and not 0 <= chosen.min() <= chosen.max() < self.n_samples:
            raise ValidationError(
                f"events: indices {chosen.min()} .. {chosen.max()} outside "
                f"[0, {self.n_samples - 1}]"
            )
        starts = chosen.astype(np.int64)[:, None] * self.n_steps
        rows = (starts + np.arange(self.n_steps)).ravel()
        lengths = np.diff(self.indptr)[rows]
        indptr = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        where = np.arange(indptr[-1]) + np.repeat(self.indptr[rows] - indptr[:-1], lengths)
        return Events(
            n_samples=chosen.size,
            n_steps=self.n_steps,
            n_neurons=self.n_neurons,
            indptr=indptr,
            index=self.index[where],
            values=None if self.values is None else self.values[where],
        )

    def counts(self) -> Int64:
        """Return the spikes of every neuron in every sample, (n_samples, n_neurons) int64."""
        if self.n_samples == 1:
            return np.bincount(self.index, minlength=self.n_neurons).astype(np.int64, copy=False)[
                None
            ]
        per_sample = np.diff(self.indptr[:: self.n_steps])
        sample = np.repeat(np.arange(self.n_samples), per_sample)
        flat = np.bincount(
            sample * self.n_neurons + self.index, minlength=self.n_samples * self.n_neurons
        )
        return flat.reshape(self.n_samples, self.n_neurons).astype(np.int64, copy=False)

    def sums(self) -> Int64:
        """Return the sum of what every neuron sent in every sample, (n_samples, n_neurons)."""
        if self.values is None:
            return self.counts()
        sample = np.repeat(np.arange(self.n_samples), np.diff(self.indptr[:: self.n_steps]))
        total = np.zeros((self.n_samples, self.n_neurons), np.int64)
        np.add.at(total, (sample, self.index), self.values)
        return total

    def to_dense(self) -> Bool | Int:
        """Return (n_steps, n_samples, n_neurons) bool, or int32 where spikes are graded."""
        kind = bool if self.values is None else np.int32
        dense = np.zeros((self.n_samples * self.n_steps, self.n_neurons), kind)
        rows = np.repeat(np.arange(len(dense)), np.diff(self.indptr))
        dense[rows, self.index] = True if self.values is None else self.values
        shaped = dense.reshape(self.n_samples, self.n_steps, self.n_neurons)
        return np.ascontiguousarray(shaped.transpose(1, 0, 2))


def _check_sizes(n_samples: int, n_steps: int, n_neurons: int) -> None:
    sizes = ((n_samples, 0), (n_steps, 1), (n_neurons, 1))
    if not all(isinstance(n, int | np.integer) and low <= n <= SIZE_MAX for n, low in sizes):
        raise ValidationError(
            f"events: {n_samples} samples of {n_steps} steps and {n_neurons} neurons, expected "
            f"whole numbers of at least 0, 1 and 1, at most {SIZE_MAX}"
        )


def trusted(*, n_samples: int, n_steps: int, n_neurons: int, indptr: Int64, index: Int) -> Events:
    """Return events of 1 without looking at them: for what a simulator has just made in order.

    The arrays must be read-only, and nothing else may hold them to write.
    """
    events = object.__new__(Events)
    fields = {
        "n_samples": n_samples, "n_steps": n_steps, "n_neurons": n_neurons,
        "indptr": indptr, "index": index, "values": None,
    }  # fmt: skip
    events.__dict__.update(fields)
    return events


def from_dense(spikes: npt.NDArray[np.generic]) -> Events:
    """Return the events of dense spikes (n_steps, n_samples, n_neurons), graded if integers.

    Raises
    ------
    ValidationError
        If the shape is another, or a value is neither bool nor an integer of 32 bits.
    """
    if not isinstance(spikes, np.ndarray):
        raise ValidationError(f"spikes are of type {type(spikes).__name__}, expected a numpy array")
    if spikes.ndim != 3:
        raise ValidationError(
            f"spikes of shape {spikes.shape}, expected (n_steps, n_samples, n_neurons)"
        )
    n_steps, n_samples, n_neurons = spikes.shape
    rows = np.ascontiguousarray(spikes.transpose(1, 0, 2)).reshape(n_samples * n_steps, n_neurons)
    where = np.nonzero(rows)
    values = None if rows.dtype == bool else cast_exactly(rows[where], np.int32, "spikes")
    return Events(
        n_samples=n_samples,
        n_steps=n_steps,
        n_neurons=n_neurons,
        indptr=np.concatenate([[0], np.cumsum(np.count_nonzero(rows, axis=1))]).astype(np.int64),
        index=where[1].astype(np.int32),
        values=values,
    )


def from_coordinates(
    sample: Int64, step: Int64, neuron: Int64, *, n_samples: int, n_steps: int, n_neurons: int
) -> Events:
    """Return the events at (sample, step, neuron); doubled ones count once, order is free.

    Raises
    ------
    ValidationError
        If these are not as many integers each, or one is outside of its range.
    """
    _check_sizes(n_samples, n_steps, n_neurons)
    if not len({np.shape(x) for x in (sample, step, neuron)}) == 1 == np.ndim(sample):
        raise ValidationError(
            f"events: samples {np.shape(sample)}, steps {np.shape(step)} and neurons "
            f"{np.shape(neuron)}, expected as many of each"
        )
    if n_samples * n_steps * n_neurons > np.iinfo(np.int64).max:
        raise ValidationError(
            f"events: {n_samples} samples of {n_steps} steps of {n_neurons} neurons are more "
            "places than 64 bits count"
        )
    for name, value, limit in (
        ("sample", sample, n_samples),
        ("step", step, n_steps),
        ("neuron", neuron, n_neurons),
    ):
        if not isinstance(value, np.ndarray) or value.dtype.kind not in "iu":
            raise ValidationError(f"events: {name} is no array of integers")
        if value.size and not 0 <= value.min() <= value.max() < limit:
            raise ValidationError(
                f"events: {name} {value.min()} .. {value.max()} outside [0, {limit - 1}]"
            )
    rows = sample.astype(np.int64) * n_steps + step
    # numpy.unique hashes first, which is 80 times slower than a plain sort
    key = np.sort(rows * n_neurons + neuron)
    key = key[np.diff(key, prepend=-1) > 0]
    per_row = np.bincount(key // n_neurons, minlength=n_samples * n_steps)
    return Events(
        n_samples=n_samples,
        n_steps=n_steps,
        n_neurons=n_neurons,
        indptr=np.concatenate([[0], np.cumsum(per_row)]).astype(np.int64),
        index=(key % n_neurons).astype(np.int32),
    )


def concatenate(parts: Iterable[Events]) -> Events:
    """Join batches of equal ``n_steps`` and ``n_neurons`` along the samples."""
    parts = list(parts)
    if not parts or len({(p.n_steps, p.n_neurons) for p in parts}) != 1:
        raise ValidationError("events: nothing to join, or parts of different shape")
    starts = np.cumsum([0, *(p.n_events for p in parts)])
    rows = [p.indptr[1:] + start for p, start in zip(parts, starts, strict=False)]
    return Events(
        n_samples=sum(p.n_samples for p in parts),
        n_steps=parts[0].n_steps,
        n_neurons=parts[0].n_neurons,
        indptr=np.concatenate([np.zeros(1, np.int64), *rows]),
        index=np.concatenate([p.index for p in parts]),
        values=_join_values(parts),
    )


def _join_values(parts: list[Events]) -> Int | None:
    if all(p.values is None for p in parts):
        return None
    ones = (np.ones(p.n_events, np.int32) if p.values is None else p.values for p in parts)
    return np.concatenate(list(ones))
