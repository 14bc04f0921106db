"""Data sets by name; nothing of a data set is imported before it is asked for."""

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Protocol, cast

from hetlava.datasets.cache import Cache
from hetlava.datasets.recordings import Defaults, Recordings, Split
from hetlava.datasets.transforms import (
    Transform,
    defaults_after,
    parse_transform,
    transformed,
)
from hetlava.errors import ValidationError

DATASETS: Mapping[str, str] = MappingProxyType(
    {
        "digits": "hetlava.datasets.digits",
        "nmnist": "hetlava.datasets.nmnist",
        "mnist": "hetlava.datasets.mnist",
        "fashion-mnist": "hetlava.datasets.fashion_mnist",
        "cochlea-digits": "hetlava.datasets.cochlea_digits",
        "shd": "hetlava.datasets.shd",
        "ssc": "hetlava.datasets.ssc",
        "dvs-gesture": "hetlava.datasets.dvs_gesture",
        "interval": "hetlava.datasets.interval",
    }
)


class Dataset(Protocol):
    """What the module of a data set holds."""

    DEFAULTS: Defaults

    def load(self, split: Split) -> Recordings: ...


class EncodedDataset(Protocol):
    """What the module of a data set holds that an encoder turns to spikes."""

    ENCODERS: tuple[str, ...]

    def load(self, split: Split, encoder: str) -> Recordings: ...


def load(name: str, split: str, cache: Cache | None = None) -> Recordings:
    """Return the recordings of a split of a data set: most have ``train`` and ``test``.

    Parameters
    ----------
    name : str
        One of ``DATASETS``; where spikes are made of images, ``mnist:rate`` names the encoder;
        transforms follow a plus, ``nmnist+merge-polarities+downsample:2``.
    cache : Cache, optional
        Keeps what transforms have made.

    Raises
    ------
    ValidationError
        If the data set, the encoder, a transform or the split is unknown; the message lists the
        known.
    DataError
        If the data is not there (the message says where to put it) or is damaged.
    MissingPackageError
        If a package that the data set needs is not installed.
    """
    plain, transforms = _transforms(name)
    dataset, encoder = _dataset(plain)
    defaults(name)  # refuses what does not fit before it is read
    if split not in dataset.DEFAULTS.splits:
        known = ", ".join(dataset.DEFAULTS.splits)
        raise ValidationError(f"{name}: split {split!r} is unknown; known: {known}")
    if encoder:
        recordings = cast(EncodedDataset, dataset).load(split, encoder)
    else:
        recordings = dataset.load(split)
    if not transforms:
        return recordings

    def make() -> Recordings:
        return transformed(recordings, dataset.DEFAULTS.sensor, transforms, name)

    return make() if cache is None else cache.record(Recordings, (recordings, name), make)


def defaults(name: str) -> Defaults:
    """Return how a data set is usually binned, and its splits; reads no data."""
    plain, transforms = _transforms(name)
    dataset, encoder = _dataset(plain)
    if encoder == "direct" and transforms:
        raise ValidationError(f"{name}: transforms change spikes, of which {plain} has none")
    of_encoder: Mapping[str, Defaults] = getattr(dataset, "DEFAULTS_OF", {})
    return defaults_after(of_encoder.get(encoder, dataset.DEFAULTS), transforms)


def base_name(name: str) -> str:
    """Return the name of a data set without encoder and transforms.

    Examples
    --------
    >>> base_name("mnist:rate+downsample:2")
    'mnist'
    """
    return name.partition("+")[0].partition(":")[0]


def _transforms(name: str) -> tuple[str, tuple[Transform, ...]]:
    """Return the name before the first plus, and the transforms after it."""
    plain, *texts = name.split("+")
    return plain, tuple(parse_transform(text) for text in texts)


def _dataset(name: str) -> tuple[Dataset, str]:
    """Return the module of a data set and the encoder that the name asks for, or nothing."""
    plain, colon, encoder = name.partition(":")
    if plain not in DATASETS:
        raise ValidationError(f"data set {name!r} is unknown; known: {', '.join(DATASETS)}")
    module = import_module(DATASETS[plain])
    encoders: tuple[str, ...] = getattr(module, "ENCODERS", ())
    if colon and encoder not in encoders:
        known = f"known: {', '.join(encoders)}" if encoders else f"{plain} takes none"
        raise ValidationError(f"data set {name!r}: encoder {encoder!r} is unknown; {known}")
    return cast(Dataset, module), encoder
