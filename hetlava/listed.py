"""Synapses in lists by source neuron: how they are numbered, whatever the weights are."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from hetlava.arrays import AnyArray, Bool, Int, Int8, Int16, Int64, cast_exactly, require
from hetlava.connectivity import BLOCK, Pair, Rows, Synapses, own_fields
from hetlava.errors import UnsupportedError, ValidationError

NEURONS_MAX = (1 << 31) - 1  # post-synaptic neurons are numbered with 32 bits


@dataclass(frozen=True, eq=False, kw_only=True)
class Listed(Synapses):
    """Synapses one by one, those of source ``j`` at ``indptr[j] : indptr[j + 1]``::

        product(s)[i] = sum of weights[k] s[j] over all j, k of j with post[k] = i

    Two neurons have one synapse at most.

    Attributes
    ----------
    weights : (n_synapses,)
    post : (n_synapses,) int32
        The target neuron of each synapse, ascending for every source.
    indptr : (n_pre + 1,) int64
    n_post : int
        Number of target neurons.
    """

    post: Int
    indptr: Int64
    n_post: int

    def _check_lists(self, *kinds: type[np.generic]) -> None:
        for name, known in (("weights", kinds), ("post", (np.int32,)), ("indptr", (np.int64,))):
            array = getattr(self, name)
            if array.ndim != 1 or array.dtype not in known:
                raise ValidationError(
                    f"{self.label}: {name} of shape {array.shape} {array.dtype}, expected one row "
                    f"of {np.dtype(known[0])}"
                )
        starts, post, n = self.indptr, self.post, self.weights.size
        if not 0 < self.n_post <= NEURONS_MAX:
            raise ValidationError(f"{self.label}: n_post {self.n_post} outside [1, {NEURONS_MAX}]")
        if post.size != n:
            raise ValidationError(f"{self.label}: {n} weights, but {post.size} targets in post")
        if starts.size < 2 or starts[0] != 0 or starts[-1] != n or np.any(starts[1:] < starts[:-1]):
            raise ValidationError(
                f"{self.label}: indptr must begin with 0, never fall, and end with the {n} synapses"
            )
        fits = (post >= 0) & (post < self.n_post)
        require(post, fits, f"{self.label}: post", f"are outside [0, {self.n_post - 1}]")
        rises = np.empty(n + 1, bool)
        rises[1:n] = post[1:] > post[:-1]
        rises[starts] = True  # where a list begins, what ends before it does not matter
        limit = "do not rise within their source; sort them, and join those of the same two neurons"
        require(post, rises[:n], f"{self.label}: post", limit)

    def arrangement(self) -> dict[str, Any]:
        """Return by name who is joined."""
        return own_fields(self, Listed)

    @property
    def shape(self) -> Pair:
        """(n_post, n_pre)."""
        return self.n_post, self.indptr.size - 1

    @property
    def fan_in(self) -> int:
        """The most synapses that any target has."""
        counts = np.zeros(self.n_post, np.int64)
        for part, _ in self._parts():
            counts += np.bincount(self.post[part], minlength=self.n_post)
        return int(counts.max())

    def _shared_delays(self, late: Int8, there: Bool) -> Int16 | None:
        pre = np.repeat(np.arange(self.shape[1]), np.diff(self.indptr))[there]
        found = np.zeros(self.shape[1], np.int16)
        found[pre] = late[there]
        return found if np.array_equal(found[pre], late[there]) else None

    def fan_out(self) -> Int64:
        """Return the synapses of non-zero weight of each source."""
        fan: Int64 = np.diff(self.indptr)
        for part, counts in self._parts():
            zero = self.weights[part] == 0
            if zero.any():
                pre = np.repeat(np.arange(fan.size), counts)[zero]
                fan = fan - np.bincount(pre, minlength=fan.size)
        return fan

    def rows(self) -> Rows:
        """Return the lists; those of weight 0 are left out."""
        weights = self.whole()
        if weights.all():
            return Rows(self.indptr, self.post, weights)
        kept = weights != 0
        starts = np.concatenate([[0], np.cumsum(self.fan_out())]).astype(np.int64)
        return Rows(starts, self.post[kept], weights[kept])

    def _parts(self) -> Iterator[tuple[slice, Int64]]:
        """Yield blocks of synapses, and how many each source has in them."""
        for start in range(0, self.weights.size, BLOCK):
            stop = min(start + BLOCK, self.weights.size)
            yield slice(start, stop), np.diff(self.indptr.clip(start, stop))


def by_source(
    label: str, shape: Pair, post: AnyArray, pre: AnyArray, size: tuple[int, ...]
) -> tuple[Int64, dict[str, Any]]:
    """Return the order that sorts synapses ``pre[k] -> post[k]`` into lists, and these by name.

    Parameters
    ----------
    label : str
        How messages call them.
    shape : (n_post, n_pre)
    post, pre : (n_synapses,) integers
    size : tuple of int
        The shape of the weights, which must be ``(n_synapses,)``.

    Raises
    ------
    ValidationError
        If the arrays are no rows of one length, or a neuron does not exist.
    """
    (n_post, n_pre), post, pre = shape, np.asarray(post), np.asarray(pre)
    if post.ndim != 1 or not post.shape == pre.shape == size:
        raise ValidationError(
            f"{label}: post {post.shape}, pre {pre.shape} and weights {size} are no rows "
            "of one length"
        )
    to, from_ = (
        cast_exactly(array, np.int32, f"{label}: {name}")
        for name, array in (("post", post), ("pre", pre))
    )
    for name, ends, n in (("post", to, n_post), ("pre", from_, n_pre)):
        require(ends, (ends >= 0) & (ends < n), f"{label}: {name}", f"are outside [0, {n - 1}]")
    order: Int64 = np.lexsort((to, from_))
    starts = np.concatenate([[0], np.cumsum(np.bincount(from_, minlength=n_pre))])
    return order, {"post": to[order], "indptr": starts.astype(np.int64), "n_post": n_post}


def sorted_delays(label: str, delays: AnyArray | None, order: Int64) -> Int8 | None:
    """Return delays of synapses in the order of lists, None if none are given.

    Raises
    ------
    ValidationError
        If there is not one of each synapse, or it is no small whole number.
    """
    if delays is None:
        return None
    late = np.asarray(delays)
    if late.shape != order.shape:
        raise ValidationError(f"{label}: delays {late.shape}, expected one of each synapse")
    return cast_exactly(late, np.int8, f"{label}: delays")[order]


def matrix_of_delays(synapses: Synapses) -> Int8 | None:
    """Return the delays of lists as a matrix (n_post, n_pre), None if there are none.

    Raises
    ------
    UnsupportedError
        Of a kernel.
    """
    late = synapses.synaptic_delays
    if late is None or not isinstance(synapses, Listed):
        if late is not None:
            raise UnsupportedError(f"{synapses.label}: delays of the weights of a kernel")
        return None
    made = np.zeros(synapses.shape, np.int8)
    pre = np.repeat(np.arange(synapses.shape[1]), np.diff(synapses.indptr))
    made[synapses.post, pre] = late
    return made
