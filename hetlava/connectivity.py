"""Synapses whatever their weights are, volts or registers: all to all, sliding, or listed."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, fields
from math import prod
from typing import Any, NamedTuple

import numpy as np

from hetlava.arrays import AnyArray, ArrayRecord, Bool, Int, Int8, Int16, Int64, require
from hetlava.errors import UnsupportedError, ValidationError

SIZE_MAX = 1 << 26  # weights that a matrix is made of for something else
DELAY_MAX = 62  # [step]; Loihi 2 has 6 bits of delay, of which one step is the synapse's own
BLOCK = 1 << 22  # weights that are summed at a time, which bounds the memory

Pair = tuple[int, int]


class Rows(NamedTuple):
    """Synapses of non-zero weight, those of source ``j`` at ``indptr[j] : indptr[j + 1]``."""

    indptr: Int64  # (n_pre + 1,)
    post: Int  # (n_synapses,)
    weight: AnyArray  # (n_synapses,)


@dataclass(frozen=True, eq=False, kw_only=True)
class Synapses(ArrayRecord, ABC):
    """What all synapses are asked: whom they join, what they sum, one by one or as a matrix.

    Attributes
    ----------
    source, target : str
        Names of populations; ``source`` may be ``"input"``.
    weights : numbers
        As stored; the shape is the subclass's.
    delays : (n_pre,) int16, optional
        Steps, 0 .. 62, that the spikes of each source neuron take on top of the one that every
        spike takes (an axonal delay). None where there are none, also if all given ones are 0.
    synaptic_delays : int8, optional
        The same for every single synapse, in the shape of ``weights``;
        :func:`hetlava.delays.by_delay` gives the parts that are equally late. Where all synapses
        of a source are alike and that is no difference, they become ``delays``.
    """

    source: str
    target: str
    weights: AnyArray
    delays: Int16 | None = None
    synaptic_delays: Int8 | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        late = self.synaptic_delays
        if self.delays is not None:
            if late is not None:
                raise ValidationError(
                    f"{self.label}: delays both of sources and of synapses; add them up, and give "
                    "those of synapses"
                )
            self._check_delays("delays", self.delays, self.shape[1:], np.int16)
        if late is not None:
            self._check_delays("synaptic_delays", late, self.weights.shape, np.int8)
            self._settle_delays(late)

    @property
    def label(self) -> str:
        """How messages call it."""
        return f"projection {self.source} -> {self.target}"

    @property
    @abstractmethod
    def shape(self) -> Pair:
        """(n_post, n_pre)."""

    @property
    @abstractmethod
    def fan_in(self) -> int:
        """The most synapses that a neuron of the target can have, those of weight 0 included."""

    @abstractmethod
    def product(self, s: AnyArray) -> AnyArray:
        """Return the weighted sums of ``s`` (n_samples, n_pre), (n_samples, n_post)."""

    @abstractmethod
    def fan_out(self) -> Int64:
        """Return the synapses of non-zero weight of each source neuron, (n_pre,)."""

    @abstractmethod
    def rows(self) -> Rows:
        """Return every synapse of non-zero weight, by source neuron."""

    def whole(self, part: Any = None) -> AnyArray:
        """Return the weights of a part as numpy indexes it, of all if not given."""
        return self.weights if part is None else self.weights[part]

    def _stored_blocks(self) -> Iterator[AnyArray]:
        """Yield the stored weights block by block of the first axis, which bounds the memory."""
        step = max(1, BLOCK // max(1, prod(self.weights.shape[1:])))
        for start in range(0, len(self.weights), step):
            yield self.weights[start : start + step]

    def n_nonzero(self) -> int:
        """Return how many weights are not 0, those of a kernel once."""
        return sum(int(np.count_nonzero(stored)) for stored in self._stored_blocks())

    def matrix(self) -> AnyArray:
        """Return the weights between every two neurons, (n_post, n_pre).

        Raises
        ------
        UnsupportedError
            If there are more than ``2**26`` of them.
        """
        if prod(self.shape) > SIZE_MAX:
            raise UnsupportedError(
                f"{self.label}: {self.shape[0]} x {self.shape[1]} weights are too many for a "
                f"matrix of at most {SIZE_MAX}"
            )
        rows = self.rows()
        dense = np.zeros(self.shape[::-1], rows.weight.dtype)
        pre = np.repeat(np.arange(self.shape[1]), np.diff(rows.indptr))
        dense[pre, rows.post] = rows.weight
        return np.ascontiguousarray(dense.T)

    def arrangement(self) -> dict[str, Any]:
        """Return by name what says whom the weights join: nothing of a matrix."""
        return {}

    def lateness(self) -> dict[str, Any]:
        """Return by name what says how late spikes are."""
        return {"delays": self.delays, "synaptic_delays": self.synaptic_delays}

    def _check_delays(
        self, name: str, delays: Int8 | Int16, shape: tuple[int, ...], word: type[np.integer[Any]]
    ) -> None:
        if delays.shape != shape or delays.dtype != word:
            whose = "one per source neuron" if name == "delays" else "one per weight"
            raise ValidationError(
                f"{self.label}: {name} of shape {delays.shape} {delays.dtype}, expected "
                f"{shape} {np.dtype(word)}, {whose}"
            )
        fits = (delays >= 0) & (delays <= DELAY_MAX)
        require(delays, fits, f"{self.label}: {name}", f"are outside [0, {DELAY_MAX}]")
        if not np.any(delays):
            object.__setattr__(self, name, None)

    def _settle_delays(self, late: Int8) -> None:
        """Say of sources what their synapses have in common, or that there is no delay."""
        there = self.weights != 0
        present = late[there]
        if not present.any():
            object.__setattr__(self, "synaptic_delays", None)
            return
        found = None
        if np.all(present == present[0]):
            found = np.full(self.shape[1], present[0], np.int16)
        elif self._adds_delays():
            found = self._shared_delays(late, there)
        if found is not None:
            object.__setattr__(self, "synaptic_delays", None)
            object.__setattr__(self, "delays", found)

    def _adds_delays(self) -> bool:
        """Tell whether delays of synapses are those of sources where each has one."""
        return True

    def _shared_delays(self, late: Int8, there: Bool) -> Int16 | None:
        """Return the delay of each source if its synapses of non-zero weight have one."""
        return None

    @property
    def all_delays(self) -> Int8 | Int16 | None:
        """The delays that there are, of synapses or of sources."""
        return self.delays if self.synaptic_delays is None else self.synaptic_delays

    @property
    def longest_delay(self) -> int:
        """The longest delay [step], 0 where there are none."""
        return 0 if self.all_delays is None else int(self.all_delays.max())


def own_fields(record: ArrayRecord, kind: type[Any]) -> dict[str, Any]:
    """Return by name the fields that a kind of synapses adds to :class:`Synapses`."""
    names = {f.name for f in fields(kind)} - {f.name for f in fields(Synapses)}
    return {name: getattr(record, name) for name in names}


class Matrix(Synapses):
    """All-to-all synapses: ``product(s) = weights @ s`` with weights (n_post, n_pre)."""

    @property
    def shape(self) -> Pair:
        """(n_post, n_pre)."""
        return self.weights.shape[0], self.weights.shape[1]

    @property
    def fan_in(self) -> int:
        """Number of sources."""
        return self.shape[1]

    def fan_out(self) -> Int64:
        """Return the non-zero weights of each column."""
        fan = np.zeros(self.shape[1], np.int64)
        for stored in self._stored_blocks():
            fan += np.count_nonzero(stored, axis=0)
        return fan

    def _shared_delays(self, late: Int8, there: Bool) -> Int16 | None:
        found = np.max(late, axis=0, where=there, initial=0)
        return found.astype(np.int16) if np.all((late == found) | ~there) else None

    def rows(self) -> Rows:
        """Return the non-zero weights, column by column."""
        pre, post = np.nonzero(self.weights.T)
        starts = np.concatenate([[0], np.cumsum(self.fan_out())]).astype(np.int64)
        return Rows(starts, post.astype(np.int32), self.whole((post, pre)))

    def matrix(self) -> AnyArray:
        """Return the weights."""
        return self.whole()
