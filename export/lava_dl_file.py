"""Networks in files that lava-dl wrote: layers of SLAYER blocks, nothing left out silently."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from hetlava.arrays import AnyArray, Int, Int64, as_vector, cast_exactly, require
from hetlava.errors import FormatError, UnsupportedError, ValidationError
from hetlava.export.hdf5 import Group
from hetlava.export.netx_rules import NETX_BIAS_EXP
from hetlava.export.netx_weights import NetxWeights, changed_weights, netx_weights
from hetlava.graph import INPUT
from hetlava.neurons.cuba import CubaRegisters
from hetlava.quantised import QuantisedPopulation, QuantisedProjection

NEURON_TYPES = ("LOIHI", "CUBA")
LAYER_TYPES = ("dense", "dense_rec")
LAYER_KEYS = {"type", "shape", "weight", "neuron"}
LAYER_OPTIONS = {"inFeatures", "outFeatures", "bias", "delay"}
NEURON_KEYS = {"type", "iDecay", "vDecay", "vThMant"}
# the value that changes nothing; another one asks for what netx drops without a word
NEURON_OPTIONS = {"refDelay": 1, "gradedSpike": 0, "wgtExp": 0, "weight_exp": 0, "messageBits": 0}
# of SLAYER's surrogate gradient, without effect on a run
TRAINING_KEYS = {"scaleRho", "tauRho", "theta"}


@dataclass(frozen=True)
class DenseLayer:
    """A population, what leads to it, and where netx computes with other weights than given."""

    population: QuantisedPopulation
    projections: tuple[QuantisedProjection, ...]
    changes: tuple[str, ...]


def read_chain(root: Group) -> list[DenseLayer]:
    """Read the layers as netx understands them, weights included.

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
    groups = [top.group(str(k)) for k in range(len(names))]
    width = None
    if groups[0].text("type") == "input":
        width = _input_size(groups.pop(0))
    if not groups:
        raise FormatError(f"{top.where()}: there is no layer of neurons")
    layers: list[DenseLayer] = []
    for group in groups:
        source = layers[-1].population.name if layers else INPUT
        layers.append(_dense_layer(group, source, width))
        width = layers[-1].population.registers.n
    return layers


def _input_size(group: Group) -> int:
    if "neuron" in group.keys():
        raise UnsupportedError(
            f"{group.where('neuron')}: an input layer of neurons, which turns values into spikes, "
            "is not read; feed spikes to a network without it"
        )
    _check_keys(group, {"type", "shape"}, set())
    return _size(group)


def _dense_layer(group: Group, source: str, width: int | None) -> DenseLayer:
    kind = group.text("type")
    if kind not in LAYER_TYPES:
        raise UnsupportedError(
            f"{group.where('type')}: a layer {kind!r} is not read; known: input, dense, dense_rec"
        )
    if "neuron" not in group.keys():
        raise UnsupportedError(
            f"{group.where('neuron')}: missing; SLAYER takes such a layer for a plain product, "
            "netx for an integrator that never forgets"
        )
    keys = ["weight", "weight_rec"] if kind == "dense_rec" else ["weight"]
    _check_keys(group, LAYER_KEYS | set(keys), LAYER_OPTIONS)
    n = _size(group)
    matrices = [_matrix(group, key, n) for key in keys]
    _check_features(group, matrices, n, width)
    _check_delay(group)
    name = f"layer{group.name.rpartition('/')[2]}"
    loaded, changes = _as_netx(group, keys, matrices)
    projections = tuple(
        QuantisedProjection(
            source=end,
            target=name,
            weights=cast_exactly(w.weights, np.int16, group.where("weight")),
            weight_exp=w.exponent,
        )
        for end, w in zip((source, name), loaded, strict=False)
    )
    population = QuantisedPopulation(name=name, registers=_registers(group, n))
    return DenseLayer(population, projections, changes)


