"""Augmentations written as text, ``noise:1.2Hz``, and applied to one recording at a time.

What a recording meets depends on its generator alone, which is seeded by the run, the epoch and
the recording's number: neither the order of recordings nor who computes them matters.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from hetlava.arrays import Bool, Int64
from hetlava.datasets.augmentations import (
    OCTAVES_MAX,
    RATE_MAX,
    random_factors,
    stretched,
    thinned,
    with_noise,
)
from hetlava.datasets.recordings import Recordings, in_time_order
from hetlava.datasets.sensors import Sensor, check_sensor
from hetlava.errors import ValidationError
from hetlava.units import parse_number, parse_time

EXAMPLES = (
    "noise:1.2Hz, delete:0.001, time-scale:0.5, time-jitter:2ms, spatial-jitter:1, channel-shift:20"
)
Change = Callable[[Recordings, float, Sensor | None, np.random.Generator], Recordings]


@dataclass(frozen=True)
class Kind:
    """What a name stands for; ``unit`` is ``Hz``, ``s`` (any unit of time) or nothing."""

    change: Change
    unit: str
    most: float


@dataclass(frozen=True)
class Augmentation:
    """A change drawn at random for every recording."""

    name: str
    amount: float

    def apply(
        self, recordings: Recordings, sensor: Sensor | None, rng: np.random.Generator
    ) -> Recordings:
        """Return changed recordings; equal ones and an equal generator give equal ones."""
        return KINDS[self.name].change(recordings, self.amount, sensor, rng)


def parse_augmentation(text: str) -> Augmentation:
    """Return the augmentation that a text stands for.

    Raises
    ------
    ValidationError
        If it is unknown, its unit is missing, or its number impossible.

    Examples
    --------
    >>> parse_augmentation("noise:1.2Hz")
    Augmentation(name='noise', amount=1.2)
    """
    name, _, rest = text.strip().partition(":")
    if name not in KINDS:
        raise ValidationError(f"augmentation {name!r} is unknown; known, as examples: {EXAMPLES}")
    kind, rest = KINDS[name], rest.strip()
    if kind.unit == "Hz":
        if not rest.endswith("Hz"):
            raise ValidationError(f"augmentation {text!r} is a rate; write {name}:1.2Hz")
        rest = rest.removesuffix("Hz")
    amount = parse_time(rest) if kind.unit == "s" else parse_number(rest)
    if not 0 <= amount <= kind.most:
        raise ValidationError(
            f"augmentation {text!r}: {amount:g}, expected 0 to {kind.most:g} {kind.unit}".rstrip()
        )
    return Augmentation(name, amount)


def _noise(r: Recordings, rate: float, _: Sensor | None, rng: np.random.Generator) -> Recordings:
    return with_noise(r, rate, rng)


def _delete(r: Recordings, p: float, _: Sensor | None, rng: np.random.Generator) -> Recordings:
    return thinned(r, p, rng)


def _time_scale(
    r: Recordings, octaves: float, _: Sensor | None, rng: np.random.Generator
) -> Recordings:
    return stretched(r, random_factors(r.n, octaves, rng))


def _time_jitter(
    r: Recordings, sigma: float, _: Sensor | None, rng: np.random.Generator
) -> Recordings:
    moved = np.rint(r.times + rng.normal(0, sigma * 1e6, r.times.size)).astype(np.int64)
    # what would come before the start comes with it
    times, channels = in_time_order(r.indptr, np.maximum(moved, 0), r.channels)
    return replace(r, times=times, channels=channels)


def _spatial_jitter(
    r: Recordings, sigma: float, sensor: Sensor | None, rng: np.random.Generator
) -> Recordings:
    known = check_sensor(sensor, r.n_channels, "spatial-jitter")
    x, y, p = known.pixels(r.channels.astype(np.int64))
    x = x + np.rint(rng.normal(0, sigma, x.size)).astype(np.int64)
    if known.height > 1:
        y = y + np.rint(rng.normal(0, sigma, y.size)).astype(np.int64)
    return _seen(r, known, x, y, p)


def _channel_shift(
    r: Recordings, most: float, sensor: Sensor | None, rng: np.random.Generator
) -> Recordings:
    known = check_sensor(sensor, r.n_channels, "channel-shift")
    if known.kinds * known.height > 1:
        raise ValidationError("channel-shift is for a row of channels; images have --shift")
    by = np.repeat(rng.integers(-int(most), int(most) + 1, r.n), np.diff(r.indptr))
    zero = np.zeros(r.channels.size, np.int64)
    return _seen(r, known, r.channels + by, zero, zero)


def _seen(r: Recordings, sensor: Sensor, x: Int64, y: Int64, p: Int64) -> Recordings:
    """Return events at new places; those that left the sensor are lost."""
    kept: Bool = (x >= 0) & (x < sensor.width) & (y >= 0) & (y < sensor.height)
    before = np.concatenate([[0], np.cumsum(kept)])
    channels = sensor.channels(x[kept], y[kept], p[kept]).astype(np.int32)
    return replace(r, indptr=before[r.indptr], times=r.times[kept], channels=channels)


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "noise": Kind(_noise, "Hz", RATE_MAX),
        "delete": Kind(_delete, "", 1.0),
        "time-scale": Kind(_time_scale, "", OCTAVES_MAX),
        "time-jitter": Kind(_time_jitter, "s", 1.0),
        "spatial-jitter": Kind(_spatial_jitter, "", 1e3),
        "channel-shift": Kind(_channel_shift, "", 1e6),
    }
)
