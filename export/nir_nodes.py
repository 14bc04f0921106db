"""Float networks as the nodes and edges of NIR, the neuromorphic intermediate representation.

NIR's equations of a CubaLIF, in continuous time, with every parameter one per neuron::

    tau_syn dI/dt = -I + w_in S        tau_mem dv/dt = v_leak - v + r I

A step of ``dt`` multiplies what arrives by ``kept(tau_syn) w_in`` and the current by
``kept(tau_mem) r``, with ``kept(tau) = dt / tau`` by Euler's method and ``1 - exp(-dt / tau)``
exactly. hetlava has no such factors: it writes the ``w_in`` and ``r`` for which they are 1.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from hetlava.arrays import AnyArray, Float
from hetlava.delays import by_delay
from hetlava.errors import UnsupportedError
from hetlava.float_synapses import Convolution, FloatSynapses
from hetlava.graph import INPUT
from hetlava.network import Network, refuse_messages
from hetlava.neurons.cuba import CubaLI, CubaLIF, Discretisation
from hetlava.sliding import Shape

Node = dict[str, Any]  # arrays, texts, and as ``metadata`` a dictionary of them
OUTPUT = "output"


class Nodes(NamedTuple):
    """A graph of NIR: nodes by name, and who leads to whom."""

    nodes: dict[str, Node]
    edges: list[tuple[str, str]]


def kept(tau: Float, dt: float, discretisation: Discretisation) -> Float:
    """Return the part of a state that a step replaces, (n,).

    Examples
    --------
    >>> kept(np.array([0.01]), 1e-3, "euler")
    array([0.1])
    """
    y: Float = dt / tau if discretisation == "euler" else -np.expm1(-dt / tau)
    return y


def nodes_of(net: Network) -> Nodes:
    """Return a network's nodes: one of neurons for a population, one or more for a projection.

    Kernels become Conv2d, pooling SumPool2d with a Scale, matrices and lists Linear, of which a
    Flatten makes rows of images. Delays of sources become a Delay in front; those of synapses, for
    which NIR has no word, a way through a Delay for each of them.

    Raises
    ------
    UnsupportedError
        If NIR has no word for it: padding that is not the same on both sides, an image that a
        matrix makes, input that is no spikes.
    """
    refuse_messages(net, "NIR")
    images = _images(net)
    made = Nodes({INPUT: {"type": "Input", "shape": _sizes(net, INPUT, images)}}, [])
    for k, p in enumerate(net.populations):
        node = _neurons(p.neurons, net, images.get(p.name))
        made.nodes[p.name] = node | {"metadata": {"place": np.array(k)}}
    parts = [part for q in net.projections for part in by_delay(q, lists=False)]
    for k, q in enumerate(parts):
        name = f"{q.source}-{q.target}-{k}"
        _wire(made, q, name, images, net.dt)
        # files list nodes by name
        made.nodes[name]["metadata"] = {"place": np.array(k), "grid": np.array(q.grid)}
    end = OUTPUT
    while end in made.nodes:  # the name of a population
        end += "_"
    made.nodes[end] = {"type": "Output", "shape": _sizes(net, net.output, images)}
    made.edges.append((net.output, end))
    return made


def _images(net: Network) -> dict[str, Shape]:
    """Return the image that kernels take a population for, or make of it."""
    found: dict[str, Shape] = {}
    for q in net.projections:
        if not isinstance(q, Convolution):
            continue
        for name, shape in ((q.source, q.input_shape), (q.target, q.output_shape)):
            if found.setdefault(name, shape) != shape:
                raise UnsupportedError(
                    f"{q.label}: {name} is an image of {shape} here and of {found[name]} elsewhere"
                )
    for q in net.projections:
        if not isinstance(q, Convolution) and q.target in found:
            raise UnsupportedError(
                f"{q.label}: NIR has no node that makes an image of the row that this gives"
            )
    return found


def _sizes(net: Network, name: str, images: Mapping[str, Shape]) -> AnyArray:
    n = net.n_inputs if name == INPUT else net.population(name).neurons.n
    return np.array(images.get(name, (n,)), np.int64)


def _neurons(neurons: CubaLI, net: Network, image: Shape | None) -> Node:
    gains = {
        gain: 1 / kept(tau, net.dt, net.discretisation)
        for gain, tau in (("w_in", neurons.tau_syn), ("r", neurons.tau_mem))
    }
    values = {
        "tau_mem": neurons.tau_mem,
        "tau_syn": neurons.tau_syn,
        "v_leak": neurons.v_leak,
        **gains,
    }
    if isinstance(neurons, CubaLIF):
        values |= {"v_threshold": neurons.v_threshold, "v_reset": neurons.v_reset}
    shaped = {name: value.reshape(image or value.shape) for name, value in values.items()}
    return {"type": "CubaLIF" if neurons.spiking else "CubaLI", **shaped}


def _wire(made: Nodes, q: FloatSynapses, name: str, images: Mapping[str, Shape], dt: float) -> None:
    """Add the nodes of a projection, and the edges that lead through them."""
    chain: dict[str, Node] = {}
    if q.delays is not None:
        late = (q.delays * dt).reshape(images.get(q.source, q.delays.shape))
        chain[f"{name}-delay"] = {"type": "Delay", "delay": late}
    if isinstance(q, Convolution):
        chain |= _pool(q, name) if _pools(q) else {name: _conv(q)}
    else:
        if q.source in images:
            chain[f"{name}-flat"] = {
                "type": "Flatten",
                "input_type": np.array(images[q.source], np.int64),
                "start_dim": np.array(0),
                "end_dim": np.array(-1),
            }
        chain[name] = {"type": "Linear", "weight": q.matrix()}
    made.nodes.update(chain)
    path = [q.source, *chain, q.target]
    made.edges.extend(zip(path, path[1:], strict=False))


def _pools(q: Convolution) -> bool:
    """Say whether a kernel sums the windows of every channel."""
    alone = q.groups == q.input_shape[0] == q.output_shape[0]
    return alone and q.dilation == (1, 1) and bool(np.all(q.weights == q.weights.flat[0]))


def _pool(q: Convolution, name: str) -> dict[str, Node]:
    sums: Node = {
        "type": "SumPool2d",
        "kernel_size": np.array(q.weights.shape[2:]),
        "stride": np.array(q.stride),
        "padding": _padding(q),
    }
    scale: Node = {"type": "Scale", "scale": np.full(q.output_shape, q.weights.flat[0])}
    return {name: sums, f"{name}-scale": scale}


def _conv(q: Convolution) -> Node:
    return {
        "type": "Conv2d",
        "input_shape": np.array(q.input_shape[1:]),
        "weight": q.weights,
        "stride": np.array(q.stride),
        "padding": _padding(q),
        "dilation": np.array(q.dilation),
        "groups": np.array(q.groups),
        "bias": np.zeros(q.weights.shape[0]),
    }


def _padding(q: Convolution) -> AnyArray:
    (top, bottom), (left, right) = q.padding
    if (top, left) != (bottom, right):
        raise UnsupportedError(
            f"{q.label}: padding {q.padding}; NIR has one number for both sides of an axis"
        )
    return np.array((top, left))
