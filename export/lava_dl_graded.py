"""Sigma-delta and resonate-and-fire neurons of lava-dl's files.

The state of a sigma-delta neuron has 18 bits below the point of SLAYER's numbers: 6 of weights and
thresholds, 6 of messages (``spike_exp``), 6 of its own (``state_exp``); a message has 12.

Such layers run as SLAYER's quantised forward does, message for message, but for this:

* SLAYER computes in float32, exact while sums stay below 64.0 (2**24 of these units); its
  resonators have no bounds, Lava's and these saturate at 24 bits;
* thresholds of sigma-deltas that were trained are not on the grid of 1/64 that the file has;
* a file says nothing of cumulative errors, of ``set_bias``, nor of the norm of resonators.

netx has other decays for many resonators (:mod:`hetlava.export.netx_decays`), drops the delays of
complex weights, takes one threshold for all neurons, rectifies whatever the activation, leads
nothing to deltas at the input and leaves out their weight, lets biases act from the first step, and
wraps the sums of kernels at 24 bits.
"""

import numpy as np

from hetlava.arrays import Int
from hetlava.errors import UnsupportedError
from hetlava.export.lava_dl_neuron_group import NeuronGroup
from hetlava.neurons.registers import NeuronRegisters
from hetlava.neurons.resonate import RFIzhikevichRegisters, RFRegisters
from hetlava.neurons.sigma_delta import DeltaRegisters, SigmaDeltaRegisters, SigmaRegisters

SPIKE_EXP = STATE_EXP = 6  # as netx has them unless told otherwise
ACTIVATION = "relu"
SDNN_KEYS = {"activation", "vThMant"}
SIGMA = "sigma_output"
# of neurons that pass it on; SLAYER's other activations have no integer form
HARMLESS = {"weight_exp": 0}
RF_HARMLESS = {"gradedSpike": 0, "messageBits": 0}


def sigma_delta(of: NeuronGroup) -> NeuronRegisters:
    """Read a delta at the input, a sigma where the file says so, or a rectified sigma-delta."""
    if SIGMA in of.neuron.keys():
        of.check({SIGMA}, {SIGMA: 1}, SDNN_KEYS | {"messageBits"})
        _without_bias(of)
        return SigmaRegisters(start=np.zeros(of.n, np.int32))
    of.check(SDNN_KEYS, HARMLESS, {"messageBits"})
    vth = of.word("vThMant")
    if of.at_input:
        # the weight of the input takes the place of the messages' bits
        return DeltaRegisters(vth=vth << np.int32(SPIKE_EXP), spike_exp=0, state_exp=STATE_EXP)
    activation = of.neuron.text("activation")
    if activation != ACTIVATION:
        raise UnsupportedError(
            f"{of.neuron.where('activation')}: {activation!r} is not read, only {ACTIVATION!r}, "
            "which netx takes whatever the file says"
        )
    return SigmaDeltaRegisters(vth=vth, bias=of.bias(), spike_exp=SPIKE_EXP, state_exp=STATE_EXP)


def resonate_and_fire(of: NeuronGroup) -> RFRegisters:
    """Read resonators that spike by phase."""
    sin, cos, vth = _resonators(of)
    return RFRegisters(sin_decay=sin, cos_decay=cos, vth=vth)


def resonate_izhikevich(of: NeuronGroup) -> RFIzhikevichRegisters:
    """Read resonators that spike by height and are reset."""
    sin, cos, vth = _resonators(of)
    return RFIzhikevichRegisters(sin_decay=sin, cos_decay=cos, vth=vth)


def _resonators(of: NeuronGroup) -> tuple[Int, Int, Int]:
    of.check({"sinDecay", "cosDecay", "vThMant"}, RF_HARMLESS)
    _without_bias(of)
    if of.at_input:
        raise UnsupportedError(
            f"{of.neuron.where('type')}: resonators at the input, which SLAYER and netx cannot run"
        )
    return of.word("sinDecay"), of.word("cosDecay"), of.word("vThMant")


def _without_bias(of: NeuronGroup) -> None:
    if "bias" in of.layer.keys() and np.any(of.layer.array("bias")):
        raise UnsupportedError(f"{of.layer.where('bias')}: such neurons have no bias")
