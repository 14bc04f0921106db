"""Float networks of the nodes and edges of NIR; :mod:`nir_nodes` is the other way round."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from hetlava.arrays import Float
from hetlava.errors import FormatError, UnsupportedError
from hetlava.export.nir_nodes import Node, Nodes, kept
from hetlava.export.nir_paths import THROUGH, Path, paths
from hetlava.export.nir_synapses import scaled, synapses
from hetlava.export.nir_values import row, size, told
from hetlava.graph import INPUT
from hetlava.network import Network, Plain, Population, Readout
from hetlava.neurons.cuba import CubaLI, CubaLIF, Discretisation

ROUNDING = 1e-9  # of a gain: what writes 1 / x is read as exactly 1
CURRENTS = ("CubaLIF", "CubaLI")
DIRECT = ("LIF", "LI")  # what arrives is the current
NEURONS = (*CURRENTS, *DIRECT)
LAST = float(1 << 40)  # place of nodes that say none


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
    ordered = sorted(nodes.items(), key=lambda item: told(item[1], "place", LAST))
    members = {name: node for name, node in ordered if node["type"] in NEURONS}
    neurons = {name: _neurons(name, node, meaning) for name, node in members.items()}
    gains = {name: _gain(node, neurons[name], meaning) for name, node in members.items()}
    projections, outputs = [], []
    for path in sorted(paths(graph, (entry, *members)), key=lambda path: _place(graph, path)):
        if path.target == end:
            outputs.append(path)
            continue
        if path.target == entry:
            raise FormatError(f"{entry}: an edge leads back to the input")
        step = meaning.dt / meaning.unit
        made = synapses(path, graph, neurons[path.target].n, step)
        made = scaled(made, gains[path.target])
        source = INPUT if path.source == entry else path.source
        grid = _grid(graph, path) if np.all(gains[path.target] == 1) else 0.0
        projections.append(replace(made, source=source, grid=grid))
    if len(outputs) != 1 or any(nodes[n]["type"] != "Flatten" for n in outputs[0].through):
        raise UnsupportedError(f"{end}: is not led to by the neurons of one population alone")
    return Network(
        dt=meaning.dt,
        n_inputs=size(nodes[entry], entry),
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


def _neurons(name: str, node: Node, meaning: Meaning) -> CubaLI:
    if node["type"] in CURRENTS:
        tau_mem, tau_syn = (row(node, k, name) * meaning.unit for k in ("tau_mem", "tau_syn"))
    elif meaning.discretisation == "euler":
        tau_mem = row(node, "tau", name) * meaning.unit
        tau_syn = np.full(tau_mem.size, meaning.dt)  # of which a step keeps nothing
    else:
        raise UnsupportedError(
            f"{name}: a {node['type']} has no synaptic current; that is exact by Euler's method "
            "only"
        )
    leak = row(node, "v_leak", name)
    if node["type"] in ("CubaLI", "LI"):
        return CubaLI(tau_mem=tau_mem, tau_syn=tau_syn, v_leak=leak)
    reset = row(node, "v_reset", name) if "v_reset" in node else np.zeros(leak.size)
    threshold = row(node, "v_threshold", name)
    return CubaLIF(
        tau_mem=tau_mem, tau_syn=tau_syn, v_leak=leak, v_threshold=threshold, v_reset=reset
    )


def _gain(node: Node, neurons: CubaLI, meaning: Meaning) -> Float:
    """Return what a weight is multiplied by on the way to the voltage, (n,)."""
    how = meaning.dt, meaning.discretisation
    gain = row(node, "r", "r") * kept(neurons.tau_mem, *how)
    if node["type"] in CURRENTS:
        w_in = row(node, "w_in", "w_in") if "w_in" in node else np.ones(neurons.n)
        gain = gain * (w_in * kept(neurons.tau_syn, *how))
    return np.where(np.abs(gain - 1) < ROUNDING, 1.0, gain)


def _place(graph: Nodes, path: Path) -> float:
    return min((told(graph.nodes[n], "place", LAST) for n in path.through), default=LAST)


def _grid(graph: Nodes, path: Path) -> float:
    return max((told(graph.nodes[n], "grid", 0.0) for n in path.through), default=0.0)
