"""Spikes on their way through the engine: lists of events, what is remembered, what is given."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from hetlava.arrays import AnyArray, Int, Int64


class Train(NamedTuple):
    """Spikes of a source, ``neurons[rows[r] : rows[r + 1]]`` in row ``sample * n_steps + t``.

    ``values`` are what they send, None where that is 1.
    """

    rows: Int64
    neurons: Int
    values: Int | None = None


@lru_cache(maxsize=16)
def nothing(n_rows: int) -> Train:
    """Return rows without events."""
    rows, neurons = np.zeros(n_rows + 1, np.int64), np.zeros(0, np.int32)
    rows.flags.writeable = neurons.flags.writeable = False  # all share them
    return Train(rows, neurons)


@dataclass(kw_only=True)
class Memory:
    """What the samples of a block remember between two calls.

    Attributes
    ----------
    state : (n_samples, words) int32
    last : list of Train
        Of every source, the spikes of the step before, one row per sample.
    spikes : list of (n_samples, history, words) uint64
        Of every source, the spikes of the steps before that delays still need, as bits.
    values : list of (n_samples, history, 64 words) int32, or None
        Of graded sources, what these sent.
    n_steps : int
        Steps since rest.
    """

    state: Int
    last: list[Train]
    spikes: list[AnyArray]
    values: list[Int | None]
    n_steps: int = 0


@dataclass(kw_only=True)
class Output:
    """What a block gives: events of every source (the input is the first), synops, times."""

    trains: list[Train]
    synops: Int64
    first_sample: int = 0
    seconds: list[float] = field(default_factory=list)  # of every group


@dataclass(frozen=True, kw_only=True)
class Recorder:
    """Where traces go: arrays (all_steps, all_samples, n) int32 of each population, or None."""

    u: Sequence[Int | None]
    v: Sequence[Int | None]
    all_samples: int
    probes: tuple[str, ...] = ()
