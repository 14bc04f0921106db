"""What netx, lava-dl's loader of ``.net`` files, makes of a network, and where it would differ.

netx builds a chain of layers, each optionally with a projection onto itself, and passes every
weight matrix through two steps that change some matrices: it scales them up to fill 8 bits, and
Lava's ``Dense`` then clips them and clears low bits by the signs it finds. Both are simulated
here and the result is compared, so that no list of known troubles has to be complete.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from hetlava.arrays import Bool, Int64
from hetlava.errors import UnsupportedError
from hetlava.fixedpoint import bias_value, shift
from hetlava.graph import INPUT
from hetlava.neurons.cuba import CubaRegisters
from hetlava.quantised import QuantisedNetwork, QuantisedPopulation, QuantisedProjection

NETX_BIAS_EXP = 6
FULL = 8  # bits of a weight's magnitude
INT16 = np.iinfo(np.int16)


class NetxWeights(NamedTuple):
    """What netx computes with: ``weights * 2**exponent``; weights int64."""

    weights: Int64
    exponent: int


@dataclass(frozen=True)
class Layer:
    """A population of a chain, the projection that leads to it, and one onto itself if any."""

    population: QuantisedPopulation
    forward: QuantisedProjection
    recurrent: QuantisedProjection | None


def netx_differences(net: QuantisedNetwork) -> list[str]:
    """Say why stock netx cannot load the network or would compute something else.

    Empty when netx gives the same spikes. Judged is a run from rest; between samples netx resets
    layer by layer, one step apart, which a network with biases notices.
    """
    reasons = list(_wiring(net)) or list(_reach(net))
    layers = [] if reasons else layers_of(net)
    for layer in layers:
        name = layer.population.name
        reasons += [f"{name}: {reason}" for reason in _weights(layer)]
        reasons += [f"{name}: {reason}" for reason in _biases(layer.population.registers)]
    return reasons


def layers_of(net: QuantisedNetwork) -> list[Layer]:
    """Return the chain from the input to the output; the network must be one."""
    forward = {p.source: p for p in net.projections if p.source != p.target}
    loops = {p.source: p for p in net.projections if p.source == p.target}
    populations = {p.name: p for p in net.populations}
    layers, at = [], INPUT
    while (projection := forward.pop(at, None)) is not None:
        at = projection.target
        layers.append(Layer(populations[at], projection, loops.get(at)))
    return layers


def file_weights(projection: QuantisedProjection) -> Int64 | None:
    """Return ``weights * 2**weight_exp``, or None where that is no whole number."""
    whole = shift(projection.weights.astype(np.int64), projection.weight_exp)
    back = shift(whole, -projection.weight_exp)
    return whole if np.array_equal(back, projection.weights) else None


def file_bias(registers: CubaRegisters) -> Int64 | None:
    """Return the biases in units of ``2**6``, (n,), or None where netx cannot hold them."""
    value = bias_value(registers.bias_mant, registers.bias_exp).astype(np.int64)
    mantissa = value >> NETX_BIAS_EXP
    fits = (mantissa << NETX_BIAS_EXP == value) & (INT16.min <= mantissa) & (mantissa <= INT16.max)
    return mantissa if np.all(fits) else None


def netx_weights(*matrices: Int64) -> tuple[NetxWeights, ...]:
    """Return what netx makes of the matrices of one layer, (n_post, n_pre) each.

    Two matrices (forward, recurrent) are scaled together and truncated one by one.

    Raises
    ------
    UnsupportedError
        If netx fails on them: nothing but zeros.
    """
    joint = np.hstack(matrices)
    if joint.min() < 0 and (joint.max() > 254 or (joint.min() < -256 and joint.max() > 0)):
        joint = np.clip(joint, -256, 254)
    low, high = int(joint.min()), int(joint.max())
    if low == high == 0:
        raise UnsupportedError("all weights are 0, on which netx raises OverflowError")
    mixed = low < 0 <= high
    scale_bits = _scale_bits(low, high, mixed)
    spare = _spare_bits(joint) - mixed
    # numpy shifts to 0 by a negative count
    scaled = joint << scale_bits if scale_bits >= 0 else np.zeros_like(joint)
    parts = np.split(scaled, np.cumsum([m.shape[1] for m in matrices])[:-1], axis=1)
    return tuple(NetxWeights(_dense(part, scale_bits + spare), -scale_bits) for part in parts)


def _scale_bits(low: int, high: int, mixed: bool) -> int:
    if mixed:
        scale = min(127 / high if high else np.inf, -128 / low)
    else:
        scale = -256 / low if high < 0 else 255 / high
    return int(np.floor(np.log2(scale))) + mixed


def _spare_bits(weights: Int64) -> int:
    return next(n for n in range(FULL, -1, -1) if n == 0 or not np.any(weights % (1 << n)))


def _dense(weights: Int64, spare: int) -> Int64:
    """Clip and clear low bits as Lava's fixed-point Dense with ``8 - spare`` weight bits."""
    excitatory = weights.min() >= 0
    inhibitory = weights.max() <= 0 and not excitatory
    mixed = not (excitatory or inhibitory)
    magnitude = -weights if inhibitory else weights
    clipped = np.clip(magnitude, -(1 << FULL) if mixed else 0, (1 << FULL) - 1)
    cleared = spare + mixed
    if cleared < 0:
        # numpy again: every word is shifted out
        return np.zeros_like(weights)
    kept = (clipped >> cleared) << cleared
    y: Int64 = -kept if inhibitory else kept
    return y


