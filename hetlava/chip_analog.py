"""Chips with analog neurons: BrainScaleS-2 and DYNAP-SE2, every number with source and status."""

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from hetlava.chip_spec import Source, Sourced

THESIS = "brainscales2-demos, fp_brainscales.rst"
CALIX = "calix e573081, spiking/neuron.py (check_target) and constants.py"
HXTORCH = "hxtorch 3bfc7aa"
ROCKPOOL = "rockpool 42cee1c, lookup/defaults.py"

MICROSECOND = 1e-6


class Range(NamedTuple):
    """What a parameter may be, both ends included, and what it is when nothing is asked for."""

    low: float
    high: float
    default: float

    def __str__(self) -> str:
        return f"{self.low:g} .. {self.high:g} (default {self.default:g})"


@dataclass(frozen=True, kw_only=True)
class BrainScaleS2Spec(Sourced):
    """Size and ranges of a BrainScaleS-2 chip; times are those of the chip, not of biology.

    Attributes
    ----------
    speedup : float
        How much faster than biology it runs: 1 ms there is 1 us here.
    neurons : int
    arrays, rows, columns : int
        Arrays of synapses, and the rows and columns of each. The sign of a synapse belongs to its
        row, so that a signed input takes two.
    signed_inputs : int
        Signed sources that one neuron can listen to.
    weight_max : int
        Largest magnitude of a weight; two rows make it signed.
    label_bits, event_bits : int
        Of the source label of a synapse and of an event.
    dac_bits, current_dacs, voltage_dacs : int
        Resolution and number of the converters of each neuron.
    cadc_bits : int
        Of the converter that samples the membranes; its unit is the LSB of the voltages here.
    cadc_reliable : (low, high, default)
        Where the samples can be relied on [LSB]; the middle as default.
    event_rate_max : float
        Events that a synapse driver takes [1/s].
    tau_mem, tau_syn : (low, high, default)
        Time constants that the calibration accepts, per neuron [s].
    leak, reset, threshold : (low, high, default)
        Potentials that the calibration accepts, per neuron [LSB].
    refractory_time, holdoff_time : (low, high, default)
        Per neuron [s].
    membrane_capacitance : (low, high, default)
        Per neuron; 63 is about 2.2 pF.
    i_synin_gm, synapse_dac_bias : (low, high, default)
        One value for the whole chip.
    """

    headline: ClassVar[tuple[str, ...]] = ("neurons", "signed_inputs", "weight_max")

    speedup: float
    neurons: int
    arrays: int
    rows: int
    columns: int
    signed_inputs: int
    weight_max: int
    label_bits: int
    event_bits: int
    dac_bits: int
    current_dacs: int
    voltage_dacs: int
    cadc_bits: int
    cadc_reliable: Range
    event_rate_max: float
    tau_mem: Range
    tau_syn: Range
    leak: Range
    reset: Range
    threshold: Range
    refractory_time: Range
    holdoff_time: Range
    membrane_capacitance: Range
    i_synin_gm: Range
    synapse_dac_bias: Range


@dataclass(frozen=True, kw_only=True)
class DynapSE2Spec(Sourced):
    """Size of a DYNAP-SE2 board.

    Attributes
    ----------
    chips, cores, neurons_per_core : int
        Chips of the board, cores of a chip, neurons of a core.
    synapses_per_neuron : int
        Sources of a neuron.
    destinations : int
        Cores that a neuron can send to.
    tags : int
        Distinct labels of sources.
    weight_bits : int
    tau_per_core : int
        Distinct time constants of a core: biases are shared.
    mismatch_sigma : float
        Relative spread of parameters that Rockpool's simulation takes.
    """

    headline: ClassVar[tuple[str, ...]] = ("chips", "cores", "neurons_per_core")

    chips: int
    cores: int
    neurons_per_core: int
    synapses_per_neuron: int
    destinations: int
    tags: int
    weight_bits: int
    tau_per_core: int
    mismatch_sigma: float


def _sources(status_of: dict[str, tuple[str, str]]) -> dict[str, Source]:
    """Return sources for fields named together, ``"a b": (text, status)``."""
    return {
        name: Source(text, status)  # type: ignore[arg-type]  # literals below
        for names, (text, status) in status_of.items()
        for name in names.split()
    }


BRAINSCALES2 = BrainScaleS2Spec(
    name="brainscales2",
    speedup=1000.0,
    neurons=512,
    arrays=2,
    rows=256,
    columns=256,
    signed_inputs=128,
    weight_max=63,
    label_bits=6,
    event_bits=14,
    dac_bits=10,
    current_dacs=16,
    voltage_dacs=8,
    cadc_bits=8,
    cadc_reliable=Range(30, 210, 120),
    event_rate_max=125e6,
    tau_mem=Range(0.5 * MICROSECOND, 60 * MICROSECOND, 10 * MICROSECOND),
    tau_syn=Range(0.3 * MICROSECOND, 30 * MICROSECOND, 10 * MICROSECOND),
    leak=Range(50, 160, 80),
    reset=Range(50, 160, 70),
    threshold=Range(50, 220, 125),
    refractory_time=Range(0.04 * MICROSECOND, 32 * MICROSECOND, 2 * MICROSECOND),
    holdoff_time=Range(0, 4 * MICROSECOND, 0),
    membrane_capacitance=Range(0, 63, 63),
    i_synin_gm=Range(30, 800, 500),
    synapse_dac_bias=Range(30, 1022, 600),
    sources=_sources(
        {
            "speedup neurons arrays rows columns label_bits event_bits dac_bits current_dacs "
            "voltage_dacs cadc_bits event_rate_max": (THESIS, "verified"),
            "weight_max": (f"{THESIS}: 6 bits, the sign by pairs of rows", "verified"),
            "signed_inputs": (
                f"{HXTORCH}: half the rows of one array; {THESIS}: 256 with both arrays chained; "
                "the stricter",
                "verified",
            ),
            "cadc_reliable": (f"{CALIX}; the middle as default is assumed", "verified"),
            "tau_mem tau_syn leak reset threshold holdoff_time membrane_capacitance": (
                CALIX,
                "verified",
            ),
            "refractory_time": (f"{CALIX}; its counter of 8 bits is recalled only", "verified"),
            "i_synin_gm synapse_dac_bias": (
                f"{CALIX}; {HXTORCH} refuses populations that disagree",
                "verified",
            ),
        }
    ),
)

DYNAPSE2 = DynapSE2Spec(
    name="dynapse2",
    chips=4,
    cores=4,
    neurons_per_core=256,
    synapses_per_neuron=64,
    destinations=4,
    tags=2048,
    weight_bits=4,
    tau_per_core=1,
    mismatch_sigma=0.1,
    sources=_sources(
        {
            "chips cores neurons_per_core synapses_per_neuron destinations tags": (
                ROCKPOOL,
                "verified",
            ),
            "weight_bits": ("recalled, not checked", "assumed"),
            "tau_per_core": ("biases are shared by a core; recalled, not checked", "assumed"),
            "mismatch_sigma": ("rockpool 42cee1c, default: 30 % at three sigma", "verified"),
        }
    ),
)
