"""``.nir`` files: float networks in NIR's HDF5, which other simulators read and write."""

from pathlib import Path
from typing import Any, get_args

import numpy as np

from hetlava.arrays import AnyArray
from hetlava.errors import FormatError, UnsupportedError, ValidationError
from hetlava.export.hdf5 import Group, opened, write_arrays
from hetlava.export.nir_network import Meaning, network_of
from hetlava.export.nir_nodes import Node, Nodes, nodes_of
from hetlava.network import Network, Plain, Readout
from hetlava.neurons.cuba import Discretisation

VERSION = "1.0.8"  # of the nir package whose layout this is
UNITS = {"s": 1.0, "ms": 1e-3}
NODES_MAX = 10_000
# what a graph says in its metadata, if hetlava wrote it
TEXTS = ("discretisation", "readout", "unit")


def write_nir(path: str | Path, net: Network) -> None:
    """Write a float network; the same network, the same bytes.

    ``metadata`` says what NIR has no word for: step, steps, unit, discretisation, readout.

    Raises
    ------
    UnsupportedError
        As :func:`hetlava.export.nir_nodes.nodes_of`.
    DataError
        If the disk refuses; an old file of that name stays.
    """
    graph = nodes_of(net)
    arrays: dict[str, AnyArray] = {
        "version": np.array(VERSION.encode()),
        "node/type": np.array(b"NIRGraph"),
        "node/edges": np.array([[a.encode(), b.encode()] for a, b in graph.edges]),
        "node/metadata/dt": np.array(net.dt),
        "node/metadata/n_steps": np.array(net.n_steps),
        "node/metadata/unit": np.array(b"s"),
        "node/metadata/discretisation": np.array(net.discretisation.encode()),
        "node/metadata/readout": np.array(net.readout.encode()),
        "node/metadata/reset": np.array(b"v_reset"),
    }
    for name, node in graph.nodes.items():
        _put(arrays, f"node/nodes/{name}", node)
    write_arrays(Path(path), arrays)


def _put(arrays: dict[str, AnyArray], where: str, node: Node) -> None:
    for key, value in node.items():
        if isinstance(value, dict):
            _put(arrays, f"{where}/{key}", value)
        else:
            text = isinstance(value, str)
            arrays[f"{where}/{key}"] = np.array(value.encode()) if text else value


def read_nir(
    path: str | Path,
    *,
    dt: float | None = None,
    n_steps: int | None = None,
    unit: str | None = None,
    discretisation: Discretisation | None = None,
    readout: Readout | None = None,
) -> Network:
    """Read a float network.

    What follows is needed where the file's metadata do not say it, as those of other tools do not.

    Parameters
    ----------
    dt : float
        Step [s].
    n_steps : int
        Steps of a sample.
    unit : str
        Of the file's time constants: ``s`` or ``ms``.
    discretisation : str
        ``exponential`` or ``euler``, as the network was trained.
    readout : str
        How classes are scored.

    Raises
    ------
    DataError
        If there is no such file.
    FormatError
        If it is damaged, or contradicts itself.
    UnsupportedError
        If it holds what a float network of hetlava cannot.
    ValidationError
        If something is needed and missing, or contradicts the file.
    """
    path = Path(path)
    asked = {
        "dt": dt,
        "n_steps": n_steps,
        "unit": unit,
        "discretisation": discretisation,
        "readout": readout,
    }
    with opened(path) as root:
        top = root.group("node")
        if top.text("type") != "NIRGraph":
            raise FormatError(f"{top.where('type')}: {top.text('type')!r}, expected NIRGraph")
        told = _metadata(top)
        graph = Nodes(_nodes(top.group("nodes")), _edges(top))
    meaning = _meaning(path, asked, told)
    try:
        return network_of(graph, meaning, {"read from": "NIR"})
    except (FormatError, UnsupportedError, ValidationError) as error:
        kind = FormatError if isinstance(error, ValidationError) else type(error)
        raise kind(f"{path}: {error}") from error


def _meaning(path: Path, asked: dict[str, Any], told: dict[str, Any]) -> Meaning:
    for name, value in asked.items():
        if value is not None and name in told and told[name] != value:
            raise ValidationError(f"{path}: {name} is {told[name]!r} in the file, asked: {value!r}")
    known = told | {name: value for name, value in asked.items() if value is not None}
    missing = [name for name in asked if name not in known]
    if missing:
        raise ValidationError(
            f"{path}: the file does not say {', '.join(missing)}; give "
            + ", ".join(f"--{name.replace('n_steps', 'steps')}" for name in missing)
        )
    for name, allowed in (
        ("unit", tuple(UNITS)),
        ("discretisation", get_args(Discretisation)),
        ("readout", get_args(Readout)),
    ):
        if known[name] not in allowed:
            raise ValidationError(
                f"{path}: {name} {known[name]!r} is unknown; known: {', '.join(allowed)}"
            )
    return Meaning(**known | {"unit": UNITS[known["unit"]]})


def _metadata(top: Group) -> dict[str, Plain]:
    if not top.has_group("metadata"):
        return {}
    group, told = top.group("metadata"), dict[str, Plain]()
    for name in set(group.keys()) & {"dt", "n_steps", *TEXTS}:
        told[name] = group.text(name) if name in TEXTS else group.array(name, shape=()).item()
    for name, kind in (("dt", float), ("n_steps", int)):
        if name in told and type(told[name]) is not kind:
            raise FormatError(f"{group.where(name)}: {told[name]!r}, expected a {kind.__name__}")
    return told


def _nodes(group: Group) -> dict[str, Node]:
    names = group.keys()
    if len(names) > NODES_MAX:
        raise FormatError(f"{group.where()}: {len(names)} nodes, at most {NODES_MAX} are read")
    return {name: _node(group.group(name)) for name in names}


def _node(group: Group) -> Node:
    node: Node = {}
    for key in group.keys():
        if key == "metadata":
            inner = group.group(key)
            node[key] = {k: inner.array(k) for k in ("place", "grid") if k in inner.keys()}
        elif group.has_group(key):
            raise UnsupportedError(f"{group.where(key)}: a graph inside of a graph is not read")
        elif group.holds_text(key):
            node[key] = group.text(key)
        else:
            node[key] = group.array(key)
    if not isinstance(node.get("type"), str):
        raise FormatError(f"{group.where('type')}: missing, or no text")
    return node


def _edges(top: Group) -> list[tuple[str, str]]:
    names = top.texts("edges")
    if len(names) % 2:
        raise FormatError(f"{top.where('edges')}: {len(names)} names are no pairs")
    return list(zip(names[::2], names[1::2], strict=True))