def _wiring(net: QuantisedNetwork) -> Iterator[str]:
    heard: dict[str, list[str]] = {p.name: [] for p in net.populations}
    sends: dict[str, list[str]] = {INPUT: [], **{p.name: [] for p in net.populations}}
    for p in net.projections:
        heard[p.target].append(p.source)
        sends[p.source].append(p.target)
    for name, sources in heard.items():
        others = [s for s in sources if s != name]
        if len(others) != 1:
            yield f"{name}: input from {others or 'nothing'}; a netx layer has one source"
        if sources.count(name) > 1:
            yield f"{name}: {sources.count(name)} projections onto itself; netx knows one"
    for name, targets in sends.items():
        others = [t for t in targets if t != name]
        if len(others) > 1:
            yield f"{name}: leads to {others}; a netx layer feeds one"
        if name == net.output and others:
            yield f"{name}: is the output but feeds {others}; netx reads the last layer"


def _reach(net: QuantisedNetwork) -> Iterator[str]:
    chain = {layer.population.name for layer in layers_of(net)}
    apart = [p.name for p in net.populations if p.name not in chain]
    if apart:
        yield f"{apart}: a loop apart from the input; netx knows loops of one population"


def _weights(layer: Layer) -> Iterator[str]:
    projections = [p for p in (layer.forward, layer.recurrent) if p is not None]
    wanted = []
    for p in projections:
        whole = file_weights(p)
        if whole is None:
            yield (
                f"weights from {p.source} with weight_exp {p.weight_exp} are no whole numbers; "
                "netx reads whole numbers without an exponent"
            )
            return
        wanted.append(whole)
    try:
        loaded = netx_weights(*wanted)
    except UnsupportedError as error:
        yield str(error)
        return
    for p, whole, got in zip(projections, wanted, loaded, strict=True):
        changed = changed_weights(whole, got)
        if np.any(changed):
            at = tuple(int(k) for k in np.argwhere(changed)[0])
            yield (
                f"weights from {p.source}: netx changes {int(changed.sum())} of {whole.size}, "
                f"first {whole[at]} to {got.weights[at] * 2.0**got.exponent:g} at {at}"
            )


def changed_weights(wanted: Int64, got: NetxWeights) -> Bool:
    """Return where netx computes with another weight than the file holds, bool."""
    # exact: both sides have at most 24 bits
    changed: Bool = wanted.astype(np.float64) != got.weights * 2.0**got.exponent
    return changed


def _biases(registers: CubaRegisters) -> Iterator[str]:
    if file_bias(registers) is None:
        yield "biases are no multiples of 64 within 16 bits; netx fixes bias_exp at 6"
