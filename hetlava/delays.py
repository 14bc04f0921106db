"""Delays of single synapses taken apart: a projection for each delay, which all simulators know."""

from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from hetlava.arrays import Bool, Int64
from hetlava.float_synapses import FloatSynapses, Projection
from hetlava.listed import Listed
from hetlava.sparse_synapses import POST_BYTES, from_matrix
from hetlava.synapse_forms import as_lists
from hetlava.synapses import QuantisedProjection, QuantisedSynapses

AnySynapses = TypeVar("AnySynapses", QuantisedSynapses, FloatSynapses)


def by_delay(q: AnySynapses, *, lists: bool = True) -> tuple[AnySynapses, ...]:
    """Return projections of which each delays all of its spikes alike, by ascending delay.

    Their inputs to a neuron, each shifted by the exponent for itself, add up to the projection's
    (of floats there is no exponent)::

        a[t] = sum over d of product_d(s[t - 1 - d]) << weight_exp,  weights_d = weights of delay d

    A projection without delays of synapses is returned as it is.

    Parameters
    ----------
    lists : bool
        Whether parts of a matrix become lists where they have so few synapses that these are
        smaller. Without, every delay takes as much memory as the matrix.

    Examples
    --------
    >>> q = QuantisedProjection(
    ...     source="input",
    ...     target="a",
    ...     weights=np.array([[2, 4], [6, 8]], np.int16),
    ...     synaptic_delays=np.array([[0, 3], [3, 3]], np.int8),
    ... )
    >>> [(part.matrix().tolist(), part.longest_delay) for part in by_delay(q, lists=False)]
    [([[2, 0], [0, 0]], 0), ([[0, 4], [6, 8]], 3)]
    """
    late = q.synaptic_delays
    if late is None:
        return (q,)
    counts: Int64 = np.bincount(late[q.weights != 0])
    if isinstance(q, Listed):
        return tuple(_listed(q, counts > 0).values())
    apart: dict[int, Any] = {}
    if lists and isinstance(q, QuantisedProjection | Projection):
        itemsize = q.weights.itemsize
        thin = (counts > 0) & (counts * (itemsize + POST_BYTES) < itemsize * q.weights.size)
        listed = from_matrix(q) if isinstance(q, QuantisedProjection) else as_lists(q)
        apart |= _listed(listed, thin)
    parts = ((int(d), apart.get(int(d))) for d in np.flatnonzero(counts))
    return tuple(_of_one(q, d) if part is None else part for d, part in parts)


def _of_one(q: AnySynapses, d: int) -> AnySynapses:
    """Return a projection with the weights of one delay only, the others 0."""
    return replace(
        q,
        weights=q.weights * (q.synaptic_delays == d),
        synaptic_delays=None,
        delays=np.full(q.shape[1], d, np.int16),
    )


def _listed(q: Any, wanted: Bool) -> dict[int, Any]:
    """Return the lists of each delay ``d`` with ``wanted[d]``; synapses of weight 0 are left out.

    One sort for all delays, which keeps the synapses of each in their order.
    """
    late = q.synaptic_delays
    kept = np.flatnonzero(q.weights)
    order = kept[np.argsort(late[kept], kind="stable")]
    ends = np.cumsum(np.bincount(late[kept], minlength=wanted.size))
    parts = {}
    for d in np.flatnonzero(wanted):
        here: Int64 = order[ends[d - 1] if d else 0 : ends[d]]
        parts[int(d)] = replace(
            q,
            weights=q.weights[here],
            synaptic_delays=None,
            delays=np.full(q.shape[1], d, np.int16),
            post=q.post[here],
            indptr=np.searchsorted(here, q.indptr).astype(np.int64),
        )
    return parts
