"""Recordings made harder at random: spikes added, spikes lost, time stretched.

Every function is pure: equal recordings and an equal generator give equal recordings.

References
----------
N. Perez-Nieves, V. C. H. Leung, P. L. Dragotti and D. F. M. Goodman, "Neural heterogeneity promotes
robust learning", Nature Communications 12:5791, 2021: spikes at 1.2 Hz, deletion with 0.001, time
scales of 2**N(0, 0.5).
"""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from hetlava.datasets.recordings import Recordings, in_time_order
from hetlava.errors import ValidationError

RATE_MAX = 1e4  # [Hz] in a channel
FACTOR_MAX = 1e3
OCTAVES_MAX = 1.5  # six standard deviations then stay below FACTOR_MAX
SPIKES_MAX = 1 << 31  # that may be added at once; 24 GiB


def with_noise(recordings: Recordings, rate: float, rng: np.random.Generator) -> Recordings:
    """Add Poisson spikes at ``rate`` [Hz] to every channel, over the nominal duration.

    Raises
    ------
    ValidationError
        If the rate is negative, no number or absurd.
    """
    r = recordings
    if not 0 <= rate <= RATE_MAX:
        raise ValidationError(f"noise: rate is {rate} Hz, expected 0 to {RATE_MAX:g} Hz")
    expected = rate * r.duration * r.n_channels
    if expected * r.n > SPIKES_MAX:
        raise ValidationError(
            f"noise: {rate} Hz makes {expected * r.n:.3g} spikes, at most {SPIKES_MAX} are added; "
            "take fewer recordings at a time"
        )
    added = rng.poisson(expected, r.n)
    n = int(added.sum())
    times = rng.integers(0, max(1, round(r.duration * 1e6)), n)
    channels = rng.integers(0, r.n_channels, n, dtype=np.int32)
    sample = np.concatenate(
        [np.repeat(np.arange(r.n), np.diff(r.indptr)), np.repeat(np.arange(r.n), added)]
    )
    order = np.argsort(sample, kind="stable")
    indptr = r.indptr + np.concatenate([[0], np.cumsum(added)])
    times, channels = in_time_order(
        indptr,
        np.concatenate([r.times, times])[order],
        np.concatenate([r.channels, channels])[order],
    )
    return replace(r, indptr=indptr, times=times, channels=channels)


def thinned(recordings: Recordings, p: float, rng: np.random.Generator) -> Recordings:
    """Delete every spike with probability ``p``.

    Raises
    ------
    ValidationError
        If ``p`` is no probability.
    """
    r = recordings
    if not 0 <= p <= 1:
        raise ValidationError(f"deletion: probability is {p}, expected 0 to 1")
    # random() is below 1, so that p = 0 keeps every spike and p = 1 none
    kept = rng.random(r.times.size) >= p
    before = np.concatenate([[0], np.cumsum(kept)])
    return replace(r, indptr=before[r.indptr], times=r.times[kept], channels=r.channels[kept])


def stretched(recordings: Recordings, factor: npt.ArrayLike) -> Recordings:
    """Multiply all times, and the nominal duration, by ``factor``; below 1 is faster.

    Parameters
    ----------
    factor : () or (n,)
        One for all, or one per recording; then the duration is multiplied by the largest.

    Raises
    ------
    ValidationError
        If there is not one factor per recording, or one is not positive or absurd.
    """
    r = recordings
    factors = np.asarray(factor, np.float64)
    if factors.shape not in ((), (r.n,)):
        raise ValidationError(f"time scale: factors {factors.shape}, expected () or ({r.n},)")
    wrong = ~((factors >= 1 / FACTOR_MAX) & (factors <= FACTOR_MAX))
    if np.any(wrong):
        raise ValidationError(
            f"time scale: factor {factors[wrong].flat[0]}, expected {1 / FACTOR_MAX:g} to "
            f"{FACTOR_MAX:g}"
        )
    per_spike = factors if not factors.ndim else np.repeat(factors, np.diff(r.indptr))
    return replace(
        r,
        duration=r.duration * (float(factors.max()) if factors.size else 1.0),
        times=np.floor(r.times * per_spike).astype(np.int64),
    )


def random_factors(n: int, octaves: float, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Return ``n`` time scales of ``2**N(0, octaves)``, (n,) float64.

    Raises
    ------
    ValidationError
        If ``octaves`` is negative or no number.
    """
    if not 0 <= octaves <= OCTAVES_MAX:
        raise ValidationError(f"time scale: {octaves} octaves, expected 0 to {OCTAVES_MAX}")
    return np.exp2(rng.normal(0.0, octaves, n))
