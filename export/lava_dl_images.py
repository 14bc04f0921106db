"""Layers of lava-dl's files that see images: kernels, pools, neurons at the input."""

from math import prod

import numpy as np

from hetlava.arrays import Int16
from hetlava.convolution import Padding, QuantisedConvolution, Shape
from hetlava.errors import FormatError, UnsupportedError
from hetlava.export.hdf5 import Group
from hetlava.export.lava_dl_neurons import current_bias, population
from hetlava.export.lava_dl_parts import (
    Signal,
    SlayerLayer,
    check_keys,
    check_says,
    delays,
    in_file,
    layer_name,
    limited,
    pair,
    sizes,
    weights,
)
from hetlava.synapses import Pair, QuantisedSynapses

SLIDING_KEYS = {"type", "shape", "weight", "neuron", "stride", "padding", "dilation"}
CONV_OPTIONS = {"inChannels", "outChannels", "kernelSize", "bias", "delay"}
INPUT_WEIGHT = 64  # an input of 1 in a file without a weight, as netx takes it


def flatten(group: Group, signal: Signal) -> Signal:
    """Read a layer that makes a row of an image, which changes no order here."""
    check_keys(group, {"type"}, {"shape"})
    size = signal.size
    if "shape" in group.keys() and size != prod(sizes(group)):
        raise FormatError(f"{group.where('shape')}: {sizes(group)} of an image {signal.shape}")
    return signal if size is None else Signal(signal.source, (size,), signal.delays)


def input_neurons(group: Group) -> SlayerLayer:
    """Read neurons at the input, each of which hears one channel of it."""
    check_keys(group, {"type", "shape", "neuron"}, {"weight", "bias"})
    shape = sizes(group)
    n, name = prod(shape), layer_name(group)
    weight = limited(group, "weight", 1) if "weight" in group.keys() else np.array(INPUT_WEIGHT)
    with in_file(group):
        projection = QuantisedConvolution(
            source="input",
            target=name,
            weights=weights(group, "weight", weight).reshape(1, 1, 1, 1),
            input_shape=(1, 1, n),
        )
    change = f"{group.name}: neurons at the input, to which netx leads no spikes"
    neurons = population(group, n, shape[0], at_input=True)
    helpers, biases = current_bias(group, n, shape[0])
    signal = Signal(name, shape)
    return SlayerLayer(neurons, (projection, *biases), signal, (change,), helpers)


def conv_layer(group: Group, signal: Signal) -> SlayerLayer:
    """Read a layer of one kernel."""
    check_keys(group, SLIDING_KEYS | {"groups"}, CONV_OPTIONS)
    kernel = read_kernel(group)
    with in_file(group):
        projection = QuantisedConvolution(
            source=signal.source,
            target=layer_name(group),
            weights=kernel,
            input_shape=signal.image(group),
            stride=pair(group, "stride"),
            padding=_around(pair(group, "padding")),
            dilation=pair(group, "dilation"),
            groups=read_one(group, "groups"),
            delays=signal.delays,
        )
    says = {"inChannels": projection.input_shape[0], "outChannels": len(kernel)}
    check_says(group, says | {"kernelSize": kernel.shape[2:]})
    return image_layer(group, projection, projection.output_shape)


def pool_layer(group: Group, signal: Signal) -> SlayerLayer:
    """Read a layer of sums over windows.

    SLAYER lets the window slide over the channels on top of each other, after it has added
    ``height % window`` silent rows to each. Where no window meets two channels that is a kernel
    per channel, where no rows are added one kernel over the tower of channels.
    """
    check_keys(group, SLIDING_KEYS, {"kernelSize", "delay"})
    kernel, image = read_kernel(group), signal.image(group)
    if kernel.shape[:2] != (1, 1):
        raise FormatError(f"{group.where('weight')}: shape {kernel.shape}, expected one window")
    check_says(group, {"kernelSize": kernel.shape[2:]})
    window: Pair = (kernel.shape[2], kernel.shape[3])
    stride, padding, dilation = (pair(group, key) for key in ("stride", "padding", "dilation"))
    channels, height, width = image
    extra, right = height % window[0], width % window[1]
    apart = (stride[0], padding[0], dilation[0]) == (window[0], 0, 1)
    single = apart and (height + extra) % window[0] == 0
    if extra and not single:
        raise UnsupportedError(
            f"{group.where()}: windows {window} on images of height {height}, of which SLAYER "
            "mixes the channels; pool with windows that divide the height"
        )
    (top, bottom), (left, _) = _around(padding)
    with in_file(group):
        projection = QuantisedConvolution(
            source=signal.source,
            target=layer_name(group),
            weights=np.repeat(kernel, channels, axis=0) if single else kernel,
            input_shape=image if single else (1, channels * height, width),
            stride=stride,
            padding=((top, bottom + extra), (left, left + right)),
            dilation=dilation,
            groups=channels if single else 1,
            delays=signal.delays,
        )
    _, rows, columns = projection.output_shape
    rows = rows if single else rows // channels
    change = f"{group.name}: a pool, which netx does not load"
    return image_layer(group, projection, (channels, rows, columns), change)


def image_layer(
    group: Group, projection: QuantisedSynapses, shape: Shape, *changes: str
) -> SlayerLayer:
    """Return the layer of a kernel whose neurons stand as ``shape`` says."""
    n, name = projection.shape[0], projection.target
    if n != prod(shape) or sizes(group) != shape:
        raise FormatError(f"{group.where('shape')}: {sizes(group)}, but the kernel makes {shape}")
    late = delays(group, shape[0])
    if late is not None and np.any(late):
        changes += (f"{group.name}/delay: netx drops the delays of a kernel",)
    per_neuron = None if late is None else np.repeat(late, n // shape[0])
    neurons = population(group, n, shape[0])
    return SlayerLayer(neurons, (projection,), Signal(name, shape, per_neuron), changes)


def read_kernel(group: Group) -> Int16:
    """Return the weights of a kernel, (., ., y, x)."""
    raw = group.array("weight")
    if raw.ndim == 5 and raw.shape[4] == 1:
        raw = raw[..., 0]
    if raw.ndim != 4 or not raw.size:
        raise FormatError(f"{group.where('weight')}: shape {raw.shape}, expected a kernel")
    return weights(group, "weight", raw)


def _around(padding: Pair) -> Padding:
    return (padding[0], padding[0]), (padding[1], padding[1])


def read_one(group: Group, key: str) -> int:
    """Return one whole number."""
    value = group.array(key)
    if value.size != 1 or value.dtype.kind not in "iu":
        raise FormatError(f"{group.where(key)}: {value.dtype} {value.shape}, expected one number")
    return int(value.reshape(()))
