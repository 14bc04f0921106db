"""The chips that hetlava knows: Loihi's tables, and where those of others are found."""

from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from types import MappingProxyType

from hetlava.chip_spec import ChipSpec as ChipSpec
from hetlava.chip_spec import Source as Source
from hetlava.chip_spec import Sourced as Sourced
from hetlava.chip_spec import Status as Status
from hetlava.errors import ValidationError

LAVA = "lava-nc 0.10.0, bit-accurate LIF and Dense models"
NENGO_LOIHI = "nengo-loihi e564f66, block.py, hardware/builder.py and allocators.py"
BRIAN2_LOIHI = "brian2-loihi 9ac5842, loihi_synapses.py"
LOIHI2_PAGE = "open-neuromorphic.org, Loihi 2 page"
LOIHI2_BRIEF = "Intel's technology brief of Loihi 2 (2021)"

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

# their register is one more than the steps of silence
_SILENCE = f"{NENGO_LOIHI}: refract_delay 1 to 63; brian2-loihi up to 64; one is none"
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
    refractory_max=62,
    subtract_reset=0,
    message_bits=0,
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
        "refractory_max": Source(_SILENCE, "verified"),
        "subtract_reset": Source("both emulators reset to 0; no other is published", "assumed"),
        "message_bits": Source(f"{LOIHI2_BRIEF}: Loihi's spikes are binary", "secondary"),
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
    subtract_reset=1,
    message_bits=32,
    neurons_per_core=8192,
    cores=120,
    decay_profiles=0,
    vth_profiles=0,
    sources=_VERIFIED_WIDTHS
    | {name: Source(_AS_LOIHI1, "assumed") for name in _CORE_MEMORY}
    | {
        "refractory_max": Source(_AS_LOIHI1, "assumed"),
        "subtract_reset": Source(
            f"{LOIHI2_BRIEF}: neurons are programmed; that they can subtract is a guess", "assumed"
        ),
        "message_bits": Source(f"{LOIHI2_BRIEF}: integers of up to 32 bits", "secondary"),
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
# of other kinds, by name, so that nothing loads until asked for
OTHERS: Mapping[str, str] = MappingProxyType(
    {
        "brainscales2": "hetlava.chip_analog:BRAINSCALES2",
        "dynapse2": "hetlava.chip_analog:DYNAPSE2",
        "xylo2": "hetlava.chip_xylo:XYLO2",
    }
)


def described(name: str) -> Sourced:
    """Return the table of a listed chip of any kind.

    Raises
    ------
    ValidationError
        If there is none; the message lists those that exist.
    """
    if name in CHIPS:
        return CHIPS[name]
    if name not in OTHERS:
        raise ValidationError(f"chip {name!r} is unknown; known: {', '.join((*CHIPS, *OTHERS))}")
    module, constant = OTHERS[name].split(":")
    found: Sourced = getattr(import_module(module), constant)
    return found


def chip(name: str) -> ChipSpec:
    """Return the digital chip of that name, one whose neurons are those of a Loihi core.

    Raises
    ------
    ValidationError
        If there is none; the message lists those that exist.
    """
    if name not in CHIPS:
        kind = "has other neurons than a Loihi core" if name in OTHERS else "is unknown"
        raise ValidationError(f"chip {name!r} {kind}; known: {', '.join(CHIPS)}")
    return CHIPS[name]
