"""A synthetic task of time alone: the class is the delay between two volleys of spikes.

Both volleys come on the same channels, so that no channel tells classes apart and a network
without recurrence has only the memory of its neurons to tell them by. Six delays lie evenly on a
logarithmic scale from 3 to 80 ms: no single time constant suits all. The first volley comes at
random, a spike of a volley is missing at random and moved by up to the jitter, and a few spikes
are noise. Everything is drawn from generators seeded by the split and the number of the recording:
the data is the same everywhere, and the first recordings of a longer split are those of a shorter.

It is made here, not recorded: an accuracy on it says something of networks, nothing of the world.
"""

from typing import NamedTuple

import numpy as np

from hetlava.arrays import Int, Int64
from hetlava.datasets.recordings import Defaults, Recordings, Split
from hetlava.datasets.sensors import Sensor

N_CLASSES = 6
N_CHANNELS = 20
SHORTEST, LONGEST = 3_000, 80_000  # [us] between the volleys
DELAYS: Int64 = np.rint(np.geomspace(SHORTEST, LONGEST, N_CLASSES)).astype(np.int64)
ONSET = 20_000  # [us] before which the first volley begins
JITTER = 500  # [us] by which a spike comes earlier or later
MISSING = 0.2  # share of a volley's spikes
NOISE = 2.0  # spikes per second of a channel
DURATION_US = 120_000
DEFAULTS = Defaults(
    dt=1e-3,
    n_steps=120,
    n_channels=N_CHANNELS,
    n_classes=N_CLASSES,
    sensor=Sensor(1, 1, N_CHANNELS),
)
SIZES = {"train": 768, "test": 600}


class Recording(NamedTuple):
    """Times [us] and channels of the spikes of one recording, in the order of time."""

    times: Int64
    channels: Int


def load(split: Split) -> Recordings:
    """Return a split: 768 recordings for training, 600 for the test, classes in turn."""
    labels = np.arange(SIZES[split]) % N_CLASSES
    of_split = list(SIZES).index(split)
    made = [_recording(int(c), np.random.default_rng([of_split, k])) for k, c in enumerate(labels)]
    return Recordings(
        name="interval",
        split=split,
        n_channels=N_CHANNELS,
        n_classes=N_CLASSES,
        duration=DURATION_US * 1e-6,
        indptr=np.concatenate([[0], np.cumsum([r.times.size for r in made])]).astype(np.int64),
        times=np.concatenate([r.times for r in made]),
        channels=np.concatenate([r.channels for r in made]),
        labels=labels.astype(np.int64),
    )


def _recording(label: int, rng: np.random.Generator) -> Recording:
    first = int(rng.integers(JITTER, ONSET))
    volleys = [first, first + int(DELAYS[label])]
    times = np.concatenate([_volley(at, rng) for at in volleys])
    channels = np.tile(np.arange(N_CHANNELS), len(volleys))
    kept = rng.random(times.size) >= MISSING
    n_noise = int(rng.poisson(NOISE * N_CHANNELS * DURATION_US * 1e-6))
    times = np.concatenate([times[kept], rng.integers(0, DURATION_US, n_noise)])
    channels = np.concatenate([channels[kept], rng.integers(0, N_CHANNELS, n_noise)])
    order = np.lexsort((channels, times))
    return Recording(times[order], channels[order].astype(np.int32))


def _volley(at: int, rng: np.random.Generator) -> Int64:
    """Return when every channel spikes [us]."""
    return at + rng.integers(-JITTER, JITTER, N_CHANNELS, endpoint=True)
