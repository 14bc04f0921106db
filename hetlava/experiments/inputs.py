"""The recordings of a trial: fewer of them, on fewer channels, and faster or slower."""

from dataclasses import replace
from functools import lru_cache

import numpy as np

from hetlava.arrays import Int
from hetlava.datasets import load
from hetlava.datasets.augmentations import stretched
from hetlava.datasets.recordings import Recordings, Split
from hetlava.errors import ValidationError

# (kinds, height, width) of data sets whose channels are pixels
IMAGES = {
    "nmnist": (2, 34, 34),
    "dvs-gesture": (2, 128, 128),
    "mnist": (1, 28, 28),
    "fashion-mnist": (1, 28, 28),
    "digits": (1, 8, 8),
}


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
    return coarsened(found, coarse, IMAGES.get(dataset.partition(":")[0]))


def coarsened(of: Recordings, factor: int, image: tuple[int, int, int] | None = None) -> Recordings:
    """Merge ``factor`` neighbouring channels, or squares of pixels, into one.

    Raises
    ------
    ValidationError
        If the channels, or a side of the image, are no multiple of ``factor``.
    """
    if factor == 1:
        return of
    sides = (of.n_channels,) if image is None else image[1:]
    if any(side % factor for side in sides):
        raise ValidationError(
            f"{of.name}: {' x '.join(map(str, sides))} channels are no multiple of {factor}"
        )
    c = of.channels
    if image is None:
        merged, n = c // factor, of.n_channels // factor
    else:
        kinds, height, width = image
        row, column = c // width % height // factor, c % width // factor
        inner = height // factor * (width // factor)
        merged = c // (height * width) * inner + row * (width // factor) + column
        n = kinds * inner
    channels: Int = merged.astype(np.int32)
    return replace(of, channels=channels, n_channels=n)


def at_scale(of: Recordings, scale: float) -> Recordings:
    """Return recordings that last ``scale`` times as long."""
    return of if scale == 1 else stretched(of, scale)


def steps_at_scale(n_steps: int, scale: float) -> int:
    """Return how many steps recordings take that last ``scale`` times as long."""
    return max(1, int(np.ceil(n_steps * scale)))
