"""Neurons of lava-dl's files: one function a type, listed in a table."""

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from types import MappingProxyType

import numpy as np

from hetlava.arrays import Int16, cast_exactly
from hetlava.errors import FormatError, UnsupportedError
from hetlava.export.hdf5 import Group
from hetlava.export.lava_dl_neuron_group import NeuronGroup as NeuronGroup
from hetlava.export.lava_dl_neuron_group import biased_current
from hetlava.export.lava_dl_parts import Signal, check_keys, in_file, layer_name, limited, vector
from hetlava.export.netx_decays import netx_decays
from hetlava.export.netx_neurons import NETX_BIAS_EXP
from hetlava.fixedpoint import MESSAGE_BITS_MAX, STATE_SHIFT
from hetlava.neurons.adaptive import AdrfRegisters, AlifRegisters
from hetlava.neurons.cuba import CubaRegisters
from hetlava.neurons.registers import NeuronRegisters
from hetlava.neurons.resonate import ResonatorRegisters
from hetlava.neurons.sigma_delta import DeltaRegisters
from hetlava.quantised import QuantisedPopulation, QuantisedProjection

AFFINE_THRESHOLD = (1 << 18) - 1  # of neurons that only integrate, as lava-dl writes it
MESSAGE_BITS = 16  # of sigma-delta neurons, as netx takes them where the file does not say
FIRST_ARRIVAL = 1  # [step] in which a spike of step 0 arrives

# the value that changes nothing; another one asks for what netx drops without a word
CUBA_OPTIONS = {"refDelay": 1, "gradedSpike": 0, "wgtExp": 0, "weight_exp": 0, "messageBits": 0}


def population(
    group: Group, heard: Signal, n: int, channels: int, *, at_input: bool = False
) -> QuantisedPopulation:
    """Return the neurons of a layer of ``n`` in ``channels``; biases act from step 1 on.

    SLAYER's blocks begin with the step in which input can arrive, whatever their depth, except
    that sigma-delta blocks have no step of delay, where here every projection has one.

    Raises
    ------
    UnsupportedError
        If the type or a key is unknown, or an option asks for what hetlava does not run.
    FormatError
        If a value is missing or out of range.
    """
    neuron = group.group("neuron")
    kind = neuron.text("type")
    if kind not in READERS:
        raise UnsupportedError(
            f"{neuron.where('type')}: neurons {kind!r} are not read; known: {', '.join(READERS)}"
        )
    module, name = READERS[kind].split(":")
    reader: Callable[[NeuronGroup], NeuronRegisters] = getattr(import_module(module), name)
    with in_file(neuron):
        registers = reader(NeuronGroup(group, neuron, n, channels, at_input))
    return QuantisedPopulation(
        name=layer_name(group),
        registers=registers,
        start=0 if registers.stays_at_rest else FIRST_ARRIVAL + heard.lag,
    )


def heard_bits(heard: Signal, neurons: QuantisedPopulation) -> int:
    """Return the bits of the messages that a layer hears; graded neurons take graded input."""
    if heard.message_bits is None:
        return MESSAGE_BITS if neurons.registers.graded else 0
    return heard.message_bits


def sent(
    group: Group,
    heard: Signal,
    neurons: QuantisedPopulation,
    shape: tuple[int, ...],
    late: Int16 | None = None,
) -> Signal:
    """Return what a layer sends to the next, ``late`` by steps of its own."""
    if not neurons.registers.graded:
        return Signal(neurons.name, shape, late, 0, heard.lag)
    neuron, bits = group.group("neuron"), MESSAGE_BITS
    if "messageBits" in neuron.keys():
        value = limited(neuron, "messageBits", 1)
        with in_file(neuron):
            bits = int(cast_exactly(value, np.int64, "messageBits"))
        if not 1 <= bits <= MESSAGE_BITS_MAX:
            raise FormatError(f"{neuron.where('messageBits')}: {bits} outside 1 .. 32")
    return Signal(neurons.name, shape, late, bits, heard.lag + 1)


def weight_parts(group: Group) -> list[tuple[Group, str]]:
    """Return where the weights of a layer are: one place, or the real and the imaginary part's."""
    if not group.has_group("weight"):
        return [(group, "weight")]
    weight = group.group("weight")
    check_keys(weight, {"real", "imag"}, set())
    return [(weight, "real"), (weight, "imag")]


