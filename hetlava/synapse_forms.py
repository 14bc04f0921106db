"""Synapses in volts made of coordinates or windows, and of one kind into another."""

from dataclasses import replace

import numpy as np

from hetlava.arrays import AnyArray, Float
from hetlava.connectivity import Pair
from hetlava.float_synapses import Convolution, FloatSynapses, Projection, Sparse
from hetlava.listed import by_source, matrix_of_delays, sorted_delays
from hetlava.sliding import Padding, Shape
from hetlava.synapses import QuantisedSynapses


def sparse(
    *,
    source: str,
    target: str,
    shape: Pair,
    post: AnyArray,
    pre: AnyArray,
    weights: AnyArray,
    grid: float = 0.0,
    delays: AnyArray | None = None,
) -> Sparse:
    """Return synapses ``pre[k] -> post[k]`` of ``weights[k]`` [V], given in any order.

    Parameters
    ----------
    shape : (n_post, n_pre)
    post, pre : (n_synapses,) integers
    weights : (n_synapses,)
    delays : (n_synapses,) integers, optional
        Steps, 0 .. 62, of each synapse beyond the one that all take.

    Raises
    ------
    ValidationError
        If two synapses join the same two neurons, or a neuron does not exist.

    Examples
    --------
    >>> q = sparse(
    ...     source="input", target="a", shape=(3, 2), post=[2, 0], pre=[1, 1], weights=[0.5, -1]
    ... )
    >>> q.matrix()
    array([[ 0. , -1. ],
           [ 0. ,  0. ],
           [ 0. ,  0.5]])
    """
    weights = np.asarray(weights, np.float64)
    label = f"projection {source} -> {target}"
    order, lists = by_source(label, shape, post, pre, weights.shape)
    return Sparse(
        source=source,
        target=target,
        weights=weights[order],
        grid=grid,
        synaptic_delays=sorted_delays(label, delays, order),
        **lists,
    )


def as_lists(synapses: FloatSynapses) -> Sparse:
    """Return the synapses of non-zero weight as lists."""
    rows, late = synapses.rows(), synapses.synaptic_delays
    if late is not None:
        late = late.T[synapses.weights.T != 0]
    listed = sparse(
        source=synapses.source,
        target=synapses.target,
        shape=synapses.shape,
        post=rows.post,
        pre=np.repeat(np.arange(synapses.shape[1]), np.diff(rows.indptr)),
        weights=rows.weight,
        grid=synapses.grid,
        delays=late,
    )
    if synapses.delays is not None:
        listed = replace(listed, delays=synapses.delays)
    return replace(listed, message_bits=synapses.message_bits)


def sum_pool(
    source: str,
    target: str,
    weight: float,
    input_shape: Shape,
    window: Pair,
    *,
    stride: Pair | None = None,
    padding: Padding = ((0, 0), (0, 0)),
) -> Convolution:
    """Return sums over windows of each channel, all of one weight [V]; windows do not overlap
    unless a smaller ``stride`` says so."""
    return Convolution(
        source=source,
        target=target,
        weights=np.full((input_shape[0], 1, *window), weight, np.float64),
        input_shape=input_shape,
        stride=stride or window,
        padding=padding,
        groups=input_shape[0],
    )


def as_matrix(synapses: FloatSynapses) -> Projection:
    """Return the same synapses as a matrix, zeros included: for what knows nothing else.

    Raises
    ------
    UnsupportedError
        If it would hold more than ``2**26`` weights.
    """
    if isinstance(synapses, Projection):
        return synapses
    return Projection(
        source=synapses.source,
        target=synapses.target,
        weights=synapses.matrix(),
        grid=synapses.grid,
        message_bits=synapses.message_bits,
        delays=synapses.delays,
        synaptic_delays=matrix_of_delays(synapses),
    )


_FLOAT: dict[type[QuantisedSynapses], type[FloatSynapses]] = {
    kind.in_registers: kind for kind in (Projection, Convolution, Sparse)
}


def of_registers(
    q: QuantisedSynapses, weights: Float, message_bits: int | None = None
) -> FloatSynapses:
    """Return synapses that join what ``q`` joins, with weights [V] of the same shape.

    They are sent what ``q`` is, unless ``message_bits`` are given.
    """
    return _FLOAT[type(q)](
        source=q.source,
        target=q.target,
        weights=weights,
        message_bits=q.message_bits if message_bits is None else message_bits,
        **q.arrangement(),
        **q.lateness(),
    )
