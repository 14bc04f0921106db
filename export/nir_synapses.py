"""Synapses of a way through NIR's nodes: matrices, kernels, pooling, scales."""

from dataclasses import replace
from math import prod

import numpy as np

from hetlava.arrays import Float, Int64
from hetlava.connectivity import DELAY_MAX, Pair
from hetlava.errors import FormatError, UnsupportedError
from hetlava.export.nir_nodes import Node, Nodes
from hetlava.export.nir_paths import Path
from hetlava.export.nir_values import array, pair, shape_of, size
from hetlava.float_synapses import Convolution, FloatSynapses, Projection
from hetlava.sliding import IMAGE_MAX, Padding
from hetlava.synapse_forms import sparse, sum_pool

ROUNDING = 1e-6  # [step] of a delay: what divides by a step is read as whole


def synapses(path: Path, graph: Nodes, n_post: int, step: float) -> FloatSynapses:
    """Return the synapses of a path, without the gains of the neurons that it leads to.

    ``step`` is that of the network in the graph's unit of time.
    """
    before, after = np.zeros(1, np.int64), np.zeros(1, np.int64)
    shape = shape_of(graph.nodes[path.source], path.source)
    made: FloatSynapses | None = None
    for name in path.through:
        node = graph.nodes[name]
        if node["type"] == "Scale":
            scale = array(node, "scale", name).astype(np.float64).ravel()
            whole = made if made is not None else _identity(path, prod(shape), n_post)
            if scale.size not in (1, whole.shape[0]):
                raise FormatError(f"{name}: {scale.size} scales for {whole.shape[0]} neurons")
            made = scaled(whole, np.broadcast_to(scale, whole.shape[0]))
        elif node["type"] == "Flatten":
            shape = (prod(shape),)
        elif node["type"] == "Delay":
            late = _steps(name, node, step, prod(shape))
            before, after = (before + late, after) if made is None else (before, after + late)
        elif made is not None:
            raise UnsupportedError(f"{name}: follows other weights with no neurons in between")
        else:
            made = _weights(path, name, node, shape)
            shape = made.output_shape if isinstance(made, Convolution) else made.shape[:1]
    made = made if made is not None else _identity(path, prod(shape), n_post)
    if made.shape != (n_post, size(graph.nodes[path.source], path.source)):
        raise FormatError(f"{path.source} -> {path.target}: sizes do not fit {made.shape}")
    return _delayed(made, before, after)


def _steps(name: str, node: Node, step: float, n: int) -> Int64:
    """Return the delays of a node as steps, (n,) or (1,)."""
    exact = array(node, "delay", name).astype(np.float64).ravel() / step
    if exact.size not in (1, n):
        raise FormatError(f"{name}: {exact.size} delays for {n} neurons")
    fits = (exact > -ROUNDING) & (exact < DELAY_MAX + ROUNDING)
    if not np.all(fits):
        raise UnsupportedError(
            f"{name}: delays of {exact.min():g} to {exact.max():g} steps, possible are 0 to "
            f"{DELAY_MAX}"
        )
    whole = np.rint(exact)
    if np.any(np.abs(exact - whole) > ROUNDING):
        raise UnsupportedError(f"{name}: delays that are no whole steps; take another --dt")
    return whole.astype(np.int64)


def _delayed(made: FloatSynapses, before: Int64, after: Int64) -> FloatSynapses:
    """Return synapses with delays of their sources and of their targets, in steps."""
    n_post, n_pre = made.shape
    if (before.max() + after.max()) > DELAY_MAX:
        raise UnsupportedError(f"{made.label}: delays add up to more than {DELAY_MAX} steps")
    if np.ptp(after) == 0:
        late = np.broadcast_to(before + after[0], n_pre).astype(np.int16)
        return replace(made, delays=late)
    if not isinstance(made, Projection):
        raise UnsupportedError(f"{made.label}: delays behind a kernel or a scale; put it in front")
    rows = np.broadcast_to(after[:, None], (n_post, n_pre)) + before
    return replace(made, synaptic_delays=rows.astype(np.int8))


def _identity(path: Path, n: int, n_post: int) -> FloatSynapses:
    """Return a synapse of weight 1 for each neuron, which is what a bare edge is."""
    if n != n_post:
        raise FormatError(f"{path.source} -> {path.target}: sizes do not fit, {n} and {n_post}")
    each = np.arange(n)
    return sparse(
        source=path.source,
        target=path.target,
        shape=(n, n),
        post=each,
        pre=each,
        weights=np.ones(n),
    )


def scaled(made: FloatSynapses, by: Float) -> FloatSynapses:
    """Return synapses with weights onto neuron ``i`` times ``by[i]`` (n_post,).

    Raises
    ------
    UnsupportedError
        If neurons that share a kernel have different ones.
    """
    if not made.shares_evenly(by).all():
        raise UnsupportedError(
            f"{made.label}: neurons that share a kernel have other gains (w_in, r, or a scale); "
            "write the kernel as a Linear"
        )
    return replace(made, weights=made.weights * made.by_target(np.asarray(by, np.float64)))


def _weights(path: Path, name: str, node: Node, shape: tuple[int, ...]) -> FloatSynapses:
    if "bias" in node and np.any(array(node, "bias", name)):
        raise UnsupportedError(
            f"{name}: a bias that the synaptic current filters; fold it into v_leak"
        )
    if node["type"] in ("Linear", "Affine"):
        weights = array(node, "weight", name).astype(np.float64)
        return Projection(source=path.source, target=path.target, weights=weights)
    if len(shape) != 3:
        raise UnsupportedError(f"{name}: a {node['type']} after {shape}, which is no image")
    image = (shape[0], shape[1], shape[2])
    if node["type"] == "Conv2d":
        return _convolution(path, name, node, image)
    window = pair(node, "kernel_size", name)
    (y, x), stride = pair(node, "padding", name), pair(node, "stride", name)
    if not 0 < prod(window) * image[0] <= IMAGE_MAX:
        raise FormatError(f"{name}: windows of {window} are larger than any image")
    share = 1.0 if node["type"] == "SumPool2d" else 1.0 / prod(window)
    return sum_pool(
        path.source, path.target, share, image, window, stride=stride, padding=((y, y), (x, x))
    )


def _convolution(path: Path, name: str, node: Node, image: tuple[int, int, int]) -> Convolution:
    weights = array(node, "weight", name).astype(np.float64)
    dilation = pair(node, "dilation", name)
    if weights.ndim != 4:
        raise FormatError(f"{name}: weight of shape {weights.shape}, expected four axes")
    return Convolution(
        source=path.source,
        target=path.target,
        weights=weights,
        input_shape=image,
        stride=pair(node, "stride", name),
        padding=_padding(node, name, weights.shape, dilation),
        dilation=dilation,
        groups=pair(node, "groups", name)[0],
    )


def _padding(node: Node, name: str, kernel: tuple[int, ...], dilation: Pair) -> Padding:
    said = node.get("padding")
    if isinstance(said, str):
        if said not in ("same", "valid"):
            raise FormatError(f"{name}: padding {said!r}, expected numbers, 'same' or 'valid'")
        if said == "valid":
            return (0, 0), (0, 0)
        # of an odd number of neurons PyTorch puts one more behind
        spare = [d * (k - 1) for d, k in zip(dilation, kernel[2:], strict=True)]
        (top, bottom), (left, right) = ((n // 2, n - n // 2) for n in spare)
        return (top, bottom), (left, right)
    y, x = pair(node, "padding", name)
    return (y, y), (x, x)
