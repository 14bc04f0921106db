"""Labelled recordings of events in microseconds: what every data set is loaded as."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from hetlava.arrays import ArrayRecord, Int, Int64
from hetlava.datasets.sensors import Sensor
from hetlava.errors import ValidationError
from hetlava.events import Events, concatenate, from_coordinates
from hetlava.network import DT_MAX

Split = Literal["train", "valid", "test", "all"]
BLOCK = 2000  # recordings binned at once: the sort of a block stays small beside the data


class Defaults(NamedTuple):
    """How a data set is usually binned, its size, and its splits: ``dt`` [s], steps, ...

    ``sensor`` says how its channels lie, where that is known.
    """

    dt: float
    n_steps: int
    n_channels: int
    n_classes: int
    splits: tuple[Split, ...] = ("train", "test")
    sensor: Sensor | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class Recordings(ArrayRecord):
    """Recordings of one split, one after the other.

    The events of recording ``i`` are ``indptr[i] : indptr[i + 1]``, in the order of their times.

    Attributes
    ----------
    name, split : str
    n_channels, n_classes : int
    duration : float
        Nominal length of a recording [s]; single events may come later.
    indptr : (n + 1,) int64
    times : (n_events,) int64
        Time since the start of the recording [us].
    channels : (n_events,) int32
    labels : (n,) int64
    levels : (n_events,) int32, optional
        Of recordings that are held: what a channel sends at every step, above 0. Their events are
        at time 0, a channel's once.
    """

    name: str
    split: str
    n_channels: int
    n_classes: int
    duration: float
    indptr: Int64
    times: Int64
    channels: Int
    labels: Int64
    levels: Int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        shapes = {"indptr": (self.labels.size + 1,), "labels": (self.labels.size,)}
        shapes |= {"times": (self.times.size,), "channels": (self.times.size,)}
        for field, shape in shapes.items():
            value, dtype = getattr(self, field), np.int32 if field == "channels" else np.int64
            if value.shape != shape or value.dtype != dtype:
                raise ValidationError(
                    f"{self.name}: {field} of shape {value.shape} {value.dtype}, "
                    f"expected {shape} {np.dtype(dtype)}"
                )
        if self.levels is not None and (
            self.levels.shape != self.times.shape or self.levels.dtype != np.int32
        ):
            raise ValidationError(
                f"{self.name}: levels of shape {self.levels.shape} {self.levels.dtype}, expected "
                f"{self.times.shape} int32"
            )
        if not 0 < self.duration < np.inf:
            raise ValidationError(f"{self.name}: duration {self.duration} s is not above 0 s")
        self._check_ranges()
        self._check_order()

    def _check_ranges(self) -> None:
        for field, limit in (("channels", self.n_channels), ("labels", self.n_classes)):
            value = getattr(self, field)
            if value.size and not 0 <= value.min() <= value.max() < limit:
                raise ValidationError(
                    f"{self.name}: {field} {value.min()} .. {value.max()} outside [0, {limit - 1}]"
                )

    def _check_order(self) -> None:
        starts = self.indptr[:-1]
        if self.indptr[0] or self.indptr[-1] != self.times.size or np.any(np.diff(self.indptr) < 0):
            raise ValidationError(f"{self.name}: indptr does not count the events in order")
        # compared in place of np.diff, whose copies would triple the memory of a whole data set
        earlier = self.times[1:] < self.times[:-1]
        earlier[starts[(starts > 0) & (starts < self.times.size)] - 1] = False
        if np.any(earlier) or (self.times.size and self.times.min() < 0):
            raise ValidationError(f"{self.name}: times of a recording are negative or decrease")

    @property
    def n(self) -> int:
        """Number of recordings."""
        return int(self.labels.size)

    def take(self, which: npt.ArrayLike) -> "Recordings":
        """Return the recordings ``which`` (k,) of indices, in that order.

        Raises
        ------
        ValidationError
            If an index is no integer or there is no such recording.
        """
        chosen = np.asarray(which)
        if chosen.size == 0:
            chosen = chosen.astype(np.int64)
        if chosen.ndim != 1 or chosen.dtype.kind not in "iu":
            raise ValidationError(f"{self.name}: indices are {chosen.dtype} of {chosen.ndim} axes")
        if chosen.size and not 0 <= chosen.min() <= chosen.max() < self.n:
            raise ValidationError(
                f"{self.name}: indices {chosen.min()} .. {chosen.max()} outside [0, {self.n - 1}]"
            )
        lengths = np.diff(self.indptr)[chosen]
        indptr = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        where = np.arange(indptr[-1]) + np.repeat(self.indptr[chosen] - indptr[:-1], lengths)
        return self._with(indptr, where, self.labels[chosen])

    def _with(self, indptr: Int64, where: Int64 | slice, labels: Int64) -> "Recordings":
        return Recordings(
            name=self.name,
            split=self.split,
            n_channels=self.n_channels,
            n_classes=self.n_classes,
            duration=self.duration,
            indptr=indptr,
            times=self.times[where],
            channels=self.channels[where],
            labels=labels,
            levels=None if self.levels is None else self.levels[where],
        )

    def binned(self, dt: float, n_steps: int) -> Events:
        """Return the spikes in steps of ``dt`` [s]: an event at ``t`` falls in ``floor(t / dt)``.

        Several events of a channel in one step count once; events past ``n_steps`` are dropped.

        Raises
        ------
        ValidationError
            If ``dt`` or ``n_steps`` is impossible.
        """
        if not 1e-9 <= dt <= DT_MAX:
            raise ValidationError(f"dt is {dt} s, expected 1e-09 s to {DT_MAX} s")
        if n_steps < 1:
            raise ValidationError(f"n_steps is {n_steps}, expected at least 1")
        if self.levels is not None:
            return self._held(self.levels, n_steps)
        starts = range(0, max(self.n, 1), BLOCK)
        return concatenate(self._bin(i, min(i + BLOCK, self.n), dt, n_steps) for i in starts)

    def _held(self, levels: Int, n_steps: int) -> Events:
        lengths = np.repeat(np.diff(self.indptr), n_steps)
        indptr = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        starts = np.repeat(self.indptr[:-1], n_steps)
        where = np.arange(indptr[-1]) + np.repeat(starts - indptr[:-1], lengths)
        return Events(
            n_samples=self.n,
            n_steps=n_steps,
            n_neurons=self.n_channels,
            indptr=indptr,
            index=self.channels[where],
            values=levels[where],
        )

    def _bin(self, start: int, stop: int, dt: float, n_steps: int) -> Events:
        # the decimal that was meant by dt: in floats, 9 ms / 3 ms may fall below 3
        step = (Fraction(repr(float(dt))) * 10**6).limit_denominator(10**6)
        events = slice(int(self.indptr[start]), int(self.indptr[stop]))
        steps = self.times[events] * step.denominator // step.numerator
        kept = steps < n_steps
        sample = np.repeat(np.arange(stop - start), np.diff(self.indptr[start : stop + 1]))
        return from_coordinates(
            sample[kept],
            steps[kept],
            self.channels[events][kept].astype(np.int64),
            n_samples=stop - start,
            n_steps=n_steps,
            n_neurons=self.n_channels,
        )


def in_time_order(indptr: Int64, times: Int64, channels: Int) -> tuple[Int64, Int]:
    """Return events with each recording's sorted by time; equal times keep their order."""
    falls = np.flatnonzero(times[1:] < times[:-1]) + 1
    rows = np.unique(np.searchsorted(indptr, falls, side="right") - 1)
    if rows.size:
        times, channels = times.copy(), channels.copy()
    for row in rows:
        part = slice(indptr[row], indptr[row + 1])
        order = np.argsort(times[part], kind="stable")
        times[part], channels[part] = times[part][order], channels[part][order]
    return times, channels
