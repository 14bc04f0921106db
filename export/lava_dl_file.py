"""Networks in files that lava-dl wrote: layers of SLAYER blocks, nothing left out silently."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from hetlava.arrays import AnyArray, Bool, Int16, Int64, cast_exactly
from hetlava.errors import FormatError, UnsupportedError
from hetlava.export.hdf5 import Group
from hetlava.export.lava_dl_images import conv_layer, flatten, input_neurons, pool_layer
from hetlava.export.lava_dl_netx import as_netx as as_netx_has_it
from hetlava.export.lava_dl_neurons import (
    check_ports,
    current_bias,
    heard_bits,
    neuron_changes,
    population,
    sent,
    weight_parts,
)
from hetlava.export.lava_dl_parts import (
    Signal,
    SlayerLayer,
    check_keys,
    check_says,
    delays,
    in_file,
    sizes,
    weights,
)
from hetlava.export.lava_dl_readouts import SUMS, average_layer, memoryless
from hetlava.export.lava_dl_transposed import conv_t_layer, unpool_layer
from hetlava.export.netx_weights import changed_weights, netx_weights
from hetlava.quantised import QuantisedPopulation, QuantisedProjection
from hetlava.synapses import DELAY_MAX, QuantisedSynapses

LAYER_KEYS = {"type", "shape", "weight"}
FEATURES = {"inFeatures", "outFeatures"}
NETX_DELAYS = "netx delays what leads to the layer, not its spikes"


def read_chain(
    root: Group, *, as_netx: bool = False, input_message_bits: int | None = None
) -> list[SlayerLayer]:
    """Read the layers as SLAYER means them, or as netx computes them.

    Parameters
    ----------
    input_message_bits : int, optional
        Bits of the input's messages, 0 for spikes; as the first neurons take them when not given.

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
    signal, layers = Signal(message_bits=input_message_bits), list[SlayerLayer]()
    for k in range(len(names)):
        group = top.group(str(k))
        if not group.keys():
            raise UnsupportedError(
                f"{group.where()}: empty; lava-dl writes nothing of a KWTA block"
            )
        kind = group.text("type")
        if kind == "input" and not k and "neuron" not in group.keys():
            check_keys(group, {"type", "shape"}, set())
            signal = replace(signal, shape=sizes(group))
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
        return input_neurons(group, signal)
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
    loops = group.text("type") == "dense_rec"
    bare = not loops and "neuron" not in group.keys()
    if bare:
        check_keys(group, LAYER_KEYS, FEATURES)
    else:
        rec_keys = {"weight_rec"} if loops else set()
        check_keys(group, {*LAYER_KEYS, *rec_keys, "neuron"}, {*FEATURES, "bias", "delay"})
    n = int(np.prod([1, *sizes(group)], dtype=object))
    parts = weight_parts(group)
    matrices = [_matrix(*part, n) for part in parts]
    rec = [_matrix(group, "weight_rec", n)] if loops else []
    _check_features(group, [*matrices, *rec], n, signal.size)
    neurons = memoryless(group, n) if bare else population(group, signal, n, n)
    check_ports(group, neurons, len(parts))
    late, late_input, told = _delays(
        group, signal, n, matrices[0].shape[1], alone=len(parts) == 1 and not loops
    )
    own = sent(group, signal, neurons, (n,), late)
    bits = heard_bits(signal, neurons)
    with in_file(group):
        projections = [
            _dense(signal.source, neurons, matrix, bits, port=port, late=late_input)
            for port, matrix in enumerate(matrices)
        ]
        projections += [_dense(neurons.name, neurons, m, own.message_bits or 0) for m in rec]
    helpers, biases = current_bias(group, neurons, n)
    changes = (*_loaded(group, parts, matrices, rec), *neuron_changes(group, neurons), *told)
    if bare:
        changes += (f"{group.name}: {SUMS}",)
    return SlayerLayer(neurons, (*projections, *biases), own, changes, helpers)


