"""Float networks of the nodes and edges of NIR; the other way round is :mod:`nir_nodes`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from math import prod

import numpy as np

from hetlava.arrays import AnyArray, Float
from hetlava.connectivity import Pair
from hetlava.errors import FormatError, UnsupportedError
from hetlava.export.nir_nodes import Node, Nodes, kept
from hetlava.float_synapses import Convolution, FloatSynapses, Projection, sparse, sum_pool
from hetlava.graph import INPUT
from hetlava.network import Network, Plain, Population, Readout
from hetlava.neurons.cuba import CubaLI, CubaLIF, Discretisation
from hetlava.sliding import IMAGE_MAX, Padding

ROUNDING = 1e-9  # of a gain: what writes 1 / x is read as exactly 1
CURRENTS = ("CubaLIF", "CubaLI")
DIRECT = ("LIF", "LI")  # what arrives is the current
LAST = float(1 << 40)  # place of nodes that say none
PATHS_MAX = 10_000  # between populations; branches that meet again multiply them
NEURONS = (*CURRENTS, *DIRECT)
WEIGHTS = ("Linear", "Affine", "Conv2d", "SumPool2d", "AvgPool2d")
THROUGH = (*WEIGHTS, "Flatten", "Scale")


@dataclass(frozen=True, kw_only=True)
class Meaning:
    """What a graph of NIR does not say about itself.

    Attributes
    ----------
    dt : float
        Step [s].
    n_steps : int
    discretisation, readout : str
    unit : float
        Seconds of the unit of its time constants.
    """

    dt: float
    n_steps: int
    discretisation: Discretisation
    readout: Readout
    unit: float = 1.0


@dataclass(frozen=True)
class _Path:
    """The nodes from one population to the next."""

    source: str
    through: tuple[str, ...]
    target: str


def network_of(graph: Nodes, meaning: Meaning, metadata: Mapping[str, Plain]) -> Network:
    """Return the network of a graph; every path between neurons becomes a projection.

    Raises
    ------
    FormatError
        If the graph contradicts itself.
    UnsupportedError
        If it holds what a float network of hetlava cannot: other nodes, biases that a current
        filters, gains that neurons of one kernel do not share, several inputs or outputs.
    """
    nodes = graph.nodes
    entry, end = (_only(nodes, kind) for kind in ("Input", "Output"))
    for name, node in nodes.items():
        if node["type"] not in (*NEURONS, *THROUGH, "Input", "Output"):
            raise UnsupportedError(f"{name}: nodes of the type {node['type']} are not read")
    ordered = sorted(nodes.items(), key=lambda item: _told(item[1], "place", LAST))
    members = {name: node for name, node in ordered if node["type"] in NEURONS}
    neurons = {name: _neurons(name, node, meaning) for name, node in members.items()}
    gains = {name: _gain(node, neurons[name], meaning) for name, node in members.items()}
    projections, outputs = [], []
    paths = sorted(_paths(graph, (entry, *members)), key=lambda path: _place(graph, path))
    for path in paths:
        if path.target == end:
            outputs.append(path)
            continue
        if path.target == entry:
            raise FormatError(f"{entry}: an edge leads back to the input")
        made = _scaled(_synapses(path, graph, neurons[path.target].n), gains[path.target])
        source = INPUT if path.source == entry else path.source
        grid = _grid(graph, path) if np.all(gains[path.target] == 1) else 0.0
        projections.append(replace(made, source=source, grid=grid))
    if len(outputs) != 1 or any(nodes[n]["type"] != "Flatten" for n in outputs[0].through):
        raise UnsupportedError(f"{end}: is not led to by the neurons of one population alone")
    return Network(
        dt=meaning.dt,
        n_inputs=_size(nodes[entry], entry),
        n_steps=meaning.n_steps,
        populations=tuple(Population(name=k, neurons=v) for k, v in neurons.items()),
        projections=tuple(projections),
        output=outputs[0].source,
        readout=meaning.readout,
        discretisation=meaning.discretisation,
        metadata=dict(metadata),
    )


def _only(nodes: Mapping[str, Node], kind: str) -> str:
    found = [name for name, node in nodes.items() if node["type"] == kind]
    if len(found) != 1:
        raise UnsupportedError(f"{len(found)} nodes of the type {kind}; a network has one")
    return found[0]


def _shape(node: Node, name: str) -> tuple[int, ...]:
    """Return the shape of an Input, or of the neurons of a population."""
    if "shape" in node:
        sizes = np.atleast_1d(_array(node, "shape", name))
        if sizes.dtype.kind not in "iu" or np.any(sizes < 1) or sizes.size > 3:
            raise FormatError(f"{name}: shape {sizes.tolist()}")
        return tuple(map(int, sizes))
    return np.atleast_1d(_array(node, "v_leak", name)).shape


def _size(node: Node, name: str) -> int:
    return prod(_shape(node, name))


def _array(node: Node, key: str, name: str) -> AnyArray:
    value = node.get(key)
    if not isinstance(value, np.ndarray):
        raise FormatError(f"{name}: {key} is missing, or no array")
    return value


def _row(node: Node, key: str, name: str) -> Float:
    """Return a parameter, one per neuron."""
    value = _array(node, key, name).astype(np.float64).ravel()
    n = _size(node, name)
    if value.size not in (1, n):
        raise FormatError(f"{name}: {key} of shape {node[key].shape}, expected one per neuron")
    return np.broadcast_to(value, n).copy()


def _neurons(name: str, node: Node, meaning: Meaning) -> CubaLI:
    if node["type"] in CURRENTS:
        tau_mem, tau_syn = (_row(node, k, name) * meaning.unit for k in ("tau_mem", "tau_syn"))
    elif meaning.discretisation == "euler":
        tau_mem = _row(node, "tau", name) * meaning.unit
        tau_syn = np.full(tau_mem.size, meaning.dt)  # of which a step keeps nothing
    else:
        raise UnsupportedError(
            f"{name}: a {node['type']} has no synaptic current; that is exact by Euler's method "
            "only"
        )
    leak = _row(node, "v_leak", name)
    if node["type"] in ("CubaLI", "LI"):
        return CubaLI(tau_mem=tau_mem, tau_syn=tau_syn, v_leak=leak)
    reset = _row(node, "v_reset", name) if "v_reset" in node else np.zeros(leak.size)
    threshold = _row(node, "v_threshold", name)
    return CubaLIF(
        tau_mem=tau_mem, tau_syn=tau_syn, v_leak=leak, v_threshold=threshold, v_reset=reset
    )


def _gain(node: Node, neurons: CubaLI, meaning: Meaning) -> Float:
    """Return what a weight is multiplied by on the way to the voltage, (n,)."""
    how = meaning.dt, meaning.discretisation
    gain = _row(node, "r", "r") * kept(neurons.tau_mem, *how)
    if node["type"] in CURRENTS:
        w_in = _row(node, "w_in", "w_in") if "w_in" in node else np.ones(neurons.n)
        gain = gain * (w_in * kept(neurons.tau_syn, *how))
    return np.where(np.abs(gain - 1) < ROUNDING, 1.0, gain)


def _told(node: Node, key: str, default: float) -> float:
    """Return a number that hetlava keeps in a node's metadata."""
    value = node.get("metadata", {}).get(key)
    told = isinstance(value, np.ndarray) and value.size == 1 and np.isfinite(value.ravel()[0])
    return float(value.ravel()[0]) if told else default


