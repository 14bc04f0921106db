"""A network in the layout of lava-dl's ``.net`` files, as netx reads it."""

from collections.abc import Iterator

import numpy as np

from hetlava.arrays import AnyArray
from hetlava.convolution import QuantisedConvolution
from hetlava.export.netx_neurons import INPUT_WEIGHT, Items, netx_neurons, per_channel, text
from hetlava.export.netx_rules import Layer, is_delta_input, layers_of
from hetlava.export.netx_weights import file_weights
from hetlava.neurons.registers import NeuronRegisters
from hetlava.quantised import QuantisedNetwork
from hetlava.synapses import QuantisedSynapses

MILLISECOND = 1e-3


def netx_arrays(net: QuantisedNetwork) -> dict[str, AnyArray]:
    """Return a network that netx can represent as datasets by path."""
    step, chain = net.dt / MILLISECOND, layers_of(net)
    arrays: dict[str, AnyArray] = {
        "simulation/Ts": np.array(step),
        "simulation/tSample": np.array(step * net.n_steps),
    }
    at_input = [q for q in net.projections if is_delta_input(net, q)]
    deltas, chain = (chain[:1], chain[1:]) if at_input else ([], chain)
    for k, group in enumerate([_input(net, deltas, chain), *_with_flatten(chain)]):
        arrays |= {f"layer/{k}/{key}": value for key, value in group}
    return arrays


def _input(net: QuantisedNetwork, deltas: list[Layer], chain: list[Layer]) -> Items:
    first = chain[0].forward if chain else None
    image = first.input_shape if isinstance(first, QuantisedConvolution) else (net.n_inputs,)
    yield "type", text("input")
    yield "shape", np.array(image)
    for layer in deltas:
        yield "weight", np.array(INPUT_WEIGHT)
        yield from _neurons(layer.population.registers, None)


def _with_flatten(chain: list[Layer]) -> Iterator[Items]:
    """Yield the layers, with one that makes a row of an image where a matrix takes it."""
    image = False
    for layer in chain:
        is_kernel = isinstance(layer.forward, QuantisedConvolution)
        if image and not is_kernel:
            yield _flatten(layer.forward.shape[1])
        image = is_kernel
        yield _layer_arrays(layer)


def _layer_arrays(layer: Layer) -> Items:
    forward = layer.forward
    channels = None
    if isinstance(forward, QuantisedConvolution):
        channels = forward.output_shape[0]
        yield from _conv(forward)
    else:
        yield from _dense(layer)
    yield from _neurons(layer.population.registers, channels)


def _neurons(registers: NeuronRegisters, channels: int | None) -> Items:
    """Yield what is said of the neurons, once for each of the channels of an image."""
    known = netx_neurons(registers)
    for key, values in known.items(registers) if known else ():
        kept = per_channel(values, channels) if channels and values.size == registers.n else None
        yield key, values if kept is None or values.dtype.kind == "S" else kept


def _dense(layer: Layer) -> Items:
    forward = layer.forward
    n_post, n_pre = forward.shape
    yield "type", text("dense_rec" if layer.recurrent else "dense")
    yield "shape", np.array([n_post])
    yield "inFeatures", np.array(n_pre)
    yield "outFeatures", np.array(n_post)
    if layer.imag:
        yield "weight/real", _weight_array(forward)
        yield "weight/imag", _weight_array(layer.imag)
    else:
        yield "weight", _weight_array(forward)
    if layer.recurrent:
        yield "weight_rec", _weight_array(layer.recurrent)
    if forward.synaptic_delays is not None:
        yield "delay", forward.synaptic_delays
    elif forward.delays is not None:
        # as many as the layer has neurons, netx would take for those of its neurons
        square = n_post == n_pre
        yield "delay", np.tile(forward.delays, (n_post, 1)) if square else forward.delays
    if layer.late is not None:
        yield "delay", layer.late


def _flatten(n: int) -> Items:
    yield "type", text("flatten")
    yield "shape", np.array([n, 1, 1])


def _conv(q: QuantisedConvolution) -> Items:
    yield "type", text("conv")
    yield "shape", np.array(q.output_shape)
    yield "inChannels", np.array(q.input_shape[0])
    yield "outChannels", np.array(q.output_shape[0])
    yield "kernelSize", np.array(q.weights.shape[2:])
    yield "stride", np.array(q.stride)
    yield "padding", np.array([before for before, _ in q.padding])
    yield "dilation", np.array(q.dilation)
    yield "groups", np.array(q.groups)
    yield "weight", _weight_array(q)


def _weight_array(projection: QuantisedSynapses) -> AnyArray:
    # the very array, so that the file stores it once
    whole = None if projection.weight_exp == 0 else file_weights(projection)
    return projection.whole() if whole is None else whole
