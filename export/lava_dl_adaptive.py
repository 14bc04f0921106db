"""Neurons of lava-dl's files whose threshold adapts: ALIF, and resonators of two kinds."""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from hetlava.arrays import Int
from hetlava.errors import UnsupportedError
from hetlava.export.lava_dl_neurons import NeuronGroup
from hetlava.neurons.adaptive import AdrfIzRegisters, AdrfRegisters, AlifRegisters

ADAPTS: Mapping[str, str] = MappingProxyType(
    {"thDecay": "dth", "refDecay": "dr", "vThMant": "vth", "vThStep": "vth_step"}
)
# the value that changes nothing
ALIF_OPTIONS = {"refDelay": 1, "gradedSpike": 0, "weight_exp": 0}
ADRF_OPTIONS = {"gradedSpike": 0}


def alif(of: NeuronGroup) -> AlifRegisters:
    """Read adaptive leaky integrators, whose bias SLAYER adds to what they hear."""
    of.check({"iDecay", "vDecay", *ADAPTS}, ALIF_OPTIONS)
    return AlifRegisters(
        # the file holds the chip's decay, the register du is one less
        du=of.word("iDecay") - np.int32(1),
        dv=of.word("vDecay"),
        bias_mant=of.bias(),
        **_adapts(of),
    )


def adrf(of: NeuronGroup) -> AdrfRegisters:
    """Read adaptive resonators that spike by phase."""
    return AdrfRegisters(**_resonators(of))


def adrf_iz(of: NeuronGroup) -> AdrfIzRegisters:
    """Read adaptive resonators that spike by height."""
    return AdrfIzRegisters(**_resonators(of))


def _resonators(of: NeuronGroup) -> dict[str, Int]:
    of.check({"sinDecay", "cosDecay", *ADAPTS}, ADRF_OPTIONS)
    if of.at_input:
        raise UnsupportedError(
            f"{of.neuron.where('type')}: resonators at the input, which SLAYER cannot run"
        )
    return {"sin_decay": of.word("sinDecay"), "cos_decay": of.word("cosDecay")} | _adapts(of)


def _adapts(of: NeuronGroup) -> dict[str, Int]:
    return {name: of.word(key) for key, name in ADAPTS.items()}
