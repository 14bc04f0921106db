"""The recordings of a trial: fewer of them, on fewer channels, and faster or slower."""

from dataclasses import replace
from functools import lru_cache

import numpy as np

from hetlava.datasets import defaults, load
from hetlava.datasets.augmentations import stretched
from hetlava.datasets.recordings import Recordings, Split
from hetlava.datasets.sensors import Sensor, check_sensor
from hetlava.datasets.transforms import Transform
from hetlava.errors import ValidationError


@lru_cache(maxsize=4)
def recordings(dataset: str, split: Split, coarse: int, n: int) -> Recordings:
    """Return the first ``n`` recordings of a split (0: all), channels merged.

    Raises
    ------
    ValidationError, DataError, MissingPackageError
        As of :func:`hetlava.datasets.load`; if there are fewer, or channels cannot be merged so.
    """
    found = load(dataset, split)
    if n > found.n:
        raise ValidationError(f"{dataset}: {split} has {found.n} recordings, {n} are asked for")
    if n:
        found = found.take(np.arange(n))
    return coarsened(found, coarse, defaults(dataset).sensor)


def coarsened(of: Recordings, factor: int, sensor: Sensor | None) -> Recordings:
    """Merge ``factor`` neighbouring channels, or squares of pixels, into one.

    As the transform ``downsample``, where nothing is left over and tonic may be missing.

    Raises
    ------
    ValidationError
        If the channels, or a side of the image, are no multiple of ``factor``, or it is not known
        how they lie.
    """
    if factor == 1:
        return of
    before = check_sensor(sensor, of.n_channels, "merging channels")
    sides = [side for side in before[1:] if side > 1]
    if any(side % factor for side in sides):
        raise ValidationError(
            f"{of.name}: {' x '.join(map(str, sides))} channels are no multiple of {factor}"
        )
    after = Transform("downsample", factor).sensor(before)
    x, y, p = before.pixels(of.channels.astype(np.int64))
    channels = after.channels(x // factor, y // factor, p).astype(np.int32)
    return replace(of, channels=channels, n_channels=after.n_channels)


def at_scale(of: Recordings, scale: float) -> Recordings:
    """Return recordings that last ``scale`` times as long."""
    return of if scale == 1 else stretched(of, scale)


def steps_at_scale(n_steps: int, scale: float) -> int:
    """Return how many steps recordings take that last ``scale`` times as long."""
    return max(1, int(np.ceil(n_steps * scale)))
