"""What netx, lava-dl's loader of ``.net`` files, makes of a network, and where it would differ.

netx builds a chain of layers, matrices or kernels, each optionally with a matrix onto itself.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from hetlava.arrays import Int16
from hetlava.convolution import QuantisedConvolution
from hetlava.export.lava_synapses import conv_part
from hetlava.export.netx_neurons import INPUT_WEIGHT, netx_neurons, per_channel
from hetlava.export.netx_weights import file_weights, weight_changes
from hetlava.graph import INPUT
from hetlava.neurons.registers import NeuronRegisters
from hetlava.neurons.sigma_delta import DeltaRegisters
from hetlava.quantised import QuantisedNetwork, QuantisedPopulation, QuantisedProjection
from hetlava.sparse_synapses import QuantisedSparse
from hetlava.synapses import QuantisedSynapses


@dataclass(frozen=True)
class Layer:
    """A population of a chain, the projection that leads to it, and one onto itself if any.

    ``late``, (n_post,), delays all that a neuron hears; netx has that for matrices. ``imag`` leads
    to the imaginary part of resonators, ``forward`` to the real one.
    """

    population: QuantisedPopulation
    forward: QuantisedSynapses
    recurrent: QuantisedSynapses | None
    late: Int16 | None = None
    imag: QuantisedSynapses | None = None


def netx_differences(net: QuantisedNetwork) -> list[str]:
    """Say why stock netx cannot load the network or would compute something else.

    Empty when netx gives the same spikes. Judged is a run from rest; between samples netx resets
    layer by layer, one step apart, which a network with biases notices. Deltas at the input must
    be handed their input themselves (``net.in_layer.neuron.a_in``), one step later. Sums of graded
    messages are taken to fit 24 bits, so that netx may have small weights scaled up.
    """
    beyond = list(_beyond(net))
    if beyond:
        return beyond
    joined, _ = _join_output(_real_part(net))
    reasons = list(_wiring(joined)) or list(_reach(joined))
    layers = [] if reasons else layers_of(net)
    if sum(layer.imag is not None for layer in layers) < sum(q.port > 0 for q in net.projections):
        reasons.append("several projections to the imaginary part of one population")
    before: QuantisedSynapses | None = None
    for layer in layers:
        registers = layer.population.registers
        found = [*_complex(layer), *_neuron_reasons(registers)]
        # netx has deltas at its input, in the shape that the next layer sees
        at_input = registers.model == DeltaRegisters.model
        found = found if at_input else [*_layer(layer, before), *found]
        reasons += [f"{layer.population.name}: {reason}" for reason in found]
        before = None if at_input else layer.forward
    return reasons


def _neuron_reasons(registers: NeuronRegisters) -> Iterator[str]:
    known = netx_neurons(registers)
    if known is not None:
        yield from known.reasons(registers)


def _complex(layer: Layer) -> Iterator[str]:
    forward, imag = layer.forward, layer.imag
    if layer.population.registers.n_ports < 2:
        return
    if imag is None or imag.source != forward.source:
        yield f"imaginary input from {imag.source if imag else 'nothing'}, not {forward.source}"
    elif not isinstance(forward, QuantisedProjection) or not isinstance(imag, QuantisedProjection):
        yield "complex kernels, which netx does not load"
    elif layer.recurrent is not None:
        yield "a loop of resonators, which netx does not load"
    elif any(late is not None for late in (forward.all_delays, imag.all_delays, layer.late)):
        yield "delays of complex weights; netx drops them"
    else:
        yield from weight_changes(imag)


def _beyond(net: QuantisedNetwork) -> Iterator[str]:
    for p in net.populations:
        if netx_neurons(p.registers) is None:
            yield f"{p.name}: neurons of the model {p.registers.model!r}"
        if p.reset_interval:
            yield f"{p.name}: a reset interval, which netx is told apart from the file"
        if p.start and not p.registers.stays_at_rest:
            yield f"{p.name}: biases that act from step {p.start} on; netx's act from the first"
    for q in net.projections:
        if isinstance(q, QuantisedSparse):
            yield f"{q.label}: lists of sparse synapses; lava-dl's files hold whole matrices only"
        yield from _messages(net, q)


def _messages(net: QuantisedNetwork, q: QuantisedSynapses) -> Iterator[str]:
    if is_delta_input(net, q):
        return
    if net.population(q.target).registers.model == DeltaRegisters.model:
        yield f"{q.label}: deltas, which netx knows at the input only, with a weight of 64"
    if q.source == INPUT:
        if q.message_bits:
            yield f"{q.label}: graded input, which netx is told of apart from the file"
        return
    graded = net.population(q.source).registers.graded
    if graded and not q.message_bits:
        yield f"{q.label}: graded messages taken as spikes"
    if graded and isinstance(q, QuantisedConvolution):
        yield f"{q.label}: graded messages through a kernel, whose sums netx wraps at 24 bits"


def is_delta_input(net: QuantisedNetwork, q: QuantisedSynapses) -> bool:
    """Tell whether a projection is how deltas hear the input one by one, as netx has it."""
    if q.source != INPUT or net.population(q.target).registers.model != DeltaRegisters.model:
        return False
    one = isinstance(q, QuantisedConvolution) and q.weights.shape == (1, 1, 1, 1)
    plain = q.shape[0] == q.shape[1] and q.all_delays is None and not q.weight_exp
    return one and plain and q.message_bits > 0 and int(q.weights.reshape(-1)[0]) == INPUT_WEIGHT


def _real_part(net: QuantisedNetwork) -> QuantisedNetwork:
    """Return the network without what leads to imaginary parts."""
    return replace(net, projections=tuple(q for q in net.projections if not q.port))


def layers_of(net: QuantisedNetwork) -> list[Layer]:
    """Return the chain from the input to the output; the network must be one."""
    imag = {q.target: q for q in net.projections if q.port}
    net, late = _join_output(_real_part(net))
    forward = {p.source: p for p in net.projections if p.source != p.target}
    loops = {p.source: p for p in net.projections if p.source == p.target}
    populations = {p.name: p for p in net.populations}
    layers, at = [], INPUT
    while (projection := forward.pop(at, None)) is not None:
        at = projection.target
        end = late if at == net.output else None
        layers.append(Layer(populations[at], projection, loops.get(at), end, imag.get(at)))
    return layers


def _join_output(net: QuantisedNetwork) -> tuple[QuantisedNetwork, Int16 | None]:
    """Join matrices to the output, each of other rows and later by one delay, to one matrix.

    Returns the network and the delay of each row, None where nothing could be joined.
    """
    parts = [p for p in net.projections if p.target == net.output]
    kinds = {(type(p), p.source, p.weight_exp, p.weight_bits) for p in parts}
    steps = [np.unique(0 if p.all_delays is None else p.all_delays) for p in parts]
    if len(parts) < 2 or len(kinds) > 1 or not isinstance(parts[0], QuantisedProjection):
        return net, None
    rows = np.stack([np.any(p.weights, axis=1) for p in parts])
    if (
        parts[0].source == net.output
        or rows.sum(axis=0).max() > 1
        or any(s.size > 1 for s in steps)
    ):
        return net, None
    total: Int16 = np.sum([p.whole() for p in parts], axis=0, dtype=np.int16)
    whole = replace(parts[0], weights=total, halved=False, delays=None)
    others = tuple(p for p in net.projections if p.target != net.output)
    late = np.concatenate(steps) @ rows
    return replace(net, projections=(*others, whole)), late.astype(np.int16)


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
        if recurrent is not None and (forward.longest_delay or recurrent.longest_delay):
            yield "delays in a layer with a loop; netx delays both alike and drops their exponent"
        if recurrent is None:
            yield from weight_changes(forward)
        elif isinstance(recurrent, QuantisedProjection):
            yield from weight_changes(forward, recurrent)
    if isinstance(recurrent, QuantisedConvolution):
        yield "a kernel onto itself; netx knows matrices there only"


def _kernel(
    layer: Layer, q: QuantisedConvolution, before: QuantisedSynapses | None
) -> Iterator[str]:
    if q.all_delays is not None:
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
    registers, c_out = layer.population.registers, q.output_shape[0]
    known = netx_neurons(registers)
    for word in known.channel_words if known else ():
        if per_channel(getattr(registers, word), c_out) is None:
            yield f"{word} differs within a channel; netx holds one per channel"
    bias = dict(known.items(registers)).get("bias") if known else None
    if bias is not None and per_channel(bias, c_out) is None:
        yield "biases differ within a channel; they are written one per channel"