def _place(graph: Nodes, path: _Path) -> float:
    return min((_told(graph.nodes[n], "place", LAST) for n in path.through), default=LAST)


def _grid(graph: Nodes, path: _Path) -> float:
    return max((_told(graph.nodes[n], "grid", 0.0) for n in path.through), default=0.0)


def _paths(graph: Nodes, starts: tuple[str, ...]) -> Iterator[_Path]:
    """Yield the ways from input and neurons to neurons and output, in the order of the edges."""
    after: dict[str, list[str]] = {name: [] for name in graph.nodes}
    for a, b in graph.edges:
        if a not in after or b not in after:
            raise FormatError(f"an edge from {a} to {b}, which are not both nodes")
        after[a].append(b)
    count = 0
    for start in starts:
        waiting = [_Path(start, (), name) for name in reversed(after[start])]
        while waiting:
            path = waiting.pop()
            here, through = path.target, path.through
            count += 1
            if count > PATHS_MAX:
                raise FormatError(f"more than {PATHS_MAX} paths between neurons")
            if graph.nodes[here]["type"] not in THROUGH:
                yield path
            elif here in through:
                raise FormatError(f"{here}: is on a loop without neurons")
            else:
                waiting += [_Path(start, (*through, here), n) for n in reversed(after[here])]


