"""Sparse synapses: a list for each source neuron instead of a matrix that is mostly zeros."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from hetlava.arrays import AnyArray, Bool, Int, Int16, Int64, cast_exactly, require
from hetlava.errors import ValidationError
from hetlava.synapses import (
    BLOCK,
    STORED,
    Pair,
    QuantisedProjection,
    QuantisedSynapses,
    Rows,
)

POST_BYTES, START_BYTES = 4, 8  # of a synapse's target, and of where a source's list begins
NEURONS_MAX = (1 << 31) - 1  # post-synaptic neurons are numbered with 32 bits


@dataclass(frozen=True, eq=False, kw_only=True)
class QuantisedSparse(QuantisedSynapses):
    """Synapses one by one, those of source ``j`` at ``indptr[j] : indptr[j + 1]``::

        product(s)[i] = sum of weights[k] s[j] over all j, k of j with post[k] = i

    Two neurons have one synapse at most. :func:`from_coordinates` makes the lists of synapses in
    any order, :func:`from_matrix` of a matrix.

    Attributes
    ----------
    weights : (n_synapses,) int16 or int8
    post : (n_synapses,) int32
        The target neuron of each synapse, ascending for every source.
    indptr : (n_pre + 1,) int64
    n_post : int
        Number of target neurons.
    """

    post: Int
    indptr: Int64
    n_post: int

    def __post_init__(self) -> None:
        for name, kinds in (("weights", STORED), ("post", (np.int32,)), ("indptr", (np.int64,))):
            array = getattr(self, name)
            if array.ndim != 1 or array.dtype not in kinds:
                raise ValidationError(
                    f"{self.label}: {name} of shape {array.shape} {array.dtype}, expected one row "
                    f"of {np.dtype(kinds[0])}"
                )
        self._check_lists()
        super().__post_init__()

    def _check_lists(self) -> None:
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

    def product(self, s: AnyArray) -> Int64:
        """Return the weighted sums, synapse by synapse of the sources that are not 0."""
        total = np.zeros((len(s), self.n_post), np.int64)
        for row, sums in zip(s.astype(np.int64), total, strict=True):
            for j in np.flatnonzero(row):
                here = slice(self.indptr[j], self.indptr[j + 1])
                # a target is met once by each source
                sums[self.post[here]] += self.whole(here) * row[j]
        return total

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

    def signed_sums(self, active: Bool) -> tuple[Int64, Int64]:
        """Sum block by block of synapses."""
        low, high = np.zeros(self.n_post, np.int64), np.zeros(self.n_post, np.int64)
        for part, counts in self._parts():
            weights = self.whole(part) * np.repeat(active, counts)
            for sums, signed in ((low, np.minimum(weights, 0)), (high, np.maximum(weights, 0))):
                np.add.at(sums, self.post[part], signed)
        return low, high

    def _parts(self) -> Iterator[tuple[slice, Int64]]:
        """Yield blocks of synapses, and how many each source has in them."""
        for start in range(0, self.weights.size, BLOCK):
            stop = min(start + BLOCK, self.weights.size)
            yield slice(start, stop), np.diff(self.indptr.clip(start, stop))


def from_coordinates(
    *,
    source: str,
    target: str,
    shape: Pair,
    post: AnyArray,
    pre: AnyArray,
    weights: AnyArray,
    weight_exp: int = 0,
) -> QuantisedSparse:
    """Return synapses ``pre[k] -> post[k]`` of ``weights[k]``, given in any order.

    Parameters
    ----------
    shape : (n_post, n_pre)
    post, pre, weights : (n_synapses,) integers

    Raises
    ------
    ValidationError
        If two synapses join the same two neurons, a neuron does not exist, or a weight does not
        fit.

    Examples
    --------
    >>> q = from_coordinates(
    ...     source="input", target="a", shape=(3, 2), post=[2, 0], pre=[1, 1], weights=[8, -6]
    ... )
    >>> q.matrix()
    array([[ 0, -6],
           [ 0,  0],
           [ 0,  8]], dtype=int16)
    """
    label, (n_post, n_pre) = f"projection {source} -> {target}", shape
    post, pre, weights = np.asarray(post), np.asarray(pre), np.asarray(weights)
    if post.ndim != 1 or not post.shape == pre.shape == weights.shape:
        raise ValidationError(
            f"{label}: post {post.shape}, pre {pre.shape} and weights {weights.shape} are no rows "
            "of one length"
        )
    to, from_ = (
        cast_exactly(array, np.int32, f"{label}: {name}")
        for name, array in (("post", post), ("pre", pre))
    )
    for name, ends, n in (("post", to, n_post), ("pre", from_, n_pre)):
        require(ends, (ends >= 0) & (ends < n), f"{label}: {name}", f"are outside [0, {n - 1}]")
    order = np.lexsort((to, from_))
    starts = np.concatenate([[0], np.cumsum(np.bincount(from_, minlength=n_pre))])
    return QuantisedSparse(
        source=source,
        target=target,
        weights=cast_exactly(weights, np.int16, f"{label}: weights")[order],
        weight_exp=weight_exp,
        post=to[order],
        indptr=starts.astype(np.int64),
        n_post=n_post,
    )


def from_matrix(matrix: QuantisedProjection) -> QuantisedSparse:
    """Return the non-zero weights of a matrix, and all else that it says."""
    rows = matrix.rows()
    return QuantisedSparse(
        **matrix.described(),
        weights=rows.weight,
        post=rows.post,
        indptr=rows.indptr,
        n_post=matrix.shape[0],
    )


def from_scipy(matrix: Any, *, source: str, target: str, weight_exp: int = 0) -> QuantisedSparse:
    """Return the synapses of a sparse matrix of SciPy, (n_post, n_pre), of whole numbers.

    So a network is made that is too large for any matrix.

    Raises
    ------
    ValidationError
        As :func:`from_coordinates`; entries given twice are not added up.
    """
    listed = matrix.tocoo()
    return from_coordinates(
        source=source,
        target=target,
        shape=listed.shape,
        post=listed.row,
        pre=listed.col,
        weights=listed.data,
        weight_exp=weight_exp,
    )


def where_smaller(q: QuantisedSynapses) -> QuantisedSynapses:
    """Return a matrix as lists if these take less memory; all else stays as it is."""
    if not isinstance(q, QuantisedProjection):
        return q
    weights = q.weights.itemsize
    listed = q.n_nonzero() * (weights + POST_BYTES) + START_BYTES * (q.shape[1] + 1)
    return from_matrix(q) if listed < weights * q.weights.size else q


def as_matrix(q: QuantisedSparse) -> QuantisedProjection:
    """Return the same synapses as a matrix, zeros included.

    Raises
    ------
    UnsupportedError
        If it would hold more than ``2**26`` weights.
    """
    return QuantisedProjection(**q.described(), weights=q.matrix())


def part_of(q: QuantisedSparse, rows: Int64, columns: Int64) -> QuantisedSparse:
    """Return the synapses of some sources onto some targets, numbered anew, without delays.

    Parameters
    ----------
    rows, columns : (n,) int64
        Target and source neurons, ascending.
    """
    number = np.full(q.n_post, -1, np.int32)
    number[rows] = np.arange(rows.size, dtype=np.int32)
    pre = np.repeat(np.arange(q.shape[1]), np.diff(q.indptr))
    kept = np.flatnonzero((number[q.post] >= 0) & np.isin(pre, columns))
    weights: Int16 = q.whole(kept)
    return QuantisedSparse(
        **q.described() | {"delays": None},
        weights=weights,
        post=number[q.post[kept]],
        indptr=np.searchsorted(pre[kept], np.append(columns, q.shape[1])).astype(np.int64),
        n_post=rows.size,
    )
