"""What a node of NIR holds: arrays of an untrusted file, checked where they are asked for."""

from math import prod

import numpy as np

from hetlava.arrays import AnyArray, Float
from hetlava.connectivity import Pair
from hetlava.errors import FormatError
from hetlava.export.nir_nodes import Node


def array(node: Node, key: str, name: str) -> AnyArray:
    """Return an array of a node called ``name``, or raise FormatError if there is none."""
    value = node.get(key)
    if not isinstance(value, np.ndarray):
        raise FormatError(f"{name}: {key} is missing, or no array")
    return value


def shape_of(node: Node, name: str) -> tuple[int, ...]:
    """Return the shape of an Input, or of the neurons of a population."""
    if "shape" in node:
        sizes = np.atleast_1d(array(node, "shape", name))
        if sizes.dtype.kind not in "iu" or np.any(sizes < 1) or sizes.size > 3:
            raise FormatError(f"{name}: shape {sizes.tolist()}")
        return tuple(map(int, sizes))
    return np.atleast_1d(array(node, "v_leak", name)).shape


def size(node: Node, name: str) -> int:
    """Return how many neurons, or inputs, a node has."""
    return prod(shape_of(node, name))


def row(node: Node, key: str, name: str) -> Float:
    """Return a parameter, one per neuron."""
    value = array(node, key, name).astype(np.float64).ravel()
    n = size(node, name)
    if value.size not in (1, n):
        raise FormatError(f"{name}: {key} of shape {node[key].shape}, expected one per neuron")
    return np.broadcast_to(value, n).copy()


def pair(node: Node, key: str, name: str) -> Pair:
    """Return two whole numbers, or twice the only one, or raise FormatError."""
    value = array(node, key, name).ravel()
    if value.size not in (1, 2) or value.dtype.kind not in "iu":
        raise FormatError(f"{name}: {key} {value.tolist()}, expected one or two whole numbers")
    return int(value[0]), int(value[-1])


def told(node: Node, key: str, default: float) -> float:
    """Return a number that hetlava keeps in a node's metadata."""
    value = node.get("metadata", {}).get(key)
    is_one = isinstance(value, np.ndarray) and value.size == 1 and np.isfinite(value.ravel()[0])
    return float(value.ravel()[0]) if is_one else default
