"""What a table of a chip is made of: numbers, each with its source and how far to trust it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Literal

from hetlava.errors import ValidationError

Status = Literal["verified", "secondary", "assumed"]


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
