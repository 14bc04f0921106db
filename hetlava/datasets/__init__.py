"""Data sets by name; nothing of a data set is imported before it is asked for."""

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Protocol, cast, get_args

from hetlava.datasets.recordings import Defaults, Recordings, Split
from hetlava.errors import ValidationError

DATASETS: Mapping[str, str] = MappingProxyType(
    {"digits": "hetlava.datasets.digits", "nmnist": "hetlava.datasets.nmnist"}
)


class Dataset(Protocol):
    """What the module of a data set holds."""

    DEFAULTS: Defaults

    def load(self, split: Split) -> Recordings: ...


def load(name: str, split: str) -> Recordings:
    """Return the recordings of a split, ``train`` or ``test``, of a data set.

    Raises
    ------
    ValidationError
        If the data set or the split is unknown; the message lists the known.
    DataError
        If the data is not there (the message says where to put it) or is damaged.
    MissingPackageError
        If a package that the data set needs is not installed.
    """
    dataset = _dataset(name)
    if split not in get_args(Split):
        raise ValidationError(f"split {split!r} is unknown; known: {', '.join(get_args(Split))}")
    return dataset.load(cast(Split, split))


def defaults(name: str) -> Defaults:
    """Return how a data set is usually binned; reads no data."""
    return _dataset(name).DEFAULTS


def _dataset(name: str) -> Dataset:
    if name not in DATASETS:
        raise ValidationError(f"data set {name!r} is unknown; known: {', '.join(DATASETS)}")
    return cast(Dataset, import_module(DATASETS[name]))