def _synapses(path: _Path, graph: Nodes, n_post: int) -> FloatSynapses:
    """Return the synapses of a path, without the gains of the neurons that it leads to."""
    shape = _shape(graph.nodes[path.source], path.source)
    made: FloatSynapses | None = None
    for name in path.through:
        node = graph.nodes[name]
        if node["type"] == "Scale":
            scale = _array(node, "scale", name).astype(np.float64).ravel()
            whole = made if made is not None else _identity(path, prod(shape), n_post)
            if scale.size not in (1, whole.shape[0]):
                raise FormatError(f"{name}: {scale.size} scales for {whole.shape[0]} neurons")
            made = _scaled(whole, np.broadcast_to(scale, whole.shape[0]))
        elif node["type"] == "Flatten":
            shape = (prod(shape),)
        elif made is not None:
            raise UnsupportedError(f"{name}: follows other weights with no neurons in between")
        else:
            made = _weights(path, name, node, shape)
            shape = made.output_shape if isinstance(made, Convolution) else made.shape[:1]
    made = made if made is not None else _identity(path, prod(shape), n_post)
    if made.shape != (n_post, _size(graph.nodes[path.source], path.source)):
        raise FormatError(f"{path.source} -> {path.target}: sizes do not fit {made.shape}")
    return made


def _identity(path: _Path, n: int, n_post: int) -> FloatSynapses:
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


def _scaled(made: FloatSynapses, by: Float) -> FloatSynapses:
    if not made.shares_evenly(by).all():
        raise UnsupportedError(
            f"{made.label}: neurons that share a kernel have other gains (w_in, r, or a scale); "
            "write the kernel as a Linear"
        )
    return replace(made, weights=made.weights * made.by_target(np.asarray(by, np.float64)))


def _weights(path: _Path, name: str, node: Node, shape: tuple[int, ...]) -> FloatSynapses:
    if "bias" in node and np.any(_array(node, "bias", name)):
        raise UnsupportedError(
            f"{name}: a bias that the synaptic current filters; fold it into v_leak"
        )
    if node["type"] in ("Linear", "Affine"):
        weights = _array(node, "weight", name).astype(np.float64)
        return Projection(source=path.source, target=path.target, weights=weights)
    if len(shape) != 3:
        raise UnsupportedError(f"{name}: a {node['type']} after {shape}, which is no image")
    image = (shape[0], shape[1], shape[2])
    if node["type"] == "Conv2d":
        return _convolution(path, name, node, image)
    window = _pair(node, "kernel_size", name)
    (y, x), stride = _pair(node, "padding", name), _pair(node, "stride", name)
    if not 0 < prod(window) * image[0] <= IMAGE_MAX:
        raise FormatError(f"{name}: windows of {window} are larger than any image")
    share = 1.0 if node["type"] == "SumPool2d" else 1.0 / prod(window)
    return sum_pool(
        path.source, path.target, share, image, window, stride=stride, padding=((y, y), (x, x))
    )


def _convolution(path: _Path, name: str, node: Node, image: tuple[int, int, int]) -> Convolution:
    weights = _array(node, "weight", name).astype(np.float64)
    dilation = _pair(node, "dilation", name)
    if weights.ndim != 4:
        raise FormatError(f"{name}: weight of shape {weights.shape}, expected four axes")
    return Convolution(
        source=path.source,
        target=path.target,
        weights=weights,
        input_shape=image,
        stride=_pair(node, "stride", name),
        padding=_padding(node, name, weights.shape, dilation),
        dilation=dilation,
        groups=_pair(node, "groups", name)[0],
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
    y, x = _pair(node, "padding", name)
    return (y, y), (x, x)


def _pair(node: Node, key: str, name: str) -> tuple[int, int]:
    value = _array(node, key, name).ravel()
    if value.size not in (1, 2) or value.dtype.kind not in "iu":
        raise FormatError(f"{name}: {key} {value.tolist()}, expected one or two whole numbers")
    return int(value[0]), int(value[-1])
