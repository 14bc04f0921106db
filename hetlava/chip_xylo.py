"""Xylo Audio 2: a digital chip with shift decays and neurons that spike several times a step."""

from dataclasses import dataclass
from typing import ClassVar

from hetlava.chip_spec import Source, Sourced

XYLOSIM = "xylosim 0.1.3, v2"
ROCKPOOL = "rockpool 42cee1c, xylo_mapper.py and its documentation"


@dataclass(frozen=True, kw_only=True)
class XyloSpec(Sourced):
    """Size and widths of a Xylo chip.

    Attributes
    ----------
    inputs, hidden, outputs : int
        Input channels, neurons of the reservoir, output neurons.
    input_spikes_max, hidden_spikes_max, output_spikes_max : int
        Spikes that one of them sends in a step.
    synaptic_states : int
        Currents of a hidden neuron; hetlava uses one.
    state_bits, weight_bits, vth_bits, bias_bits : int
        Widths of signed words [bit]; states saturate.
    dash_max : int
        Largest exponent of a decay: ``x`` loses ``x >> dash`` a step.
    weight_shift_max : int
        Largest left shift of the weights of a group: from the input, between hidden neurons, to
        the output.
    """

    headline: ClassVar[tuple[str, ...]] = ("inputs", "hidden", "outputs")

    inputs: int
    hidden: int
    outputs: int
    input_spikes_max: int
    hidden_spikes_max: int
    output_spikes_max: int
    synaptic_states: int
    state_bits: int
    weight_bits: int
    vth_bits: int
    bias_bits: int
    dash_max: int
    weight_shift_max: int


XYLO2 = XyloSpec(
    name="xylo2",
    inputs=16,
    hidden=1000,
    outputs=8,
    input_spikes_max=15,
    hidden_spikes_max=31,
    output_spikes_max=1,
    synaptic_states=2,
    state_bits=16,
    weight_bits=8,
    vth_bits=16,
    bias_bits=16,
    dash_max=15,
    weight_shift_max=7,
    sources={
        "inputs": Source(ROCKPOOL, "verified"),
        "hidden": Source(ROCKPOOL, "verified"),
        "outputs": Source(ROCKPOOL, "verified"),
        "input_spikes_max": Source(XYLOSIM, "verified"),
        "hidden_spikes_max": Source(XYLOSIM, "verified"),
        "output_spikes_max": Source(XYLOSIM, "verified"),
        "synaptic_states": Source(ROCKPOOL, "verified"),
        "state_bits": Source(XYLOSIM, "verified"),
        "weight_bits": Source(XYLOSIM, "verified"),
        "vth_bits": Source(XYLOSIM, "verified"),
        "bias_bits": Source(XYLOSIM, "verified"),
        "dash_max": Source(f"{XYLOSIM}: 4 bits", "verified"),
        "weight_shift_max": Source(
            f"{XYLOSIM} takes any; beyond 7 a weight can overflow", "assumed"
        ),
    },
)
