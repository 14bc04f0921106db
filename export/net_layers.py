"""A network in the layout of lava-dl's ``.net`` files, as netx reads it."""

from collections.abc import Iterator

import numpy as np

from hetlava.arrays import AnyArray
from hetlava.convolution import QuantisedConvolution
from hetlava.export.netx_rules import Layer, file_bias, layers_of, per_channel
from hetlava.export.netx_weights import file_weights
from hetlava.quantised import QuantisedNetwork
from hetlava.synapses import QuantisedSynapses

SILENT = 1 << 17  # a threshold of 2**23 after the shift by 6, above every voltage
MILLISECOND = 1e-3

Items = Iterator[tuple[str, AnyArray]]


def netx_arrays(net: QuantisedNetwork) -> dict[str, AnyArray]:
    """Return a network that netx can represent as datasets by path."""
    step, chain = net.dt / MILLISECOND, layers_of(net)
    first = chain[0].forward if chain else None
    image = first.input_shape if isinstance(first, QuantisedConvolution) else (net.n_inputs,)
    arrays: dict[str, AnyArray] = {
        "simulation/Ts": np.array(step),
        "simulation/tSample": np.array(step * net.n_steps),
        "layer/0/type": _text("input"),
        "layer/0/shape": np.array(image),
    }
    for k, group in enumerate(_with_flatten(chain), start=1):
        arrays |= {f"layer/{k}/{key}": value for key, value in group}
    return arrays


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
    registers, forward = layer.population.cuba, layer.forward
    if isinstance(forward, QuantisedConvolution):
        channels = forward.output_shape[0]
        yield from _conv(forward)
    else:
        channels = registers.n
        yield from _dense(forward, layer.recurrent)
        if layer.late is not None:
            yield "delay", layer.late

    def shared(values: AnyArray) -> AnyArray:
        kept = per_channel(values, channels)
        return values if kept is None or channels == registers.n else kept

    bias = file_bias(registers)
    if bias is not None and np.any(bias):
        yield "bias", shared(bias).astype(np.int32)
    vth = registers.vth if registers.spiking else np.full(registers.n, SILENT, np.int32)
    yield "neuron/type", _text("CUBA")
    # the file holds the chip's decay, Lava's register du is one less
    yield "neuron/iDecay", shared(registers.du + np.int32(1))
    yield "neuron/vDecay", shared(registers.dv)
    yield "neuron/vThMant", shared(vth)
    yield "neuron/refDelay", np.array(1)
    yield "neuron/gradedSpike", np.array(False)


def _dense(forward: QuantisedSynapses, recurrent: QuantisedSynapses | None) -> Items:
    n_post, n_pre = forward.shape
    yield "type", _text("dense_rec" if recurrent else "dense")
    yield "shape", np.array([n_post])
    yield "inFeatures", np.array(n_pre)
    yield "outFeatures", np.array(n_post)
    yield "weight", _weight_array(forward)
    if recurrent:
        yield "weight_rec", _weight_array(recurrent)
    if forward.delays is not None:
        yield "delay", forward.delays


def _flatten(n: int) -> Items:
    yield "type", _text("flatten")
    yield "shape", np.array([n, 1, 1])


def _conv(q: QuantisedConvolution) -> Items:
    yield "type", _text("conv")
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
    whole = file_weights(projection)
    # the very array, so that the file stores it once
    return projection.weights if projection.weight_exp == 0 or whole is None else whole


def _text(text: str) -> AnyArray:
    return np.array([text.encode()], dtype="S10")
