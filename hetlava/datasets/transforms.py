"""Transforms that a data set's name asks for, ``nmnist+denoise:10ms``, computed by tonic.

They belong to the data: what trains on them is run and verified on them. What is drawn at random
for training only is in :mod:`hetlava.datasets.augmenting`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from hetlava.arrays import AnyArray
from hetlava.datasets.recordings import Defaults, Recordings
from hetlava.datasets.sensors import Sensor, check_sensor
from hetlava.errors import MissingPackageError, ValidationError
from hetlava.units import parse_time

EXAMPLES = "denoise:10ms, refractory:5ms, downsample:2, merge-polarities"
EVENT = np.dtype([("x", np.int32), ("y", np.int32), ("t", np.int64), ("p", np.int32)])
US = 1e6  # in a second
FACTOR_MAX = 1024


@dataclass(frozen=True)
class Transform:
    """A transform and its number: seconds, or a factor; 0 where it has none."""

    name: str
    amount: float = 0.0

    def sensor(self, before: Sensor) -> Sensor:
        """Return the sensor that transformed events seem to come from."""
        if self.name == "merge-polarities":
            return before._replace(kinds=1)
        if self.name == "downsample":
            factor = int(self.amount)
            height, width = (-(-size // factor) for size in before[1:])
            return before._replace(height=height, width=width)
        return before


def parse_transform(text: str) -> Transform:
    """Return the transform that a text stands for.

    Raises
    ------
    ValidationError
        If it is unknown, or its number is missing or impossible.
    """
    name, colon, rest = text.strip().partition(":")
    if name not in CALLS:
        raise ValidationError(f"transform {name!r} is unknown; known, as examples: {EXAMPLES}")
    if name == "merge-polarities":
        if colon:
            raise ValidationError(f"transform {text!r}: {name} takes no number")
        return Transform(name)
    if name == "downsample":
        if not rest.isdecimal() or not 1 <= int(rest[:9]) <= FACTOR_MAX:
            raise ValidationError(
                f"transform {text!r}: the factor is a whole number, 1 to {FACTOR_MAX}"
            )
        return Transform(name, float(int(rest)))
    seconds = parse_time(rest)
    if not 0 < seconds <= US:
        raise ValidationError(f"transform {text!r}: expected a time above 0 s")
    return Transform(name, seconds)


def defaults_after(defaults: Defaults, transforms: Sequence[Transform]) -> Defaults:
    """Return how transformed data is binned.

    Raises
    ------
    ValidationError
        If it is not known how the data's channels lie.
    """
    for transform in transforms:
        known = check_sensor(defaults.sensor, defaults.n_channels, transform.name)
        sensor = transform.sensor(known)
        defaults = defaults._replace(sensor=sensor, n_channels=sensor.n_channels)
    return defaults


def transformed(
    recordings: Recordings, sensor: Sensor | None, transforms: Sequence[Transform], name: str
) -> Recordings:
    """Return recordings after transforms, called ``name``.

    Raises
    ------
    MissingPackageError
        If tonic is not installed.
    """
    for transform in transforms:
        before = check_sensor(sensor, recordings.n_channels, transform.name)
        sensor = transform.sensor(before)
        recordings = _apply(recordings, before, sensor, CALLS[transform.name](transform.amount))
    return replace(recordings, name=name)


def _apply(
    recordings: Recordings, before: Sensor, after: Sensor, call: Callable[[AnyArray], AnyArray]
) -> Recordings:
    r, parts = recordings, []
    for i in range(r.n):
        events = slice(int(r.indptr[i]), int(r.indptr[i + 1]))
        made = np.zeros(events.stop - events.start, EVENT)
        made["t"] = r.times[events]
        made["x"], made["y"], made["p"] = before.pixels(r.channels[events].astype(np.int64))
        # tonic measures the sensor by the largest event, which nothing has none of
        parts.append(call(made) if made.size else made)
    sizes = [part.size for part in parts]
    flat = np.concatenate(parts) if parts else np.zeros(0, EVENT)
    x, y, p = (flat[axis].astype(np.int64) for axis in "xyp")
    return replace(
        r,
        n_channels=after.n_channels,
        indptr=np.cumsum([0, *sizes], dtype=np.int64),
        times=flat["t"].astype(np.int64),
        channels=after.channels(x, y, p).astype(np.int32),
    )


def _tonic() -> Any:
    try:
        from tonic import transforms
    except ImportError as error:
        raise MissingPackageError(
            'transforms of events need tonic; pip install "hetlava[data]"'
        ) from error
    return transforms


def _denoise(seconds: float) -> Callable[[AnyArray], AnyArray]:
    call: Callable[[AnyArray], AnyArray] = _tonic().Denoise(filter_time=seconds * US)
    return call


def _refractory(seconds: float) -> Callable[[AnyArray], AnyArray]:
    call: Callable[[AnyArray], AnyArray] = _tonic().RefractoryPeriod(delta=seconds * US)
    return call


def _downsample(factor: float) -> Callable[[AnyArray], AnyArray]:
    # tonic multiplies and cuts off: a little more, so that 49 / 49 does not fall below 1
    share = (1 + 1e-9) / factor
    call: Callable[[AnyArray], AnyArray] = _tonic().Downsample(spatial_factor=share)
    return call


def _merge_polarities(_: float) -> Callable[[AnyArray], AnyArray]:
    call: Callable[[AnyArray], AnyArray] = _tonic().MergePolarities()
    return call


CALLS: Mapping[str, Callable[[float], Callable[[AnyArray], AnyArray]]] = MappingProxyType(
    {
        "denoise": _denoise,
        "refractory": _refractory,
        "downsample": _downsample,
        "merge-polarities": _merge_polarities,
    }
)
