"""What lava-dl's files and netx hold of neurons, one entry a model."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from hetlava.arrays import AnyArray, Int64
from hetlava.export.netx_decays import netx_words
from hetlava.fixedpoint import DECAY_BITS, STATE_SHIFT, bias_value
from hetlava.neurons.cuba import CubaRegisters
from hetlava.neurons.registers import NeuronRegisters
from hetlava.neurons.resonate import ResonatorRegisters
from hetlava.neurons.sigma_delta import DeltaRegisters, SigmaDeltaRegisters, SigmaRegisters

NETX_BIAS_EXP = 6
SDNN_EXP = 6  # of messages and of states, as netx has them unless told otherwise
INT16 = np.iinfo(np.int16)
SILENT = 1 << 17  # a threshold of 2**23 after the shift by 6, above every voltage
ACTIVATION = "relu"
TEXT_SIZE = 10
INPUT_WEIGHT = 64  # an input of 1 in a file without a weight, as netx takes it

Items = Iterator[tuple[str, AnyArray]]


@dataclass(frozen=True)
class NetxNeurons:
    """How the neurons of a model are written, and which are not.

    Attributes
    ----------
    items : callable
        Yields the datasets of a layer that are its neurons', words of ``n`` neurons.
    reasons : callable
        Yields why netx would have others.
    channel_words : tuple of str
        What netx holds one of for each channel of an image.
    """

    items: Callable[[Any], Items]
    reasons: Callable[[Any], Iterator[str]]
    channel_words: tuple[str, ...] = ()


def netx_neurons(registers: NeuronRegisters) -> NetxNeurons | None:
    """Return the entry of a model, None where netx knows no such neurons."""
    return MODELS.get(registers.model)


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


def text(value: str) -> AnyArray:
    """Return a short text as lava-dl stores one."""
    return np.array([value.encode()], dtype=f"S{max(TEXT_SIZE, len(value))}")


def _cuba(registers: CubaRegisters) -> Items:
    bias = file_bias(registers)
    if bias is not None and np.any(bias):
        yield "bias", bias.astype(np.int32)
    yield "neuron/type", text("CUBA")
    # the file holds the chip's decay, Lava's register du is one less
    yield "neuron/iDecay", registers.du + np.int32(1)
    yield "neuron/vDecay", registers.dv
    yield (
        "neuron/vThMant",
        registers.vth if registers.spiking else np.full(registers.n, SILENT, np.int32),
    )
    yield "neuron/refDelay", np.array(1)
    yield "neuron/gradedSpike", np.array(False)


def _cuba_reasons(registers: CubaRegisters) -> Iterator[str]:
    if file_bias(registers) is None:
        yield "biases are no multiples of 64 within 16 bits; netx fixes bias_exp at 6"


def _sigma_delta(registers: SigmaDeltaRegisters) -> Items:
    if np.any(registers.bias):
        yield "bias", registers.bias
    yield "neuron/type", text("SDNN")
    yield "neuron/activation", text(ACTIVATION)
    yield "neuron/vThMant", np.array(registers.vth[0])


def _sigma_delta_reasons(registers: SigmaDeltaRegisters) -> Iterator[str]:
    if not registers.rectify:
        yield "an activation that is not rectified; netx always rectifies"
    if (registers.spike_exp, registers.state_exp) != (SDNN_EXP, SDNN_EXP):
        yield f"exponents other than {SDNN_EXP}, which netx fixes"
    yield from _encoder_reasons(registers)


def _encoder_reasons(registers: DeltaRegisters) -> Iterator[str]:
    if registers.cum_error:
        yield "cumulative errors, which netx never has"
    yield from _one_threshold(registers.vth)


def _one_threshold(vth: AnyArray) -> Iterator[str]:
    if np.any(vth != vth[0]):
        yield "vth differs between neurons; netx holds one for all"


def _delta(registers: DeltaRegisters) -> Items:
    yield "neuron/type", text("SDNN")
    yield "neuron/activation", text(ACTIVATION)
    yield "neuron/vThMant", np.array(registers.vth[0] >> SDNN_EXP)


def _delta_reasons(registers: DeltaRegisters) -> Iterator[str]:
    if (registers.spike_exp, registers.state_exp) != (0, SDNN_EXP):
        yield f"a delta with exponents other than 0 and {SDNN_EXP}, which stand for netx's"
    if registers.vth[0] % (1 << SDNN_EXP):
        yield f"a delta's vth that is no multiple of {1 << SDNN_EXP}"
    yield from _encoder_reasons(registers)


def _sigma(registers: SigmaRegisters) -> Items:
    yield "neuron/type", text("SDNN")
    yield "neuron/sigma_output", np.array(True)


def _sigma_reasons(registers: SigmaRegisters) -> Iterator[str]:
    if np.any(registers.start):
        yield "sums that do not start at 0, where netx's do"


def _resonators(registers: ResonatorRegisters) -> Items:
    sin, cos = netx_words(registers)
    yield "neuron/type", text("RF_PHASE" if registers.model == "rf" else "RF_IZHIKEVICH")
    yield "neuron/sinDecay", sin
    yield "neuron/cosDecay", cos
    yield "neuron/vThMant", np.array(registers.vth[0])
    yield "neuron/gradedSpike", np.array(False)


def _resonator_reasons(registers: ResonatorRegisters) -> Iterator[str]:
    if (registers.state_exp, registers.decay_bits) != (STATE_SHIFT, DECAY_BITS):
        yield f"bits other than {STATE_SHIFT} and {DECAY_BITS}, which netx fixes"
    yield from _one_threshold(registers.vth)


MODELS: Mapping[str, NetxNeurons] = MappingProxyType(
    {
        "cuba": NetxNeurons(_cuba, _cuba_reasons, ("du", "dv", "vth")),
        "delta": NetxNeurons(_delta, _delta_reasons),
        "sigma": NetxNeurons(_sigma, _sigma_reasons),
        "sigma_delta": NetxNeurons(_sigma_delta, _sigma_delta_reasons),
        "rf": NetxNeurons(_resonators, _resonator_reasons),
        "rf_iz": NetxNeurons(_resonators, _resonator_reasons),
    }
)
