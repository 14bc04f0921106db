"""Networks in files that lava-dl wrote: layers of SLAYER blocks, nothing left out silently."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from hetlava.arrays import AnyArray, Bool, Int16, Int64, cast_exactly
from hetlava.errors import FormatError, UnsupportedError
from hetlava.export.hdf5 import Group
from hetlava.export.lava_dl_images import conv_layer, flatten, input_neurons, pool_layer
from hetlava.export.lava_dl_netx import as_netx as as_netx_has_it
from hetlava.export.lava_dl_neurons import current_bias, population
from hetlava.export.lava_dl_parts import (
    Signal,
    SlayerLayer,
    check_keys,
    check_says,
    delays,
    in_file,
    layer_name,
    sizes,
    weights,
)
from hetlava.export.lava_dl_readouts import SUMS, average_layer, memoryless
from hetlava.export.lava_dl_transposed import conv_t_layer, unpool_layer
from hetlava.export.netx_weights import changed_weights, netx_weights
from hetlava.quantised import QuantisedProjection
from hetlava.synapses import DELAY_MAX, QuantisedSynapses

LAYER_KEYS = {"type", "shape", "weight"}
FEATURES = {"inFeatures", "outFeatures"}
NETX_DELAYS = "netx delays what leads to the layer, not its spikes"


def read_chain(root: Group, *, as_netx: bool = False) -> list[SlayerLayer]:
    """Read the layers as SLAYER means them, or as netx computes them.

    Raises
    ------
    UnsupportedError
        If a layer, neuron or option is none that hetlava runs exactly.
    FormatError
        If the parts disagree or numbers are out of range.
    """
    top = root.group("layer")
    names = top.keys()
    if set(names) != {str(k) for k in range(len(names))} or not names:
        raise FormatError(f"{top.where()}: members {list(names)[:20]}, expected 0, 1, 2, ...")
    signal, layers = Signal(), list[SlayerLayer]()
    for k in range(len(names)):
        group = top.group(str(k))
        if not group.keys():
            raise UnsupportedError(
                f"{group.where()}: empty; lava-dl writes nothing of a KWTA block"
            )
        kind = group.text("type")
        if kind == "input" and not k and "neuron" not in group.keys():
            check_keys(group, {"type", "shape"}, set())
            signal = Signal(shape=sizes(group))
        elif kind == "flatten":
            signal = flatten(group, signal)
        else:
            layer = _layer(group, kind, signal, first=not k)
            layers.append(as_netx_has_it(group, layer) if as_netx else layer)
            signal = layers[-1].signal
    if not layers:
        raise FormatError(f"{top.where()}: there is no layer of neurons")
    _check_senders(layers, root)
    return [*layers[:-1], _late_output(layers[-1], f"{root.path}: {layers[-1].population.name}")]


def _layer(group: Group, kind: str, signal: Signal, *, first: bool) -> SlayerLayer:
    if kind == "input" and first:
        return input_neurons(group)
    if kind not in LAYERS:
        raise UnsupportedError(
            f"{group.where('type')}: a layer {kind!r} is not read{REASONS.get(kind, '')}; known: "
            f"input (the first), flatten, {', '.join(LAYERS)}"
        )
    return LAYERS[kind](group, signal)


def _check_senders(layers: list[SlayerLayer], root: Group) -> None:
    for layer in layers[:-1]:
        if not layer.population.registers.sends:
            raise UnsupportedError(
                f"{root.path}: {layer.population.name}: neurons that never spike, or none, before "
                "the last layer; SLAYER hands on voltages there, which no spike carries"
            )


def dense_layer(group: Group, signal: Signal) -> SlayerLayer:
    """Read a layer of all-to-all synapses, with or without a loop."""
    keys = ["weight", "weight_rec"] if group.text("type") == "dense_rec" else ["weight"]
    bare = len(keys) == 1 and "neuron" not in group.keys()
    if bare:
        check_keys(group, LAYER_KEYS, FEATURES)
    else:
        check_keys(group, {*LAYER_KEYS, *keys, "neuron"}, {*FEATURES, "bias", "delay"})
    n = int(np.prod([1, *sizes(group)], dtype=object))
    matrices = [_matrix(group, key, n) for key in keys]
    _check_features(group, matrices, n, signal.size)
    name = layer_name(group)
    changes = _netx_changes(group, keys, matrices)
    if bare:
        changes += (f"{group.name}: {SUMS}",)
    late, late_input, told = _delays(group, signal, n, matrices[0].shape[1])
    with in_file(group):
        projections = [
            QuantisedProjection(
                source=end,
                target=name,
                weights=cast_exactly(matrix, np.int16, "weight"),
            )
            for end, matrix in zip((signal.source, name), matrices, strict=False)
        ]
        projections[0] = replace(projections[0], delays=late_input)
    helpers, biases = current_bias(group, n, n)
    return SlayerLayer(
        memoryless(group, n) if bare else population(group, n, n),
        (*projections, *biases),
        Signal(name, (n,), late),
        changes + told,
        helpers,
    )


def _netx_changes(group: Group, keys: list[str], matrices: list[Int64]) -> tuple[str, ...]:
    """Say what netx would make of the weights that it changes."""
    if not any(np.any(m) for m in matrices):
        return (f"{group.name}: all weights are 0, on which netx fails",)
    counted = (
        (key, int(np.sum(changed_weights(wanted, got))), wanted.size)
        for key, wanted, got in zip(keys, matrices, netx_weights(*matrices), strict=True)
    )
    return tuple(
        f"{group.name}/{key}: netx changes {changed} of {size} weights"
        for key, changed, size in counted
        if changed
    )


def _matrix(group: Group, key: str, n: int) -> Int64:
    raw = group.array(key)
    if raw.ndim == 1 and raw.size % n == 0:
        raw = raw.reshape(n, -1)
    if raw.ndim != 2 or raw.shape[0] != n or not raw.size:
        raise FormatError(f"{group.where(key)}: shape {raw.shape} for {n} neurons")
    return weights(group, key, raw).astype(np.int64)


def _check_features(group: Group, matrices: list[Int64], n: int, width: int | None) -> None:
    n_pre = matrices[0].shape[1]
    if width is not None and n_pre != width:
        raise FormatError(
            f"{group.where('weight')}: {n_pre} columns, but the layer before has {width} outputs"
        )
    if len(matrices) > 1 and matrices[1].shape != (n, n):
        raise FormatError(
            f"{group.where('weight_rec')}: shape {matrices[1].shape}, expected {(n, n)}"
        )
    check_says(group, {"inFeatures": n_pre, "outFeatures": n})


def _delays(
    group: Group, signal: Signal, n: int, n_pre: int
) -> tuple[Int16 | None, Int16 | None, tuple[str, ...]]:
    """Return the delays of what the layer sends and of what it hears, and what netx does."""
    if "delay" in group.keys() and n != n_pre and group.array("delay").shape == (n_pre,):
        if signal.delays is not None and np.any(signal.delays):
            raise UnsupportedError(f"{group.where('delay')}: delays that were given before")
        return None, delays(group, n_pre), ()
    late = delays(group, n)
    if late is None or not np.any(late):
        return late, signal.delays, ()
    told = f"{group.name}/delay: {NETX_DELAYS}"
    return late, signal.delays, (told,)


def _late_output(layer: SlayerLayer, where: str) -> SlayerLayer:
    """Return the last layer with delays of its spikes as delays of all that leads to it.

    A neuron without bias that hears all of its input later does all that it does later.
    """
    late = layer.signal.delays
    if late is None or not np.any(late):
        return layer
    if len(layer.projections) > 1 or not layer.population.registers.stays_at_rest:
        raise UnsupportedError(
            f"{where}: delays of the output of a layer with a loop or biases; train it without"
        )
    (whole,) = layer.projections
    before = np.int64(0) if whole.delays is None else whole.delays.astype(np.int64)
    per_row = late.reshape(len(whole.weights), -1)[:, 0]
    if np.max(before) + late.max() > DELAY_MAX:
        raise UnsupportedError(
            f"{where}: delays of the last two layers add up to more than {DELAY_MAX} steps"
        )
    parts = tuple(
        replace(
            whole,
            weights=np.where(_rows(per_row == d, whole), whole.weights, np.int16(0)),
            delays=np.broadcast_to(before + d, whole.shape[1:]).astype(np.int16),
        )
        for d in np.unique(per_row)
    )
    # of a matrix, netx does the same
    changes = tuple(text for text in layer.changes if not text.endswith(NETX_DELAYS))
    return replace(layer, projections=parts, changes=changes)


# one line a type; what is not read is refused, with the reason where one is known
LAYERS: Mapping[str, Callable[[Group, Signal], SlayerLayer]] = MappingProxyType(
    {
        "dense": dense_layer,
        "dense_rec": dense_layer,
        "conv": conv_layer,
        "pool": pool_layer,
        "convT": conv_t_layer,
        "unpool": unpool_layer,
        "average": average_layer,
    }
)
REASONS: Mapping[str, str] = MappingProxyType(
    {
        "concat": ": lava-dl writes none, and nothing in a file says what it would join",
        "dense_comp": ": lava-dl writes none; complex weights are those of a dense layer",
    }
)


def _rows(chosen: Bool, whole: QuantisedSynapses) -> AnyArray:
    return chosen.reshape(-1, *(1,) * (whole.weights.ndim - 1))
