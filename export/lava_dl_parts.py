"""Pieces that layers of lava-dl's files have in common, each checked where it is read."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod

import numpy as np

from hetlava.arrays import AnyArray, Int, Int16, Int64, as_vector, cast_exactly, require
from hetlava.errors import FormatError, UnsupportedError, ValidationError
from hetlava.export.hdf5 import Group
from hetlava.graph import INPUT
from hetlava.quantised import QuantisedPopulation
from hetlava.sliding import Shape
from hetlava.synapses import Pair, QuantisedSynapses


@dataclass(frozen=True)
class Signal:
    """What the next layer hears: whose messages, how they are ordered, and how late they come.

    ``message_bits`` is 0 for spikes, None where the next layer says what it takes. ``lag`` counts
    the steps that the messages are behind SLAYER's, whose sigma-delta layers take none.
    """

    source: str = INPUT
    shape: tuple[int, ...] | None = None
    delays: Int16 | None = None
    message_bits: int | None = None
    lag: int = 0

    def image(self, group: Group) -> Shape:
        """Return (channels, height, width), which ``group`` needs."""
        if self.shape is None or len(self.shape) != 3:
            raise FormatError(
                f"{group.where()}: needs an image of (channels, height, width), what leads to it "
                f"is {self.shape or 'of no known shape'}"
            )
        return self.shape[0], self.shape[1], self.shape[2]

    @property
    def size(self) -> int | None:
        """Number of neurons, None where no layer said it."""
        return None if self.shape is None else prod(self.shape)


@dataclass(frozen=True)
class SlayerLayer:
    """A population, what leads to it, what it sends, and where netx computes otherwise.

    ``helpers`` are further populations that only this one hears.
    """

    population: QuantisedPopulation
    projections: tuple[QuantisedSynapses, ...]
    signal: Signal
    changes: tuple[str, ...] = ()
    helpers: tuple[QuantisedPopulation, ...] = ()


def layer_name(group: Group) -> str:
    """Return ``layer<k>``."""
    return f"layer{group.name.rpartition('/')[2]}"


def limited(group: Group, key: str, n: int, channels: int | None = None) -> AnyArray:
    """Return one value, one per channel or ``n``."""
    value = group.array(key)
    if value.size not in (1, n, channels or n) or value.ndim > 1:
        raise FormatError(f"{group.where(key)}: shape {value.shape}, expected one value or {n}")
    return value.reshape(()) if value.size == 1 else value


def vector(group: Group, key: str, n: int, channels: int) -> Int:
    """Return ``n`` values, those of a channel repeated for each of its neurons."""
    value = limited(group, key, n, channels)
    if value.size == channels:
        value = np.repeat(value, n // channels)
    with in_file(group):
        return as_vector(value, n, np.int32, key)


def weights(group: Group, key: str, raw: AnyArray) -> Int16:
    """Return weights as integers that a synapse holds."""
    with in_file(group):
        whole: Int64 = cast_exactly(raw, np.int64, key)
        require(whole, (whole >= -256) & (whole <= 255), key, "are outside [-256, 255]")
    return whole.astype(np.int16)


def delays(group: Group, *shape: int) -> Int16 | None:
    """Return what SLAYER delays the spikes of each channel by, None where it does not."""
    if "delay" not in group.keys():
        return None
    raw = group.array("delay")
    if raw.shape == (1,) and not np.any(raw):
        raw = np.zeros(shape)  # of a layer that was never run
    if raw.shape != shape:
        raise UnsupportedError(
            f"{group.where('delay')}: shape {raw.shape}; read is one delay for each of "
            f"{shape[-1]} channels"
        )
    with in_file(group):
        return cast_exactly(raw, np.int16, "delay")


def sizes(group: Group, key: str = "shape") -> tuple[int, ...]:
    """Return a few sizes of at least 1."""
    shape = group.array(key)
    if shape.ndim > 1 or not 1 <= shape.size <= 4 or shape.dtype.kind not in "iu":
        raise FormatError(f"{group.where(key)}: {shape.dtype} {shape.shape}, expected sizes")
    if np.any(shape < 1):
        raise FormatError(f"{group.where(key)}: {shape.tolist()}, expected sizes of at least 1")
    # Python integers: the product may leave 64 bits
    return tuple(int(extent) for extent in shape.ravel())


def pair(group: Group, key: str) -> Pair:
    """Return two whole numbers, or one twice."""
    value = group.array(key)
    if value.size not in (1, 2) or value.ndim > 1:
        raise FormatError(f"{group.where(key)}: shape {value.shape}, expected (y, x)")
    with in_file(group):
        y, x = np.broadcast_to(cast_exactly(value, np.int64, key), 2)
    return int(y), int(x)


def check_says(group: Group, expected: Mapping[str, int | tuple[int, ...]]) -> None:
    """Check what a file says twice."""
    for key, value in expected.items():
        if key in group.keys() and group.array(key).ravel().tolist() != np.ravel(value).tolist():
            raise FormatError(f"{group.where(key)}: disagrees with the weights, {value}")


def check_keys(group: Group, needed: set[str], optional: set[str]) -> None:
    """Check that a group has what is needed and nothing unknown."""
    keys = set(group.keys())
    if needed - keys:
        raise FormatError(f"{group.where()}: {sorted(needed - keys)} missing")
    if keys - needed - optional:
        raise UnsupportedError(
            f"{group.where()}: {sorted(keys - needed - optional)[:20]} unknown, and nothing of a "
            "file is ignored"
        )


@contextmanager
def in_file(group: Group) -> Iterator[None]:
    """Say in which file and where a number is wrong."""
    try:
        yield
    except ValidationError as error:
        raise FormatError(f"{group.where()}: {error}") from error