def check_ports(group: Group, neurons: QuantisedPopulation, n_parts: int) -> None:
    """Check that complex neurons have complex weights, and others none.

    Raises
    ------
    FormatError
    """
    if n_parts != neurons.registers.n_ports:
        wanted = "one array" if n_parts > 1 else "a group of real and imag"
        raise FormatError(
            f"{group.where('weight')}: neurons {neurons.registers.model!r} take {wanted}"
        )


def neuron_changes(group: Group, neurons: QuantisedPopulation) -> Iterator[str]:
    """Say where netx has other neurons than SLAYER trained."""
    registers = neurons.registers
    if isinstance(registers, AlifRegisters):
        yield f"{group.name}/neuron: ALIF neurons, on which netx fails"
    if isinstance(registers, AdrfRegisters):
        yield f"{group.name}/neuron: netx drops the adaptation and rounds the rotation otherwise"
    if isinstance(registers, ResonatorRegisters):
        sin, cos = netx_decays(registers)
        other = int(np.sum((sin != registers.sin_decay) | (cos != registers.cos_decay)))
        if other:
            yield f"{group.name}/neuron: netx turns {other} of {registers.n} resonators otherwise"
    if isinstance(registers, ResonatorRegisters | DeltaRegisters) and np.ptp(registers.vth):
        yield f"{group.name}/neuron: thresholds differ, of which netx takes one"


def current_bias(
    group: Group, neurons: QuantisedPopulation, channels: int
) -> tuple[tuple[QuantisedPopulation, ...], tuple[QuantisedProjection, ...]]:
    """Return what adds a bias to the input of a layer from step 1 on, nothing where it has none.

    One more neuron, which spikes at every step, with the biases as its weights.
    """
    if not biased_current(group) or "bias" not in group.keys():
        return (), ()
    with in_file(group):
        n, name = neurons.registers.n, neurons.name
        bias = cast_exactly(vector(group, "bias", n, channels), np.int16, "bias")
        if not np.any(bias):
            return (), ()
        clock = QuantisedPopulation(name=f"{name}-bias", registers=_always())
        weights = QuantisedProjection(
            source=clock.name,
            target=name,
            weights=bias[:, None],
            # deltas hear products of weights and input, with the bits of both
            weight_exp=STATE_SHIFT if neurons.registers.graded else 0,
        )
    return (clock,), (weights,)


def _always() -> CubaRegisters:
    zero, one = np.zeros(1, np.int32), np.ones(1, np.int32)
    return CubaRegisters(du=zero - one, dv=zero, vth=zero, bias_mant=one, bias_exp=zero)


def cuba(of: NeuronGroup) -> CubaRegisters:
    """Read current-based integrators."""
    of.check({"iDecay", "vDecay", "vThMant"}, CUBA_OPTIONS)
    vth = of.word("vThMant")
    spikes = bool(np.any(vth != AFFINE_THRESHOLD))
    return CubaRegisters(
        # the file holds the chip's decay, Lava's register du is one less
        du=of.word("iDecay") - np.int32(1),
        dv=of.word("vDecay"),
        vth=vth if spikes else np.zeros(of.n, np.int32),
        bias_mant=of.bias(),
        bias_exp=np.full(of.n, NETX_BIAS_EXP, np.int32),
        spiking=spikes,
    )


# one line a type; a function raises ValidationError where a value breaks a limit
READERS: Mapping[str, str] = MappingProxyType(
    {
        "LOIHI": "hetlava.export.lava_dl_neurons:cuba",
        "CUBA": "hetlava.export.lava_dl_neurons:cuba",
        "SDNN": "hetlava.export.lava_dl_graded:sigma_delta",
        "RF_PHASE": "hetlava.export.lava_dl_graded:resonate_and_fire",
        "RF_IZHIKEVICH": "hetlava.export.lava_dl_graded:resonate_izhikevich",
        "ALIF": "hetlava.export.lava_dl_adaptive:alif",
        "ADRF_PHASE": "hetlava.export.lava_dl_adaptive:adrf",
        "ADRF_IZHIKEVICH": "hetlava.export.lava_dl_adaptive:adrf_iz",
    }
)