def _as_netx(
    group: Group, keys: list[str], matrices: list[Int64]
) -> tuple[list[NetxWeights], tuple[str, ...]]:
    plain = [NetxWeights(m, 0) for m in matrices]
    if not any(np.any(m) for m in matrices):
        return plain, (f"{group.name}: all weights are 0, on which netx fails",)
    loaded, changes = netx_weights(*matrices), []
    for k, (key, wanted, got) in enumerate(zip(keys, matrices, loaded, strict=True)):
        changed = int(np.sum(changed_weights(wanted, got)))
        if changed:
            plain[k] = got
            changes.append(f"{group.name}/{key}: netx changes {changed} of {wanted.size} weights")
    return plain, tuple(changes)


def _registers(group: Group, n: int) -> CubaRegisters:
    neuron = group.group("neuron")
    kind = neuron.text("type")
    if kind not in NEURON_TYPES:
        raise UnsupportedError(
            f"{neuron.where('type')}: neurons {kind!r} are not read; known: {NEURON_TYPES}"
        )
    _check_keys(neuron, NEURON_KEYS, {*NEURON_OPTIONS, *TRAINING_KEYS})
    for key, harmless in NEURON_OPTIONS.items():
        if key in neuron.keys() and np.any(_limited(neuron, key, n) != harmless):
            raise UnsupportedError(
                f"{neuron.where(key)}: only {harmless} is read; netx ignores it or differs"
            )
    bias = _vector(group, "bias", n) if "bias" in group.keys() else np.zeros(n, np.int32)
    with _in_file(neuron):
        return CubaRegisters(
            # the file holds the chip's decay, Lava's register du is one less
            du=_vector(neuron, "iDecay", n) - np.int32(1),
            dv=_vector(neuron, "vDecay", n),
            vth=_vector(neuron, "vThMant", n),
            bias_mant=bias,
            bias_exp=np.full(n, NETX_BIAS_EXP, np.int32),
        )


def _matrix(group: Group, key: str, n: int) -> Int64:
    raw = group.array(key)
    if raw.ndim == 1 and raw.size % n == 0:
        raw = raw.reshape(n, -1)
    if raw.ndim != 2 or raw.shape[0] != n or not raw.size:
        raise FormatError(f"{group.where(key)}: shape {raw.shape} for {n} neurons")
    with _in_file(group):
        weights: Int64 = cast_exactly(raw, np.int64, key)
        require(weights, (weights >= -256) & (weights <= 255), key, "are outside [-256, 255]")
    return weights


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
    for key, expected in (("inFeatures", n_pre), ("outFeatures", n)):
        if key in group.keys() and np.any(_limited(group, key, 1) != expected):
            raise FormatError(f"{group.where(key)}: disagrees with the weights, {expected}")


def _check_delay(group: Group) -> None:
    if "delay" in group.keys() and np.any(group.array("delay")):
        raise UnsupportedError(f"{group.where('delay')}: delays are not read")


def _size(group: Group) -> int:
    shape = group.array("shape")
    if shape.ndim > 1 or shape.size > 4 or shape.dtype.kind not in "iu" or np.any(shape < 1):
        raise FormatError(f"{group.where('shape')}: {shape.dtype} {shape.shape}, expected sizes")
    size = 1
    for extent in shape.ravel():
        # Python integers: the product may leave 64 bits
        size *= int(extent)
    return size


def _limited(group: Group, key: str, n: int) -> AnyArray:
    """Return one value or ``n``."""
    value = group.array(key)
    if value.size not in (1, n) or value.ndim > 1:
        raise FormatError(f"{group.where(key)}: shape {value.shape}, expected one value or {n}")
    return value.reshape(()) if value.size == 1 else value


def _vector(group: Group, key: str, n: int) -> Int:
    with _in_file(group):
        return as_vector(_limited(group, key, n), n, np.int32, key)


def _check_keys(group: Group, needed: set[str], optional: set[str]) -> None:
    keys = set(group.keys())
    if needed - keys:
        raise FormatError(f"{group.where()}: {sorted(needed - keys)} missing")
    if keys - needed - optional:
        raise UnsupportedError(
            f"{group.where()}: {sorted(keys - needed - optional)[:20]} unknown, and nothing of a "
            "file is ignored"
        )


@contextmanager
def _in_file(group: Group) -> Iterator[None]:
    try:
        yield
    except ValidationError as error:
        raise FormatError(f"{group.where()}: {error}") from error
