"""What an operation costs on devices of which something is published, every number with source.

An energy is a sum of terms: so many operations at so many joules each. Where nothing is published
there is no preset, and the reason is here instead.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from hetlava.chip_spec import Source
from hetlava.errors import UnsupportedError, ValidationError

Quantity = Literal[
    "effective synops",
    "synops of dense matrices",
    "synops of sparse matrices",
    "synops of kernels",
    "dense synops",
    "membrane updates",
    "neuron-steps without update",
    "neuron-steps",
    "spikes",
    "messages",
    "seconds on the chip",
]
PICO, NANO = 1e-12, 1e-9

DAVIES = "Davies 2018 (IEEE Micro 38:1), Table 2"
KERAS = "keras-spiking b28875a, model_energy.py"
SANA = "SANA-FE 8951ab0, arch/loihi.yaml, fitted to a Loihi board"


@dataclass(frozen=True)
class Term:
    """Joules of one operation, or watts where ``quantity`` is seconds.

    Attributes
    ----------
    quantity : str
        What is counted.
    joules : float
    source : Source
    """

    quantity: Quantity
    joules: float
    source: Source


@dataclass(frozen=True, kw_only=True)
class Times:
    """Seconds of the operations of a core, of which one follows the other, and of a step.

    Attributes
    ----------
    synop, update, idle : float
        Of a synaptic operation, of a neuron with and without an update [s].
    step : float
        Of the barrier that ends a step [s].
    source : Source
    """

    synop: float
    update: float
    idle: float
    step: float
    source: Source


@dataclass(frozen=True, kw_only=True)
class EnergyPreset:
    """A device's constants.

    Attributes
    ----------
    name, device : str
    terms : tuple of Term
    speedup : float
        How much faster than the network's time the device runs.
    times : Times or None
        None where nothing is published.
    neurons_per_core : int
        Neurons that one core steps, one after another; for the latency.
    notes : tuple of str
        What is not counted.
    """

    name: str
    device: str
    terms: tuple[Term, ...]
    speedup: float = 1.0
    times: Times | None = None
    neurons_per_core: int = 1
    notes: tuple[str, ...] = ()


def _quoted(by: str) -> Source:
    return Source(f"{DAVIES}, as quoted by {by}", "secondary")


_RECALLED = Source(f"{DAVIES}, recalled and not checked against it", "assumed")
_FIT = Source(SANA, "verified")
_HOEPPNER = Source(f"{KERAS}, quoting Hoeppner 2019 (arXiv 1903.08941)", "verified")
_DEGNAN = Source(f"{KERAS}, quoting Degnan 2015: a multiply-accumulate", "verified")
_HOROWITZ = Source("Horowitz 2014, 45 nm at 0.9 V, as in PMC8934428, table T3", "verified")
_NO_HOPS = "messages between tiles (3 to 4 pJ a hop) are not counted: they depend on placement"
_NO_LOADS = "loading weights and states from memory is not counted"


def _processor(name: str, device: str, nanojoules: float) -> EnergyPreset:
    return EnergyPreset(
        name=name, device=device, terms=(Term("dense synops", nanojoules * NANO, _DEGNAN),)
    )


def _spinnaker(name: str, device: str, synop: float, update: float) -> EnergyPreset:
    return EnergyPreset(
        name=name,
        device=device,
        terms=(
            Term("effective synops", synop * NANO, _HOEPPNER),
            Term("neuron-steps", update * NANO, _HOEPPNER),
        ),
    )


_ALL = (
    EnergyPreset(
        name="davies2018",
        device="Loihi 1",
        terms=(
            Term("effective synops", 23.6 * PICO, _quoted(KERAS)),
            Term("membrane updates", 81 * PICO, _quoted(KERAS)),
            Term("neuron-steps without update", 52 * PICO, _RECALLED),
            Term("messages", 1.7 * PICO, _quoted("an older SANA-FE, within a tile")),
        ),
        times=Times(
            synop=3.5 * NANO,
            update=8.4 * NANO,
            idle=5.3 * NANO,
            step=465 * NANO,
            source=_RECALLED,
        ),
        neurons_per_core=1024,
        notes=(_NO_HOPS,),
    ),
    EnergyPreset(
        name="loihi1-board",
        device="Loihi 1",
        terms=(
            Term("neuron-steps", 51.2 * PICO, _FIT),
            Term("membrane updates", 21.6 * PICO, _FIT),
            Term("spikes", 69.3 * PICO, _FIT),
            Term("synops of dense matrices", 35.5 * PICO, _FIT),
            Term("synops of sparse matrices", 33.6 * PICO, _FIT),
            Term("synops of kernels", 24.0 * PICO, _FIT),
            Term("messages", 111 * PICO, _FIT),
        ),
        notes=(_NO_HOPS,),
    ),
    _spinnaker("spinnaker1", "SpiNNaker 1", 13.3, 26),
    _spinnaker("spinnaker2", "SpiNNaker 2", 0.450, 2.19),
    _processor("cpu", "a processor, every synapse at every step", 8.6),
    _processor("gpu", "a graphics card, every synapse at every step", 0.3),
    _processor("arm", "an ARM processor, every synapse at every step", 0.9),
    EnergyPreset(
        name="45nm-int32",
        device="adders of 32 bits in 45 nm",
        terms=(Term("effective synops", 0.1 * PICO, _HOROWITZ),),
        notes=(_NO_LOADS,),
    ),
    EnergyPreset(
        name="45nm-fp32",
        device="floating-point multiply-accumulates in 45 nm, every synapse at every step",
        terms=(Term("dense synops", 4.6 * PICO, _HOROWITZ),),
        notes=(_NO_LOADS,),
    ),
    EnergyPreset(
        name="brainscales2",
        device="BrainScaleS-2",
        terms=(
            Term(
                "seconds on the chip",
                0.2,
                Source("arXiv 2006.07239, abstract: less than 200 mW", "verified"),
            ),
        ),
        speedup=1000.0,
        notes=("an upper bound: the chip's power while it runs, nothing for configuring it",),
    ),
)
PRESETS: Mapping[str, EnergyPreset] = MappingProxyType({preset.name: preset for preset in _ALL})
# what a chip's own target takes when nobody names one
DEFAULTS: Mapping[str, str] = MappingProxyType(
    {"loihi1": "davies2018", "brainscales2": "brainscales2"}
)
UNPUBLISHED: Mapping[str, str] = MappingProxyType(
    {
        "loihi2": "no table of energies per operation is published for Loihi 2",
        "xylo2": "no table of energies per operation was found for Xylo Audio 2",
        "dynapse2": "no table of energies per operation was found for DYNAP-SE2",
    }
)


def energy_preset(name: str) -> EnergyPreset:
    """Return the preset of that name, or of that chip.

    Raises
    ------
    UnsupportedError
        If nothing is published about the chip, with the presets that there are.
    ValidationError
        If there is none; the message lists those that exist.
    """
    known = ", ".join(PRESETS)
    if name in UNPUBLISHED:
        raise UnsupportedError(
            f"energy: {UNPUBLISHED[name]}, so there is no preset; what the same work would take "
            f"elsewhere: {known}"
        )
    found = PRESETS.get(DEFAULTS.get(name, name))
    if found is None:
        raise ValidationError(f"energy preset {name!r} is unknown; known: {known}")
    return found
