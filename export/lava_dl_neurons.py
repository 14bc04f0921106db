"""Neurons of lava-dl's files: one function a type, listed in a table."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType

import numpy as np

from hetlava.arrays import Int, cast_exactly
from hetlava.errors import UnsupportedError
from hetlava.export.hdf5 import Group
from hetlava.export.lava_dl_parts import check_keys, in_file, layer_name, limited, vector
from hetlava.export.netx_rules import NETX_BIAS_EXP
from hetlava.neurons.cuba import CubaRegisters
from hetlava.neurons.registers import NeuronRegisters
from hetlava.quantised import QuantisedPopulation, QuantisedProjection

AFFINE_THRESHOLD = (1 << 18) - 1  # of neurons that only integrate, as lava-dl writes it
FIRST_ARRIVAL = 1  # [step] in which a spike of step 0 arrives

# of SLAYER's surrogate gradient, without effect on a run
TRAINING_KEYS = {"scaleRho", "tauRho", "theta"}
# the value that changes nothing; another one asks for what netx drops without a word
CUBA_OPTIONS = {"refDelay": 1, "gradedSpike": 0, "wgtExp": 0, "weight_exp": 0, "messageBits": 0}


@dataclass(frozen=True)
class NeuronGroup:
    """The group ``neuron`` of a layer, and what its values are spread over.

    Attributes
    ----------
    layer, neuron : Group
    n, channels : int
        Neurons, in channels of equally many each; values are one for all, one per channel or one
        per neuron.
    at_input : bool
        Whether the layer is the network's input.
    """

    layer: Group
    neuron: Group
    n: int
    channels: int
    at_input: bool = False

    def word(self, key: str) -> Int:
        """Return ``n`` values of the group."""
        return vector(self.neuron, key, self.n, self.channels)

    def bias(self) -> Int:
        """Return ``n`` biases of the neurons, 0 where there are none; see
        :func:`current_bias`."""
        return np.zeros(self.n, np.int32) if biased_current(self.layer) else self.any_bias()

    def any_bias(self) -> Int:
        """Return ``n`` biases of the layer, 0 where it has none."""
        if "bias" not in self.layer.keys():
            return np.zeros(self.n, np.int32)
        return vector(self.layer, "bias", self.n, self.channels)

    def check(self, needed: set[str], harmless: Mapping[str, int]) -> None:
        """Check that all that is ``needed`` is there, and of the rest only what is ``harmless``."""
        check_keys(self.neuron, {"type", *needed}, {*harmless, *TRAINING_KEYS})
        for key, value in harmless.items():
            if key in self.neuron.keys() and np.any(
                limited(self.neuron, key, self.n, self.channels) != value
            ):
                raise UnsupportedError(
                    f"{self.neuron.where(key)}: only {value} is read; netx ignores it or differs"
                )


def population(
    group: Group, n: int, channels: int, *, at_input: bool = False
) -> QuantisedPopulation:
    """Return the neurons of a layer of ``n`` in ``channels``; biases act from step 1 on.

    SLAYER's blocks begin with the step in which input can arrive, whatever their depth.

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
        start=0 if registers.stays_at_rest else FIRST_ARRIVAL,
    )


def biased_current(layer: Group) -> bool:
    """Whether SLAYER adds the bias of a layer to what the neurons hear, not to their voltage.

    It does so at the input; and a recurrent block goes on each step with the current that the bias
    was added to, so that it decays like all else that was heard.
    """
    return layer.text("type") in ("input", "dense_rec")


def current_bias(
    group: Group, n: int, channels: int
) -> tuple[tuple[QuantisedPopulation, ...], tuple[QuantisedProjection, ...]]:
    """Return what adds a bias to the input of a layer from step 1 on, nothing where it has none.

    One more neuron, which spikes at every step, with the biases as its weights.
    """
    if not biased_current(group) or "bias" not in group.keys():
        return (), ()
    with in_file(group):
        bias = cast_exactly(vector(group, "bias", n, channels), np.int16, "bias")
        if not np.any(bias):
            return (), ()
        name = layer_name(group)
        clock = QuantisedPopulation(name=f"{name}-bias", registers=_always())
        weights = QuantisedProjection(source=clock.name, target=name, weights=bias[:, None])
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
        "ALIF": "hetlava.export.lava_dl_adaptive:alif",
        "ADRF_PHASE": "hetlava.export.lava_dl_adaptive:adrf",
        "ADRF_IZHIKEVICH": "hetlava.export.lava_dl_adaptive:adrf_iz",
    }
)
