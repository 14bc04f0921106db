"""What a split holds, in numbers: classes, spikes per recording, and when they come."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from hetlava.arrays import AnyArray, ArrayRecord, Float, Int64
from hetlava.datasets.recordings import Recordings

BINS = 20  # of the profile, at most
MS = 1000  # [us]


class Spread(NamedTuple):
    """The least, the middle and the largest of a quantity."""

    low: float
    median: float
    high: float


@dataclass(frozen=True, eq=False, kw_only=True)
class Statistics(ArrayRecord):
    """Counts of a split.

    Attributes
    ----------
    name, split : str
    classes : (n_classes,) int64
        Recordings of each class.
    n_channels : int
    active_channels : int
        Channels with at least one spike in any recording.
    duration : float
        Nominal length of a recording [s].
    spikes : Spread
        Spikes of a recording.
    last : Spread
        Time of the last spike of the recordings that have one [s].
    bin_ms : int
        Width of the profile's bins [ms].
    profile : (k,) float64
        Spikes of a recording per millisecond, the mean over the split, in bins from 0 to the end
        of the nominal duration.
    later : float
        Spikes of a recording after the last bin, the mean over the split.
    """

    name: str
    split: str
    classes: Int64
    n_channels: int
    active_channels: int
    duration: float
    spikes: Spread
    last: Spread
    bin_ms: int
    profile: Float
    later: float


def summarise(recordings: Recordings) -> Statistics:
    """Return the statistics of a split; of one without spikes, spreads of time are 0."""
    r = recordings
    sizes = np.diff(r.indptr)
    ends = r.indptr[1:][sizes > 0] - 1
    duration_ms = max(1, round(r.duration * 1e3))
    bin_ms = -(-duration_ms // BINS)
    n_bins = -(-duration_ms // bin_ms)
    # all that is later falls in one more bin
    counts = np.bincount(np.minimum(r.times // (bin_ms * MS), n_bins), minlength=n_bins + 1)
    means = counts / max(r.n, 1)
    return Statistics(
        name=r.name,
        split=r.split,
        classes=np.bincount(r.labels, minlength=r.n_classes).astype(np.int64),
        n_channels=r.n_channels,
        active_channels=int(np.count_nonzero(np.bincount(r.channels, minlength=r.n_channels))),
        duration=r.duration,
        spikes=_spread(sizes),
        last=_spread(r.times[ends] * 1e-6),
        bin_ms=bin_ms,
        profile=means[:-1] / bin_ms,
        later=float(means[-1]),
    )


def _spread(values: AnyArray) -> Spread:
    if not values.size:
        return Spread(0.0, 0.0, 0.0)
    return Spread(float(values.min()), float(np.median(values)), float(values.max()))
