"""Grey values turned to spikes: by their latency, at an even rate, or at a random one; or sent.

Every encoder takes ``levels`` (n, n_channels) uint8, 0 .. 255 for an intensity of 0 .. 1, and
gives a ``Train``, sorted by sample, then time, then channel.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from hetlava.arrays import Float, Int, Int64

WHITE = 255  # the level of intensity 1
LATENCY_TAU = 0.02  # [s]
LATENCY_THRESHOLD = 0.2
RATE_MAX = 50.0  # [Hz] of intensity 1

Levels = npt.NDArray[np.uint8]


class Train(NamedTuple):
    """Spikes of samples laid end to end; those of sample i: ``indptr[i] : indptr[i + 1]``."""

    indptr: Int64
    times: Int64  # [us]
    channels: Int


def first_spike(
    intensity: Float, tau: float = LATENCY_TAU, threshold: float = LATENCY_THRESHOLD
) -> Float:
    """Return when a leaky integrator driven by ``intensity`` first fires [s], inf for never.

    From rest, ``x (1 - exp(-t / tau))`` reaches the threshold at ``tau ln(x / (x - threshold))``.

    References
    ----------
    F. Zenke, SpyTorch, tutorial 2: the constants of the default.
    """
    above = np.maximum(intensity - threshold, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        time = tau * np.log(intensity / above)
    found: Float = np.where(above > 0, time, np.inf)
    return found


def latency(levels: Levels) -> Train:
    """Give every pixel above the threshold its first spike: the brighter, the earlier."""
    times = first_spike(np.arange(WHITE + 1) / WHITE)
    microseconds = np.rint(np.where(np.isfinite(times), times, 0) * 1e6).astype(np.int64)
    return from_table(levels, np.isfinite(times).astype(np.int64), microseconds[:, None])


def direct(levels: Levels) -> tuple[Train, Int]:
    """Let every pixel that is not black send its level, as one event at time 0 that is held."""
    sample, channel = np.nonzero(levels)
    indptr = np.concatenate([[0], np.cumsum(np.count_nonzero(levels, axis=1))]).astype(np.int64)
    train = Train(indptr, np.zeros(channel.size, np.int64), channel.astype(np.int32))
    return train, levels[sample, channel].astype(np.int32)


def rate(levels: Levels, duration_us: int) -> Train:
    """Give every pixel evenly spaced spikes, at most RATE_MAX; nothing is drawn at random.

    A pixel that has ``n`` spikes, rounded, has the k-th at ``(k + 1/2) * duration / n``.
    """
    expected = np.arange(WHITE + 1) / WHITE * RATE_MAX * duration_us * 1e-6
    counts = np.rint(expected).astype(np.int64)
    k = np.arange(max(1, counts.max()))
    # spikes beyond the count are not read, and would lie past the duration
    times = (2 * k + 1) * duration_us // (2 * np.maximum(counts, 1)[:, None])
    return from_table(levels, counts, times)


def poisson(
    levels: Levels, duration_us: int, generator: Callable[[int], np.random.Generator]
) -> Train:
    """Give every pixel a Poisson train of up to RATE_MAX.

    Parameters
    ----------
    generator : function of int
        The generator of a sample by its index, so that no sample depends on those before it.
    """
    expected = np.arange(WHITE + 1) / WHITE * RATE_MAX * duration_us * 1e-6
    n_channels = levels.shape[1]
    every = np.arange(n_channels)
    keys = []
    for k, sample in enumerate(levels):
        rng = generator(k)
        drawn = np.repeat(every, rng.poisson(expected[sample]))
        keys.append(rng.integers(0, duration_us, drawn.size) * n_channels + drawn)
    return _ordered(keys, n_channels)


def from_table(levels: Levels, counts: Int64, times: Int64) -> Train:
    """Give a pixel of level ``l`` the spikes ``times[l, : counts[l]]`` [us].

    Parameters
    ----------
    counts : (256,) int64
    times : (256, k) int64
    """
    n_channels = levels.shape[1]
    keys = []
    for sample in levels:
        spikes = counts[sample]
        channels = np.repeat(np.arange(n_channels), spikes)
        which = np.arange(channels.size) - np.repeat(np.cumsum(spikes) - spikes, spikes)
        keys.append(times[sample[channels], which] * n_channels + channels)
    return _ordered(keys, n_channels)


def _ordered(keys: list[Int64], n_channels: int) -> Train:
    """Return spikes whose keys are ``time * n_channels + channel``, sorted sample by sample."""
    indptr = np.concatenate([[0], np.cumsum([key.size for key in keys])]).astype(np.int64)
    times, channels = np.empty(indptr[-1], np.int64), np.empty(indptr[-1], np.int32)
    for k, key in enumerate(keys):
        key.sort()
        part = slice(indptr[k], indptr[k + 1])
        times[part] = key // n_channels
        channels[part] = key - times[part] * n_channels
    return Train(indptr, times, channels)
