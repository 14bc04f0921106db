"""Neurons of lava-dl's files: one function a type, listed in a table."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from hetlava.arrays import Int
from hetlava.errors import UnsupportedError
from hetlava.export.hdf5 import Group
from hetlava.export.lava_dl_parts import check_keys, in_file, limited, vector
from hetlava.export.netx_rules import NETX_BIAS_EXP
from hetlava.neurons.cuba import CubaRegisters
from hetlava.neurons.registers import NeuronRegisters

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


def neurons(group: Group, n: int, channels: int, *, at_input: bool = False) -> NeuronRegisters:
    """Return the neurons of a layer of ``n`` in ``channels``.

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
    with in_file(neuron):
        return READERS[kind](NeuronGroup(group, neuron, n, channels, at_input))


def cuba(of: NeuronGroup) -> CubaRegisters:
    """Read current-based integrators."""
    of.check({"iDecay", "vDecay", "vThMant"}, CUBA_OPTIONS)
    return CubaRegisters(
        # the file holds the chip's decay, Lava's register du is one less
        du=of.word("iDecay") - np.int32(1),
        dv=of.word("vDecay"),
        vth=of.word("vThMant"),
        bias_mant=of.bias(),
        bias_exp=np.full(of.n, NETX_BIAS_EXP, np.int32),
    )


# one line a type; a function raises ValidationError where a value breaks a limit
READERS: Mapping[str, Callable[[NeuronGroup], NeuronRegisters]] = MappingProxyType(
    {"LOIHI": cuba, "CUBA": cuba}
)
