"""Sparse synapses: a list for each source neuron instead of a matrix that is mostly zeros."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from hetlava.arrays import AnyArray, Bool, Int8, Int16, Int64, cast_exactly
from hetlava.connectivity import Pair
from hetlava.listed import NEURONS_MAX as NEURONS_MAX
from hetlava.listed import Listed, by_source, matrix_of_delays, sorted_delays
from hetlava.synapses import STORED, QuantisedProjection, QuantisedSynapses

POST_BYTES, START_BYTES = 4, 8  # of a synapse's target, and of where a source's list begins


@dataclass(frozen=True, eq=False, kw_only=True)
class QuantisedSparse(Listed, QuantisedSynapses):
    """Lists of int16 or int8, see :class:`hetlava.listed.Listed`.

    :func:`from_coordinates` makes the lists of synapses in any order, :func:`from_matrix` of a
    matrix.
    """

    weights: Int16 | Int8

    def __post_init__(self) -> None:
        self._check_lists(*STORED)
        super().__post_init__()

    def product(self, s: AnyArray) -> Int64:
        """Return the weighted sums, synapse by synapse of the sources that are not 0."""
        total = np.zeros((len(s), self.n_post), np.int64)
        for row, sums in zip(s.astype(np.int64), total, strict=True):
            for j in np.flatnonzero(row):
                here = slice(self.indptr[j], self.indptr[j + 1])
                # a target is met once by each source
                sums[self.post[here]] += self.whole(here) * row[j]
        return total

    def signed_sums(self, active: Bool) -> tuple[Int64, Int64]:
        """Sum block by block of synapses."""
        low, high = np.zeros(self.n_post, np.int64), np.zeros(self.n_post, np.int64)
        for part, counts in self._parts():
            weights = self.whole(part) * np.repeat(active, counts)
            for sums, signed in ((low, np.minimum(weights, 0)), (high, np.maximum(weights, 0))):
                np.add.at(sums, self.post[part], signed)
        return low, high


def from_coordinates(
    *,
    source: str,
    target: str,
    shape: Pair,
    post: AnyArray,
    pre: AnyArray,
    weights: AnyArray,
    weight_exp: int = 0,
    delays: AnyArray | None = None,
) -> QuantisedSparse:
    """Return synapses ``pre[k] -> post[k]`` of ``weights[k]``, given in any order.

    Parameters
    ----------
    shape : (n_post, n_pre)
    post, pre, weights : (n_synapses,) integers
    delays : (n_synapses,) integers, optional
        Steps, 0 .. 62, that a spike takes through each synapse on top of the one that all take.

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
    label, weights = f"projection {source} -> {target}", np.asarray(weights)
    order, lists = by_source(label, shape, post, pre, weights.shape)
    return QuantisedSparse(
        source=source,
        target=target,
        weights=cast_exactly(weights, np.int16, f"{label}: weights")[order],
        synaptic_delays=sorted_delays(label, delays, order),
        weight_exp=weight_exp,
        **lists,
    )


def from_matrix(matrix: QuantisedProjection) -> QuantisedSparse:
    """Return the non-zero weights of a matrix, and all else that it says."""
    rows, late = matrix.rows(), matrix.synaptic_delays
    return QuantisedSparse(
        **matrix.described(),
        synaptic_delays=None if late is None else late.T[matrix.weights.T != 0],
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
    weights = q.weights.itemsize + (q.synaptic_delays is not None)
    listed = q.n_nonzero() * (weights + POST_BYTES) + START_BYTES * (q.shape[1] + 1)
    return from_matrix(q) if listed < weights * q.weights.size else q


def as_matrix(q: QuantisedSparse) -> QuantisedProjection:
    """Return the same synapses as a matrix, zeros included.

    Raises
    ------
    UnsupportedError
        If it would hold more than ``2**26`` weights.
    """
    return QuantisedProjection(
        **q.described(), weights=q.matrix(), synaptic_delays=matrix_of_delays(q)
    )


def part_of(q: QuantisedSparse, rows: Int64, columns: Int64) -> QuantisedSparse:
    """Return the synapses of some sources onto some targets, numbered anew.

    Delays of sources are left out.

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
        synaptic_delays=None if q.synaptic_delays is None else q.synaptic_delays[kept],
        post=number[q.post[kept]],
        indptr=np.searchsorted(pre[kept], np.append(columns, q.shape[1])).astype(np.int64),
        n_post=rows.size,
    )
