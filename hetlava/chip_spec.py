"""What a table of a chip is made of: numbers, each with its source and how far to trust it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import ClassVar, Literal, NamedTuple

from hetlava.errors import ValidationError
from hetlava.fixedpoint import (
    DECAY_BITS,
    MESSAGE_BITS_MAX,
    STATE_BITS,
    STATE_SHIFT,
    WEIGHT_BITS,
    weight_step,
)

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
    headline : tuple of str
        The limits that a list of chips shows.
    """

    headline: ClassVar[tuple[str, ...]] = ()

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


class _Limit(NamedTuple):
    """What a number of a digital chip means, and the range that hetlava computes exactly."""

    meaning: str
    low: int
    high: int

    def allowed(self) -> str:
        """Return the range in words."""
        if self.high == _ANY:
            return f"at least {self.low}"
        return str(self.low) if self.low == self.high else f"{self.low} .. {self.high}"


_ANY = 1 << 62
_LIMITS: Mapping[str, _Limit] = MappingProxyType(
    {
        # the arithmetic of hetlava.fixedpoint, which is Loihi's
        "state_bits": _Limit("width of u and v [bit]", STATE_BITS, STATE_BITS),
        "state_shift": _Limit("bits of the state below a weight's unit", STATE_SHIFT, STATE_SHIFT),
        "decay_bits": _Limit("width of a decay word [bit]", 1, DECAY_BITS),
        "du_offset": _Limit("what the chip adds to the register du", 1, 1),
        "vth_bits": _Limit("width of a threshold mantissa [bit]", 1, 17),
        "bias_mant_bits": _Limit("width of a bias mantissa with its sign [bit]", 1, 16),
        "bias_exp_max": _Limit("largest exponent of a bias", 0, 15),
        "weight_bits": _Limit("width of a weight's magnitude [bit]", 1, WEIGHT_BITS),
        "weight_exp_min": _Limit("smallest exponent of a projection", -16, 16),
        "weight_exp_max": _Limit("largest exponent of a projection", -16, 16),
        "delay_max": _Limit("largest delay beyond the step that all take [step]", 0, 62),
        "refractory_max": _Limit("longest silence after a spike [step]", 0, 62),
        "subtract_reset": _Limit("1 where a spike can subtract the threshold, else 0", 0, 1),
        "message_bits": _Limit("number that a spike carries [bit]; 0: none", 0, MESSAGE_BITS_MAX),
        "neurons_per_core": _Limit("neurons of a core", 1, _ANY),
        "cores": _Limit("cores of a chip", 1, _ANY),
        "decay_profiles": _Limit("distinct (du, dv, silence) a core; 0: one per neuron", 0, _ANY),
        "vth_profiles": _Limit("distinct thresholds of a core; 0: one per neuron", 0, _ANY),
        "synapse_memory": _Limit("memory for synapses of a core [bit]; 0: no limit", 0, _ANY),
        "synapse_block": _Limit("synapses of one source that share a header", 1, _ANY),
        "synapse_header": _Limit("header of such a block [bit]", 0, _ANY),
        "memory_word": _Limit("blocks are rounded up to words of so many bits", 1, _ANY),
        "index_bits_min": _Limit("least index of a synapse to some neurons only [bit]", 0, 64),
        "input_axons": _Limit("sources that a core listens to; 0: no limit", 0, _ANY),
        "output_axons": _Limit("(neuron, target core) pairs of a core; 0: no limit", 0, _ANY),
    }
)
MEANINGS: Mapping[str, str] = MappingProxyType({k: v.meaning for k, v in _LIMITS.items()})


def contradictions(name: str, numbers: Mapping[str, int]) -> Iterator[str]:
    """Yield everything that is impossible about the numbers of a digital chip."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", name):
        yield f"name: {name!r:.80} is no word of letters, digits, '.', '-' and '_'"
    for key, limit in _LIMITS.items():
        if not limit.low <= numbers[key] <= limit.high:
            yield f"{key}: {numbers[key]} ({limit.meaning}), possible: {limit.allowed()}"
    if numbers["weight_exp_min"] > numbers["weight_exp_max"]:
        yield (
            f"weight_exp_min: {numbers['weight_exp_min']} is above weight_exp_max "
            f"{numbers['weight_exp_max']}"
        )
    word = max(numbers["memory_word"], 1)
    least = -(-(numbers["synapse_header"] + numbers["weight_bits"]) // word) * word
    if 0 < numbers["synapse_memory"] < least:
        yield (
            f"synapse_memory: {numbers['synapse_memory']} bits hold no synapse, which takes {least}"
        )


@dataclass(frozen=True, kw_only=True)
class ChipSpec(Sourced):
    """Widths and limits of a digital chip whose neurons are those of a Loihi core.

    Attributes
    ----------
    state_bits, decay_bits, vth_bits, weight_bits : int
        Widths [bit] of u and v, of the decay words, of the threshold mantissa, of a weight's
        magnitude. Narrower decays and weights stand in the upper bits of Loihi's, as its own do.
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
    refractory_max : int
        Longest silence after a spike [steps].
    subtract_reset : int
        1 where a spike can subtract the threshold from the voltage, 0 where it only resets to 0.
    message_bits : int
        Width of the number that a graded spike carries [bit]; 0 where spikes carry none.
    neurons_per_core, cores : int
        Size.
    decay_profiles, vth_profiles : int
        Distinct (du, dv, silence) and thresholds that one core can hold; 0 means one per neuron.
    synapse_memory : int
        Memory for synapses of a core [bit].
    synapse_block, synapse_header, memory_word, index_bits_min : int
        How synapses are stored: those that one source has on a core stand in blocks of
        ``synapse_block``, each with a header [bit] and rounded up to words [bit]. Synapses to some
        of the neurons only carry an index of at least ``index_bits_min``.
    input_axons, output_axons : int
        Sources that a core can listen to, and (neuron, target core) pairs that it can send to.
    """

    headline: ClassVar[tuple[str, ...]] = ("cores", "neurons_per_core", "decay_profiles")

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
    refractory_max: int
    subtract_reset: int
    message_bits: int
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

    def __post_init__(self) -> None:
        super().__post_init__()
        numbers = {name: getattr(self, name) for name in self.limits()}
        wrong = "".join(f"\n  {text}" for text in contradictions(self.name, numbers))
        if wrong:
            raise ValidationError(f"chip {self.name} is impossible:{wrong}")

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
        """Largest decay word, in the unit of 12-bit words; narrower ones lack the lowest bits."""
        return (1 << DECAY_BITS) - self.decay_unit

    @property
    def decay_unit(self) -> int:
        """Distance of neighbouring decay words, in the unit of 12-bit words."""
        return 1 << (DECAY_BITS - self.decay_bits)

    def weight_range(self, mixed: bool) -> tuple[int, int]:
        """Return the smallest and largest weight of a projection of mixed or of one sign."""
        full, step = 1 << WEIGHT_BITS, weight_step(self.weight_bits, mixed)
        return (-full, full - step) if mixed else (step - full, full - step)
