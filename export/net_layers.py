"""A network in the layout of lava-dl's ``.net`` files, as netx reads it."""

from collections.abc import Iterator

import numpy as np

from hetlava.arrays import AnyArray
from hetlava.export.netx_rules import Layer, file_bias, file_weights, layers_of
from hetlava.quantised import QuantisedNetwork, QuantisedProjection

SILENT = 1 << 17  # a threshold of 2**23 after the shift by 6, above every voltage
MILLISECOND = 1e-3


def netx_arrays(net: QuantisedNetwork) -> dict[str, AnyArray]:
    """Return a network that netx can represent as datasets by path."""
    step = net.dt / MILLISECOND
    arrays: dict[str, AnyArray] = {
        "simulation/Ts": np.array(step),
        "simulation/tSample": np.array(step * net.n_steps),
        "layer/0/type": _text("input"),
        "layer/0/shape": np.array([net.n_inputs]),
    }
    for k, layer in enumerate(layers_of(net), start=1):
        arrays |= {f"layer/{k}/{key}": value for key, value in _layer_arrays(layer)}
    return arrays


def _layer_arrays(layer: Layer) -> Iterator[tuple[str, AnyArray]]:
    registers, forward, recurrent = layer.population.registers, layer.forward, layer.recurrent
    yield "type", _text("dense_rec" if recurrent else "dense")
    yield "shape", np.array([registers.n])
    yield "inFeatures", np.array(forward.shape[1])
    yield "outFeatures", np.array(registers.n)
    yield "weight", _weight_array(forward)
    if recurrent:
        yield "weight_rec", _weight_array(recurrent)
    bias = file_bias(registers)
    if bias is not None and np.any(bias):
        yield "bias", bias.astype(np.int32)
    yield "neuron/type", _text("CUBA")
    # the file holds the chip's decay, Lava's register du is one less
    yield "neuron/iDecay", registers.du + np.int32(1)
    yield "neuron/vDecay", registers.dv
    yield (
        "neuron/vThMant",
        registers.vth if registers.spiking else np.full(registers.n, SILENT, np.int32),
    )
    yield "neuron/refDelay", np.array(1)
    yield "neuron/gradedSpike", np.array(False)


def _weight_array(projection: QuantisedProjection) -> AnyArray:
    whole = file_weights(projection)
    # the very array, so that the file stores it once
    return projection.weights if projection.weight_exp == 0 or whole is None else whole


def _text(text: str) -> AnyArray:
    return np.array([text.encode()], dtype="S10")