def _dense(
    source: str,
    target: QuantisedPopulation,
    weights: Int64,
    message_bits: int,
    *,
    port: int = 0,
    late: Int16 | None = None,
) -> QuantisedProjection:
    return QuantisedProjection(
        source=source,
        target=target.name,
        weights=cast_exactly(weights, np.int16, "weight"),
        message_bits=message_bits,
        port=port,
        delays=late if late is None or late.ndim == 1 else None,
        synaptic_delays=None
        if late is None or late.ndim == 1
        else cast_exactly(late, np.int8, "delay"),
    )


def _loaded(
    group: Group, parts: list[tuple[Group, str]], matrices: list[Int64], rec: list[Int64]
) -> Iterator[str]:
    """Say which weights netx changes: of a loop together, of complex ones apart."""
    if len(parts) == 1:
        yield from _netx_changes(group, ["weight", *["weight_rec"] * len(rec)], [*matrices, *rec])
        return
    for (part, key), matrix in zip(parts, matrices, strict=True):
        yield from _netx_changes(part, [key], [matrix])


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
    first, *others = matrices
    if width is not None and first.shape[1] != width:
        raise FormatError(
            f"{group.where('weight')}: {first.shape[1]} columns, but the layer before has {width} "
            "outputs"
        )
    loops = "weight_rec" in group.keys()
    if loops and others[-1].shape != (n, n):
        raise FormatError(
            f"{group.where('weight_rec')}: shape {others[-1].shape}, expected {(n, n)}"
        )
    if not loops and any(matrix.shape != first.shape for matrix in others):
        raise FormatError(f"{group.where('weight')}: real and imag differ in shape")
    check_says(group, {"inFeatures": first.shape[1], "outFeatures": n})


def _delays(
    group: Group, signal: Signal, n: int, n_pre: int, *, alone: bool
) -> tuple[Int16 | None, Int16 | None, tuple[str, ...]]:
    """Return the delays of what the layer sends and of what it hears, and what netx does.

    What SLAYER writes is as long as the layer; netx also takes delays of what it hears, of each
    source or, (n, n_pre), of each synapse.
    """
    shape = group.array("delay").shape if "delay" in group.keys() else None
    if shape == (n, n_pre) and not alone:
        raise UnsupportedError(
            f"{group.where('delay')}: delays of synapses of a layer with a loop, or of complex "
            "weights; nothing says which of them"
        )
    if shape == (n, n_pre) or (shape == (n_pre,) and n != n_pre):
        if signal.delays is not None and np.any(signal.delays):
            raise UnsupportedError(f"{group.where('delay')}: delays that were given before")
        return None, delays(group, *shape), ()
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
    loops = any(q.source != layer.projections[0].source for q in layer.projections)
    if loops or not layer.population.registers.stays_at_rest:
        raise UnsupportedError(
            f"{where}: delays of the output of a layer with a loop or biases; train it without"
        )
    parts = tuple(part for q in layer.projections for part in _late_parts(q, late, where))
    # of a matrix, netx does the same
    changes = tuple(text for text in layer.changes if not text.endswith(NETX_DELAYS))
    return replace(layer, projections=parts, changes=changes)


def _late_parts(whole: QuantisedSynapses, late: Int16, where: str) -> Iterator[QuantisedSynapses]:
    before = np.int64(0) if whole.delays is None else whole.delays.astype(np.int64)
    per_row = late.reshape(len(whole.weights), -1)[:, 0]
    if np.max(before) + late.max() > DELAY_MAX:
        raise UnsupportedError(
            f"{where}: delays of the last two layers add up to more than {DELAY_MAX} steps"
        )
    for d in np.unique(per_row):
        yield replace(
            whole,
            weights=np.where(_rows(per_row == d, whole), whole.weights, np.int16(0)),
            delays=np.broadcast_to(before + d, whole.shape[1:]).astype(np.int16),
        )


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
