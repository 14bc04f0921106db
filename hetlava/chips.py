"""Chips as data: a frozen table of widths and limits, every number with source and status."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import Literal

from hetlava.errors import ValidationError

Status = Literal["verified", "secondary", "assumed"]

LAVA = "lava-nc 0.10.0, bit-accurate LIF and Dense models"
NENGO_LOIHI = "nengo-loihi e564f66, block.py, hardware/builder.py and allocators.py"
BRIAN2_LOIHI = "brian2-loihi 9ac5842, loihi_synapses.py"
LOIHI2_PAGE = "open-neuromorphic.org, Loihi 2 page"


@dataclass(frozen=True)
class Source:
    """Where a number comes from and how far it can be trusted.

    ``verified``: read in public code or measured; ``secondary``: someone quoting a paper;
    ``assumed``: nothing is published, the value is arithmetic on public figures or a guess.
    """

    text: str
    status: Status


@dataclass(frozen=True, kw_only=True)
class Sourced:
    """Numbers about a chip, each with its source: what tables of chips of every kind share.

    Attributes
    ----------
    name : str
        Short name, used in files.
    sources : mapping of field name to Source
        One entry for every field that a subclass adds.
    """

    name: str
    sources: Mapping[str, Source] = field(repr=False)

    def __post_init__(self) -> None:
        numbers = set(self.limits())
        missing, unknown = numbers - self.sources.keys(), self.sources.keys() - numbers
        if missing or unknown:
            raise ValidationError(
                f"chip {self.name}: sources missing for {sorted(missing)}, "
                f"given for unknown fields {sorted(unknown)}"
            )
        object.__setattr__(self, "sources", MappingProxyType(dict(self.sources)))

    @classmethod
    def limits(cls) -> tuple[str, ...]:
        """Return the names of the fields that hold numbers, in their order."""
        return tuple(f.name for f in fields(cls) if f.name not in ("name", "sources"))


@dataclass(frozen=True, kw_only=True)
class ChipSpec(Sourced):
    """Widths and limits of a digital chip whose neurons are those of a Loihi core.

    Attributes
    ----------
    state_bits, decay_bits, vth_bits, weight_bits : int
        Widths [bit] of u and v, of the decay words, of the threshold mantissa, of a weight's
        magnitude.
    state_shift : int
        Weights, thresholds and biases stand this many bits above the unit of the state.
    du_offset : int
        What the chip adds to the register ``du``; ``dv`` gets nothing.
    bias_mant_bits, bias_exp_max : int
        Width of the signed bias mantissa [bit] and the largest exponent.
    weight_exp_min, weight_exp_max : int
        Range of a projection's exponent.
    delay_max : int
        Largest synaptic delay [steps] beyond the one that every synapse has.
    neurons_per_core, cores : int
        Size.
    decay_profiles, vth_profiles : int
        Distinct (du, dv) pairs and thresholds that one core can hold; 0 means one per neuron.
    synapse_memory : int
        Memory for synapses of a core [bit].
    synapse_block, synapse_header, memory_word, index_bits_min : int
        How synapses are stored: those that one source has on a core stand in blocks of
        ``synapse_block``, each with a header [bit] and rounded up to words [bit]. Synapses to some
        of the neurons only carry an index of at least ``index_bits_min``.
    input_axons, output_axons : int
        Sources that a core can listen to, and (neuron, target core) pairs that it can send to.
    """

    state_bits: int
    state_shift: int
    decay_bits: int
    du_offset: int
    vth_bits: int
    bias_mant_bits: int
    bias_exp_max: int
    weight_bits: int
    weight_exp_min: int
    weight_exp_max: int
    delay_max: int
    neurons_per_core: int
    cores: int
    decay_profiles: int
    vth_profiles: int
    synapse_memory: int
    synapse_block: int
    synapse_header: int
    memory_word: int
    index_bits_min: int
    input_axons: int
    output_axons: int

    @property
    def vth_max(self) -> int:
        """Largest threshold mantissa."""
        return (1 << self.vth_bits) - 1

    @property
    def bias_mant_max(self) -> int:
        """Largest bias mantissa; the smallest is ``-bias_mant_max - 1``."""
        return (1 << (self.bias_mant_bits - 1)) - 1

    @property
    def decay_max(self) -> int:
        """Largest decay word that fits the register."""
        return (1 << self.decay_bits) - 1

    def weight_range(self, mixed: bool) -> tuple[int, int]:
        """Return the smallest and largest weight of a projection of mixed or of one sign."""
        full = 1 << self.weight_bits
        return (-full, full - 2) if mixed else (1 - full, full - 1)


_VERIFIED_WIDTHS = {
    "state_bits": Source(LAVA, "verified"),
    "state_shift": Source(LAVA, "verified"),
    "decay_bits": Source(LAVA, "verified"),
    "du_offset": Source(LAVA, "verified"),
    "vth_bits": Source(f"{LAVA}; {NENGO_LOIHI}", "verified"),
    "bias_mant_bits": Source(LAVA, "verified"),
    "bias_exp_max": Source(f"{LAVA}; {NENGO_LOIHI}", "verified"),
    "weight_bits": Source(f"{LAVA}; {BRIAN2_LOIHI}", "verified"),
    "delay_max": Source(BRIAN2_LOIHI, "verified"),
}

_STORED = f"{NENGO_LOIHI}: bits of an axon with n synapses"
_CORE_MEMORY = {
    "synapse_memory": Source(f"{NENGO_LOIHI}: 16384 words of 64 bits", "verified"),
    "synapse_block": Source(f"{_STORED}: blocks of at most 64", "verified"),
    "synapse_header": Source(f"{_STORED}: 4 bits of format, 6 bits of length", "verified"),
    "memory_word": Source(f"{_STORED}: rounded up to 64", "verified"),
    "index_bits_min": Source(f"{NENGO_LOIHI}: 0 or 6 to 12 bits", "verified"),
    "input_axons": Source(NENGO_LOIHI, "verified"),
    "output_axons": Source(NENGO_LOIHI, "verified"),
}
_AS_LOIHI1 = "as Loihi 1; nothing published for Loihi 2"

LOIHI1 = ChipSpec(
    name="loihi1",
    state_bits=24,
    state_shift=6,
    decay_bits=12,
    du_offset=1,
    vth_bits=17,
    bias_mant_bits=13,
    bias_exp_max=7,
    weight_bits=8,
    weight_exp_min=-7,
    weight_exp_max=7,
    delay_max=62,
    neurons_per_core=1024,
    cores=128,
    decay_profiles=31,
    vth_profiles=7,
    synapse_memory=16384 * 64,
    synapse_block=64,
    synapse_header=10,
    memory_word=64,
    index_bits_min=6,
    input_axons=4096,
    output_axons=4096,
    sources=_VERIFIED_WIDTHS
    | _CORE_MEMORY
    | {
        "weight_exp_min": Source(f"{NENGO_LOIHI}; brian2-loihi allows -8", "verified"),
        "weight_exp_max": Source(NENGO_LOIHI, "verified"),
        "neurons_per_core": Source(NENGO_LOIHI, "verified"),
        "cores": Source(NENGO_LOIHI, "verified"),
        "decay_profiles": Source(
            f"{NENGO_LOIHI}: validate_core allows 32, build_core asserts < 32; the stricter",
            "verified",
        ),
        "vth_profiles": Source(
            f"{NENGO_LOIHI}: validate_core allows 16, build_core asserts < 8; the stricter",
            "verified",
        ),
    },
)

LOIHI2 = replace(
    LOIHI1,
    name="loihi2",
    neurons_per_core=8192,
    cores=120,
    decay_profiles=0,
    vth_profiles=0,
    sources=_VERIFIED_WIDTHS
    | {name: Source(_AS_LOIHI1, "assumed") for name in _CORE_MEMORY}
    | {
        "weight_exp_min": Source(_AS_LOIHI1, "assumed"),
        "weight_exp_max": Source(_AS_LOIHI1, "assumed"),
        "neurons_per_core": Source(LOIHI2_PAGE, "secondary"),
        "cores": Source(f"{LOIHI2_PAGE}: 128, of which papers report 120 usable", "secondary"),
        "decay_profiles": Source(
            "a decay can be a state word of a micro-coded neuron: one per neuron, +8 bytes; "
            "arithmetic on public figures",
            "assumed",
        ),
        "vth_profiles": Source("a state word, as the decays", "assumed"),
        "synapse_memory": Source(
            f"{LOIHI2_PAGE}: 192 KB a core for everything; 128 KiB of synapses leave 16 bytes of "
            "state for each of 4096 neurons",
            "assumed",
        ),
    },
)

CHIPS: Mapping[str, ChipSpec] = MappingProxyType({c.name: c for c in (LOIHI1, LOIHI2)})


def chip(name: str) -> ChipSpec:
    """Return the chip of that name.

    Raises
    ------
    ValidationError
        If there is none; the message lists those that exist.
    """
    if name not in CHIPS:
        raise ValidationError(f"chip {name!r} is unknown; known: {', '.join(CHIPS)}")
    return CHIPS[name]
