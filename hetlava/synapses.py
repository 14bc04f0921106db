"""Synapses in registers: a matrix, lists, or a kernel for images, all asked the same questions."""

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple

import numpy as np

from hetlava.arrays import AnyArray, ArrayRecord, Bool, Int8, Int16, Int64, let_go, same
from hetlava.connectivity import BLOCK, Matrix, Synapses
from hetlava.connectivity import DELAY_MAX as DELAY_MAX
from hetlava.connectivity import Pair as Pair
from hetlava.connectivity import Rows as Rows
from hetlava.errors import ValidationError
from hetlava.fixedpoint import MESSAGE_BITS_MAX

STORED = (np.int16, np.int8)  # what holds weights
_STORAGE = frozenset({"weights", "halved"})
_OWN = _STORAGE | {"synaptic_delays"}  # of every single weight


class Span(NamedTuple):
    """Smallest and largest weight (0, 0 if there are none), and the bits that any of them has."""

    low: int
    high: int
    bits: int


@dataclass(frozen=True, eq=False, kw_only=True)
class QuantisedSynapses(Synapses):
    """What all synapses have in common: ends, integer weights, an exponent, delays.

    The spikes that arrive in a step give the target ``a = product(s) << weight_exp`` (for a
    negative exponent the floor of the sum's right shift), of which the neuron takes ``a << 6``.

    Attributes
    ----------
    source, target : str
    weights : int16 or int8
        In -256 .. 255 as stored; the shape is the subclass's. :meth:`whole` gives the weights.
    halved : bool
        What is stored is the half of each weight, all of which are even: so 8 bits hold the usual
        weights of both signs. Equal weights are equal however they are stored.
    weight_exp : int
        Exponent shared by all.
    weight_bits : int
        Bits that the weights were rounded to, 1 .. 8.
    delays, synaptic_delays
        Of the parts of synapses that are equally late the exponent rounds and 32 bits limit each by
        itself, as in Lava's ``DelayDense``; of delays of sources the sum.
    message_bits : int
        Bits of the messages that are multiplied with the weights; 0 takes every message as 1.
    port : int
        Which input of the target's neurons they lead to.
    """

    weights: Int16 | Int8
    weight_exp: int = 0
    weight_bits: int = 8
    message_bits: int = 0
    port: int = 0
    halved: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        # all halves of 8 bits are halves of weights: these need not be read
        if self.weights.dtype != np.int8:
            low, high, _ = self.span()
            if not -256 <= low <= high <= 255:
                raise ValidationError(f"{self.label}: weights outside [-256, 255]")
        if not -16 <= self.weight_exp <= 16:
            raise ValidationError(f"{self.label}: weight_exp {self.weight_exp} outside [-16, 16]")
        if not 1 <= self.weight_bits <= 8:
            raise ValidationError(f"{self.label}: weight_bits {self.weight_bits} outside [1, 8]")
        if not 0 <= self.message_bits <= MESSAGE_BITS_MAX:
            raise ValidationError(
                f"{self.label}: message_bits {self.message_bits} outside [0, {MESSAGE_BITS_MAX}]"
            )
        if self.port < 0:
            raise ValidationError(f"{self.label}: port {self.port} is below 0")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, QuantisedSynapses) or type(other) is not type(self):
            return NotImplemented
        if self.weights.shape != other.weights.shape or not same(self, other, _STORAGE):
            return False
        return all(map(np.array_equal, self.blocks(), other.blocks()))

    __hash__ = ArrayRecord.__hash__

    def whole(self, part: Any = None) -> Int16:
        """Return the weights of a part as numpy indexes it, of all if not given."""
        return self._whole(self.weights if part is None else self.weights[part])

    def _whole(self, stored: Int16 | Int8) -> Int16:
        weights: Int16 = stored.astype(np.int16, copy=False)
        return weights * np.int16(2) if self.halved else weights

    def blocks(self) -> Iterator[Int16]:
        """Yield the weights block by block of the first axis, which bounds the memory."""
        yield from map(self._whole, self._stored_blocks())

    def _stored_blocks(self) -> Iterator[Int16 | Int8]:
        for stored in super()._stored_blocks():
            yield stored
            let_go(self.weights)

    def span(self) -> Span:
        """Return between what and in which bits the weights are."""
        if not self.weights.size:
            return Span(0, 0, 0)
        low, high, bits = 1 << 15, -(1 << 15), 0
        for stored in self._stored_blocks():
            low, high = min(low, int(stored.min())), max(high, int(stored.max()))
            bits |= int(np.bitwise_or.reduce(stored, axis=None))
        unit = 1 + self.halved
        return Span(low * unit, high * unit, bits * unit)

    def _adds_delays(self) -> bool:
        # what a negative exponent rounds is another sum if delays are not told apart
        return self.weight_exp >= 0

    def described(self) -> dict[str, Any]:
        """Return by name what synapses of every kind say, for some that hold other weights."""
        names = {f.name for f in fields(QuantisedSynapses)} - _OWN
        return {name: getattr(self, name) for name in names}

    @abstractmethod
    def product(self, s: AnyArray) -> Int64:
        """Return the weighted sums of ``s`` (n_samples, n_pre), (n_samples, n_post)."""

    def signed_sums(self, active: Bool) -> tuple[Int64, Int64]:
        """Return the sums of negative and of positive weights from active sources, (n_post,) each.

        Parameters
        ----------
        active : (n_pre,) bool
        """
        low, high = (
            replace(self, weights=part).product(active[None])[0]
            for part in (np.minimum(self.weights, 0), np.maximum(self.weights, 0))
        )
        return low, high


@dataclass(frozen=True, eq=False, kw_only=True)
class QuantisedProjection(Matrix, QuantisedSynapses):
    """All-to-all synapses: ``product(s) = weights @ s`` with weights (n_post, n_pre)."""

    def __post_init__(self) -> None:
        if self.weights.ndim != 2 or self.weights.dtype not in STORED:
            raise ValidationError(
                f"{self.label}: weights of shape {self.weights.shape} {self.weights.dtype}, "
                "expected (n_post, n_pre) int16 or int8"
            )
        super().__post_init__()

    def product(self, s: AnyArray) -> Int64:
        """Return ``weights @ s``."""
        y: Int64 = s.astype(np.int64) @ self.whole().T.astype(np.int64)
        return y

    def signed_sums(self, active: Bool) -> tuple[Int64, Int64]:
        """Sum by blocks of rows: a large matrix is never copied whole."""
        n_post, n_pre = self.weights.shape
        columns = slice(None) if active.all() else np.flatnonzero(active)
        low, high = np.empty(n_post, np.int64), np.empty(n_post, np.int64)
        rows = max(1, BLOCK // max(1, n_pre))
        for start in range(0, n_post, rows):
            part = slice(start, start + rows)
            block = self.whole(part)[:, columns]
            high[part] = np.maximum(block, 0).sum(axis=1, dtype=np.int64)
            low[part] = block.sum(axis=1, dtype=np.int64) - high[part]
        return low, high
