"""Layers of lava-dl's files that see images: kernels, pools, neurons at the input."""

from collections.abc import Sequence
from dataclasses import replace
from math import prod

import numpy as np

from hetlava.arrays import Int16
from hetlava.convolution import QuantisedConvolution
from hetlava.errors import FormatError, UnsupportedError
from hetlava.export.hdf5 import Group
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
    layer_name,
    limited,
    pair,
    sizes,
    weights,
)
from hetlava.sliding import Padding, Shape
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
    return signal if size is None else replace(signal, shape=(size,))


def input_neurons(group: Group, signal: Signal) -> SlayerLayer:
    """Read neurons at the input, each of which hears one channel of it."""
    check_keys(group, {"type", "shape", "neuron"}, {"weight", "bias"})
    shape = sizes(group)
    n = prod(shape)
    weight = limited(group, "weight", 1) if "weight" in group.keys() else np.array(INPUT_WEIGHT)
    with in_file(group):
        projection = QuantisedConvolution(
            source="input",
            target=layer_name(group),
            weights=weights(group, "weight", weight).reshape(1, 1, 1, 1),
            input_shape=(1, 1, n),
        )
    neurons = population(group, signal, n, shape[0], at_input=True)
    projection = replace(projection, message_bits=heard_bits(signal, neurons))
    change = f"{group.name}: neurons at the input, to which netx leads no spikes"
    helpers, biases = current_bias(group, neurons, shape[0])
    own = sent(group, signal, neurons, shape)
    return SlayerLayer(neurons, (projection, *biases), own, (change,), helpers)


def conv_layer(group: Group, signal: Signal) -> SlayerLayer:
    """Read a layer of one kernel."""
    check_keys(group, SLIDING_KEYS | {"groups"}, CONV_OPTIONS)
    kernel, *imag = read_kernels(group)
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
    parts = [projection, *(replace(projection, weights=k) for k in imag)]
    return image_layer(group, signal, parts, projection.output_shape)


def pool_layer(group: Group, signal: Signal) -> SlayerLayer:
    """Read a layer of sums over windows.

    SLAYER lets the window slide over the channels on top of each other, after it has added
    ``height % window`` silent rows to each. Where no window meets two channels that is a kernel
    per channel, where no rows are added one kernel over the tower of channels.
    """
    check_keys(group, SLIDING_KEYS, {"kernelSize", "delay"})
    (kernel, *imag), image = read_kernels(group), signal.image(group)
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
            weights=_for_each(kernel, channels if single else 1),
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
    others = (_for_each(k, channels if single else 1) for k in imag)
    parts = [projection, *(replace(projection, weights=k) for k in others)]
    return image_layer(group, signal, parts, (channels, rows, columns), change)


def _for_each(kernel: Int16, channels: int) -> Int16:
    return np.repeat(kernel, channels, axis=0)


def image_layer(
    group: Group,
    signal: Signal,
    parts: Sequence[QuantisedSynapses],
    shape: Shape,
    *changes: str,
) -> SlayerLayer:
    """Return the layer of a kernel, or a real and an imaginary one, of neurons in ``shape``."""
    n = parts[0].shape[0]
    if n != prod(shape) or sizes(group) != shape:
        raise FormatError(f"{group.where('shape')}: {sizes(group)}, but the kernel makes {shape}")
    neurons = population(group, signal, n, shape[0])
    check_ports(group, neurons, len(parts))
    bits = heard_bits(signal, neurons)
    heard = tuple(replace(q, message_bits=bits, port=k) for k, q in enumerate(parts))
    late = delays(group, shape[0])
    if late is not None and np.any(late):
        changes += (f"{group.name}/delay: netx drops the delays of a kernel",)
    if len(parts) > 1:
        changes += (f"{group.name}/weight: complex kernels, which netx does not load",)
    if bits:
        changes += (f"{group.name}: graded sums, which netx wraps at 24 bits",)
    changes += tuple(neuron_changes(group, neurons))
    per_neuron = None if late is None else np.repeat(late, n // shape[0])
    own = sent(group, signal, neurons, shape, per_neuron)
    return SlayerLayer(neurons, heard, own, changes)


def read_kernels(group: Group) -> list[Int16]:
    """Return the weights of a kernel, (., ., y, x), or the real and the imaginary ones."""
    kernels = [_kernel(*part) for part in weight_parts(group)]
    if len({kernel.shape for kernel in kernels}) > 1:
        raise FormatError(f"{group.where('weight')}: real and imag differ in shape")
    return kernels


def _kernel(group: Group, key: str) -> Int16:
    raw = group.array(key)
    if raw.ndim == 5 and raw.shape[4] == 1:
        raw = raw[..., 0]
    if raw.ndim != 4 or not raw.size:
        raise FormatError(f"{group.where(key)}: shape {raw.shape}, expected a kernel")
    return weights(group, key, raw)


def _around(padding: Pair) -> Padding:
    return (padding[0], padding[0]), (padding[1], padding[1])


def read_one(group: Group, key: str) -> int:
    """Return one whole number."""
    value = group.array(key)
    if value.size != 1 or value.dtype.kind not in "iu":
        raise FormatError(f"{group.where(key)}: {value.dtype} {value.shape}, expected one number")
    return int(value.reshape(()))
