"""Weights of a layer as synapses of the float network, and back; pools become larger kernels."""

import numpy as np

from hetlava.arrays import Float
from hetlava.errors import UnsupportedError
from hetlava.float_synapses import Convolution, FloatSynapses, Projection
from hetlava.train.wiring import Wiring


def projection(
    wiring: Wiring, source: str, target: str, weights: Float, grid: float
) -> FloatSynapses:
    """Return the synapses of weights (of the wiring's shape) float64 [V]."""
    if not wiring.kernel:
        dense = _expanded_dense(weights, wiring)
        return Projection(source=source, target=target, weights=dense, grid=grid)
    stride, pad = wiring.stride * wiring.pool, wiring.padding * wiring.pool
    return Convolution(
        source=source,
        target=target,
        weights=_repeated(weights, wiring.pool),
        input_shape=wiring.source,
        stride=(stride, stride),
        padding=((pad, pad), (pad, pad)),
        grid=grid,
    )


def weights_of(q: FloatSynapses, wiring: Wiring) -> Float:
    """Return the weights (of the wiring's shape) that make such synapses.

    Raises
    ------
    UnsupportedError
        If no weights do.
    """
    weights = q.weights
    if wiring.kernel and weights.ndim == 4:
        weights = weights[:, :, :: wiring.pool, :: wiring.pool]
    elif wiring.pool > 1 and weights.ndim == 2 and weights.shape[1] == wiring.n_pre:
        _, height, width = wiring.pooled
        images = weights.reshape(-1, *wiring.source)
        seen = images[
            :, :, : height * wiring.pool : wiring.pool, : width * wiring.pool : wiring.pool
        ]
        weights = seen.reshape(len(seen), -1)
    if weights.shape == wiring.weight_shape:
        found = np.ascontiguousarray(weights)
        again = projection(wiring, q.source, q.target, found, q.grid)
        if type(again) is type(q) and again == q:
            return found
    raise UnsupportedError(
        f"{q.source} -> {q.target}: synapses of shape {q.shape} are not those of a layer with "
        f"weights {wiring.weight_shape} and windows of {wiring.pool} before them"
    )


def _repeated(weights: Float, pool: int) -> Float:
    y: Float = weights.repeat(pool, 2).repeat(pool, 3)
    return y


def _expanded_dense(weights: Float, wiring: Wiring) -> Float:
    if wiring.pool == 1:
        return weights
    _, height, width = wiring.source
    seen = _repeated(weights.reshape(-1, *wiring.pooled), wiring.pool)
    # what fills no window is not seen
    missing = (height - seen.shape[2], width - seen.shape[3])
    images = np.pad(seen, ((0, 0), (0, 0), (0, missing[0]), (0, missing[1])))
    return np.ascontiguousarray(images.reshape(len(images), -1))
