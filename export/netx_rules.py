"""What netx, lava-dl's loader of ``.net`` files, makes of a network, and where it would differ.

netx builds a chain of layers, matrices or kernels, each optionally with a matrix onto itself.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from hetlava.arrays import AnyArray, Int16, Int64
from hetlava.convolution import QuantisedConvolution
from hetlava.export.lava_synapses import conv_part
from hetlava.export.netx_weights import file_weights, weight_changes
from hetlava.fixedpoint import bias_value
from hetlava.graph import INPUT
from hetlava.neurons.cuba import CubaRegisters
from hetlava.quantised import QuantisedNetwork, QuantisedPopulation, QuantisedProjection
from hetlava.synapses import QuantisedSynapses

NETX_BIAS_EXP = 6
INT16 = np.iinfo(np.int16)


@dataclass(frozen=True)
class Layer:
    """A population of a chain, the projection that leads to it, and one onto itself if any.

    ``late``, (n_post,), delays all that a neuron hears; netx has that for matrices.
    """

    population: QuantisedPopulation
    forward: QuantisedSynapses
    recurrent: QuantisedSynapses | None
    late: Int16 | None = None


def netx_differences(net: QuantisedNetwork) -> list[str]:
    """Say why stock netx cannot load the network or would compute something else.

    Empty when netx gives the same spikes. Judged is a run from rest; between samples netx resets
    layer by layer, one step apart, which a network with biases notices.
    """
    beyond = list(_beyond(net))
    if beyond:
        return beyond
    joined, _ = _join_output(net)
    reasons = list(_wiring(joined)) or list(_reach(joined))
    layers = [] if reasons else layers_of(net)
    before: QuantisedSynapses | None = None
    for layer in layers:
        name = layer.population.name
        reasons += [f"{name}: {reason}" for reason in _layer(layer, before)]
        reasons += [f"{name}: {reason}" for reason in _biases(layer.population.cuba)]
        before = layer.forward
    return reasons


def _beyond(net: QuantisedNetwork) -> Iterator[str]:
    for p in net.populations:
        if p not in net.cuba_populations:
            yield f"{p.name}: neurons of the model {p.registers.model!r}"
        if p.reset_interval:
            yield f"{p.name}: a reset interval, which netx is told apart from the file"
        if p.start and not p.registers.stays_at_rest:
            yield f"{p.name}: biases that act from step {p.start} on; netx's act from the first"
    for q in net.projections:
        if q.message_bits:
            yield f"{q.label}: graded messages"


def layers_of(net: QuantisedNetwork) -> list[Layer]:
    """Return the chain from the input to the output; the network must be one."""
    net, late = _join_output(net)
    forward = {p.source: p for p in net.projections if p.source != p.target}
    loops = {p.source: p for p in net.projections if p.source == p.target}
    populations = {p.name: p for p in net.populations}
    layers, at = [], INPUT
    while (projection := forward.pop(at, None)) is not None:
        at = projection.target
        end = late if at == net.output else None
        layers.append(Layer(populations[at], projection, loops.get(at), end))
    return layers


def _join_output(net: QuantisedNetwork) -> tuple[QuantisedNetwork, Int16 | None]:
    """Join matrices to the output, each of other rows and later by one delay, to one matrix.

    Returns the network and the delay of each row, None where nothing could be joined.
    """
    parts = [p for p in net.projections if p.target == net.output]
    kinds = {(type(p), p.source, p.weight_exp, p.weight_bits) for p in parts}
    steps = [np.unique(0 if p.delays is None else p.delays) for p in parts]
    if len(parts) < 2 or len(kinds) > 1 or not isinstance(parts[0], QuantisedProjection):
        return net, None
    rows = np.stack([np.any(p.weights, axis=1) for p in parts])
    if (
        parts[0].source == net.output
        or rows.sum(axis=0).max() > 1
        or any(s.size > 1 for s in steps)
    ):
        return net, None
    whole = replace(parts[0], weights=np.sum([p.weights for p in parts], 0, np.int16), delays=None)
    others = tuple(p for p in net.projections if p.target != net.output)
    late = np.concatenate(steps) @ rows
    return replace(net, projections=(*others, whole)), late.astype(np.int16)


def file_bias(registers: CubaRegisters) -> Int64 | None:
    """Return the biases in units of ``2**6``, (n,), or None where netx cannot hold them."""
    value = bias_value(registers.bias_mant, registers.bias_exp).astype(np.int64)
    mantissa = value >> NETX_BIAS_EXP
    fits = (mantissa << NETX_BIAS_EXP == value) & (INT16.min <= mantissa) & (mantissa <= INT16.max)
    return mantissa if np.all(fits) else None


def per_channel(values: AnyArray, channels: int) -> AnyArray | None:
    """Return the one value of each channel, (channels,), or None where a channel has several."""
    folded = values.reshape(channels, -1)
    return folded[:, 0] if np.all(folded == folded[:, :1]) else None


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


def _layer(layer: Layer, before: QuantisedSynapses | None) -> Iterator[str]:
    forward, recurrent = layer.forward, layer.recurrent
    if isinstance(forward, QuantisedConvolution):
        yield from _kernel(layer, forward, before)
    elif isinstance(forward, QuantisedProjection):
        yield from _delays(forward, recurrent)
        if recurrent is None:
            yield from weight_changes(forward)
        elif isinstance(recurrent, QuantisedProjection):
            yield from weight_changes(forward, recurrent)
    if isinstance(recurrent, QuantisedConvolution):
        yield "a kernel onto itself; netx knows matrices there only"


def _delays(forward: QuantisedProjection, recurrent: QuantisedSynapses | None) -> Iterator[str]:
    if recurrent is not None and (forward.delays is not None or recurrent.delays is not None):
        yield "delays in a layer with a loop; netx delays both alike and drops their exponent"
    elif forward.delays is not None and forward.shape[0] == forward.shape[1]:
        yield (
            f"delays from {forward.source}, as many as the layer has neurons: netx takes them for "
            "those of its neurons"
        )


def _kernel(
    layer: Layer, q: QuantisedConvolution, before: QuantisedSynapses | None
) -> Iterator[str]:
    if q.delays is not None:
        yield f"delays from {q.source}; netx drops those of kernels"
    if layer.recurrent is not None:
        yield "a loop around a kernel; netx knows loops of matrices only"
    if file_weights(q) is None or conv_part(q) is None:
        yield (
            f"a kernel from {q.source} that Lava's Conv cannot hold: lopsided padding, sizes "
            "beyond 8 bits, sums beyond 24 bits, or weights that the exponent rounds"
        )
    image = before.output_shape if isinstance(before, QuantisedConvolution) else None
    if before is not None and image != q.input_shape:
        yield f"an image {q.input_shape} from {q.source}, which netx has as {image or 'a row'}"
    registers, c_out = layer.population.cuba, q.output_shape[0]
    for word in ("du", "dv", "vth"):
        if per_channel(getattr(registers, word), c_out) is None:
            yield f"{word} differs within a channel; netx holds one per channel"
    bias = file_bias(registers)
    if bias is not None and per_channel(bias, c_out) is None:
        yield "biases differ within a channel; they are written one per channel"


def _biases(registers: CubaRegisters) -> Iterator[str]:
    if file_bias(registers) is None:
        yield "biases are no multiples of 64 within 16 bits; netx fixes bias_exp at 6"
