"""Data sets of grey 28x28 images in MNIST's four files, with an encoder that makes spikes of them.

Channel ``28 y + x`` is the pixel at row y, column x. Encoders, the first being the default:
``latency`` (one spike, the brighter the earlier), ``rate`` (evenly spaced, up to 50 Hz for
100 ms), ``poisson`` (at the same rates, drawn from a generator that split and index seed, so
that an image always gives the same spikes), and ``direct`` (no spikes: every pixel sends its grey
level at every step, as graded input that a chip multiplies weights by).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from hetlava.arrays import Int64
from hetlava.datasets.encoders import Levels, Train, direct, latency, poisson, rate
from hetlava.datasets.idx import read_idx
from hetlava.datasets.places import cache_folder, data_folder
from hetlava.datasets.recordings import Defaults, Recordings, Split
from hetlava.datasets.sensors import Sensor
from hetlava.errors import DataError

SIDE = 28  # [pixel]
N_CLASSES = 10
DURATION_US = 100_000
# 8 steps after the last spike let it reach the output of a deep network
DEFAULTS = Defaults(
    dt=1e-3,
    n_steps=108,
    n_channels=SIDE * SIDE,
    n_classes=N_CLASSES,
    sensor=Sensor(1, SIDE, SIDE),
)
ENCODERS = ("latency", "rate", "poisson", "direct")
# each of these steps has an event for every pixel
DEFAULTS_OF = MappingProxyType({"direct": DEFAULTS._replace(dt=5e-3, n_steps=20)})
PARTS: Mapping[Split, str] = {"train": "train", "test": "t10k"}


@dataclass(frozen=True)
class ImageFiles:
    """Where the files of a data set lie, and what they must hold.

    Attributes
    ----------
    name : str
    folder : str
        Under HETLAVA_DATA; there the ``.gz`` files lie as they were published.
    torchvision : str
        The folder that torchvision gives them; looked for there, and in the cache, too.
    sha256 : mapping of str to str
        Checksums of the unpacked files.
    """

    name: str
    folder: str
    torchvision: str
    sha256: Mapping[str, str]


class Images(NamedTuple):
    """Pixels (n, 28, 28) uint8 and classes (n,) int64."""

    pixels: npt.NDArray[np.uint8]
    labels: Int64


def load(files: ImageFiles, split: Split, encoder: str) -> Recordings:
    """Return a split as spikes.

    Raises
    ------
    DataError
        If a file is missing (the message says what to put where) or damaged.
    """
    images = read_images(files, split)
    grey, levels = images.pixels.reshape(-1, SIDE * SIDE), None
    if encoder == "direct":
        train, levels = direct(grey)
    else:
        train = encode(grey, split, encoder)
    for part in train if levels is None else (*train, levels):
        part.flags.writeable = False  # records copy what can be written
    return Recordings(
        name=f"{files.name}:{encoder}",
        split=split,
        n_channels=SIDE * SIDE,
        n_classes=N_CLASSES,
        duration=DURATION_US * 1e-6,
        indptr=train.indptr,
        times=train.times,
        channels=train.channels,
        labels=images.labels,
        levels=levels,
    )


def encode(levels: Levels, split: Split, encoder: str) -> Train:
    """Return the spikes of images (n, 784) of a split, in its order."""
    if encoder == "latency":
        return latency(levels)
    if encoder == "rate":
        return rate(levels, DURATION_US)
    of_split = tuple(PARTS).index(split)
    return poisson(levels, DURATION_US, lambda k: np.random.default_rng((of_split, k)))


def read_images(files: ImageFiles, split: Split) -> Images:
    """Return the images of a split as they are, for those who want other inputs than spikes.

    Raises
    ------
    DataError
        If a file is missing or damaged, or there are not as many labels as images.
    """
    folder = _folder(files)
    images, labels = f"{PARTS[split]}-images-idx3-ubyte", f"{PARTS[split]}-labels-idx1-ubyte"
    pixels = read_idx(_file(folder, images), (None, SIDE, SIDE), files.sha256.get(images, ""))
    classes = read_idx(_file(folder, labels), (None,), files.sha256.get(labels, ""))
    if len(pixels) != len(classes) or not len(pixels):
        raise DataError(f"{folder}: {len(pixels)} images and {len(classes)} labels; fetch both")
    if classes.max() >= N_CLASSES:
        k = int(np.argmax(classes >= N_CLASSES))
        raise DataError(
            f"{folder}: label {k} of {labels} is {classes[k]}, expected 0 .. {N_CLASSES - 1}"
        )
    return Images(pixels, classes.astype(np.int64))


def _folder(files: ImageFiles) -> Path:
    data = data_folder()
    roots = [data / files.folder, data / files.torchvision] if data else []
    roots.append(cache_folder() / files.torchvision)
    for root in roots:
        if root.is_dir():
            return root
    raise DataError(
        f"{files.name} is not here. Set HETLAVA_DATA to a folder that holds {files.folder}/ with "
        f"the four published files {', '.join(f'{name}.gz' for name in sorted(files.sha256))}, or "
        f"let torchvision put them into {cache_folder()} "
        f"(looked for the folders {', '.join(map(str, roots))})"
    )


def _file(folder: Path, name: str) -> Path:
    for path in (folder / f"{name}.gz", folder / name):
        if path.is_file():
            return path
    raise DataError(f"{folder / name}.gz: no such file; put the published file there")
