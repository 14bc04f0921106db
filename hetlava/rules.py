"""Design rules: does a quantised network fit a chip? Every violation is listed, not the first."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from hetlava.arrays import AnyArray
from hetlava.chips import ChipSpec, Sourced
from hetlava.errors import RuleError
from hetlava.fixedpoint import weight_step
from hetlava.neurons.refractory import silence
from hetlava.quantised import QuantisedNetwork
from hetlava.synapses import QuantisedSynapses


@dataclass(frozen=True)
class Violation:
    """A limit that is broken: where, how often, what exactly, and what to do about it."""

    where: str
    count: int
    text: str
    cure: str

    def __str__(self) -> str:
        return f"{self.where}: {self.text}; {self.cure}"


Rule = Callable[[QuantisedNetwork, ChipSpec], Iterator[Violation]]


def outside(
    label: str, value: AnyArray, low: float, high: float, cure: str, *, of: str = "neuron"
) -> Iterator[Violation]:
    """Yield a violation if values leave ``low .. high``: count, limit, first one, cure."""
    wrong = np.flatnonzero((value < low) | (value > high))
    if wrong.size:
        first = int(wrong[0])
        text = (
            f"{wrong.size} of {value.size} outside [{low:g}, {high:g}], "
            f"first {value.flat[first]:g} at {of} {first}"
        )
        yield Violation(label, int(wrong.size), text, cure)


def decays_fit(net: QuantisedNetwork, chip: ChipSpec) -> Iterator[Violation]:
    """Decay words fit their registers."""
    for name, r in net.cuba_words:
        cure = "clip them: the register holds no decay of none or of everything"
        yield from outside(f"{name}.du", r.du, 1 - chip.du_offset, chip.decay_max, cure)
        yield from outside(f"{name}.dv", r.dv, 0, chip.decay_max, cure)
        for word, d in (("du", r.du + chip.du_offset), ("dv", r.dv)):
            # a power of two: its multiples have no bit below it
            off = int(np.count_nonzero(d & (chip.decay_unit - 1)))
            if off:
                text = f"{off} of {d.size} need more than the chip's {chip.decay_bits} decay bits"
                yield Violation(f"{name}.{word}", off, text, "quantise with fewer decay bits")


def thresholds_fit(net: QuantisedNetwork, chip: ChipSpec) -> Iterator[Violation]:
    """Threshold mantissas fit; a readout has none."""
    for name, r in net.cuba_words:
        if r.spiking:
            cure = "lower v_threshold, or raise the weights"
            yield from outside(f"{name}.vth", r.vth, 1, chip.vth_max, cure)


def biases_fit(net: QuantisedNetwork, chip: ChipSpec) -> Iterator[Violation]:
    """Bias mantissas and exponents fit."""
    for name, r in net.cuba_words:
        low, high = -chip.bias_mant_max - 1, chip.bias_mant_max
        yield from outside(f"{name}.bias_mant", r.bias_mant, low, high, "lower v_leak")
        yield from outside(f"{name}.bias_exp", r.bias_exp, 0, chip.bias_exp_max, "lower v_leak")


def spikes_end_as_asked(net: QuantisedNetwork, chip: ChipSpec) -> Iterator[Violation]:
    """The chip can keep neurons silent for so long, and reset them in their way."""
    for p in net.populations:
        cure = "shorten the silence after a spike"
        waits = silence(p.registers)
        yield from outside(f"{p.name}.refractory", waits, 0, chip.refractory_max, cure)
        subtracts = getattr(p.registers, "reset", None) == "subtract"
        if subtracts and not chip.subtract_reset:
            text = f"spikes subtract the threshold, {chip.name} resets to 0 only"
            yield Violation(f"{p.name}.reset", p.registers.n, text, "reset hard, or choose loihi2")


def weights_fit(net: QuantisedNetwork, chip: ChipSpec) -> Iterator[Violation]:
    """Weights lie on the chip's grid, exponents in their range."""
    for q in net.projections:
        label, mixed = f"{q.source} -> {q.target}", is_mixed(q)
        if not chip.weight_exp_min <= q.weight_exp <= chip.weight_exp_max:
            text = (
                f"weight_exp {q.weight_exp} outside [{chip.weight_exp_min}, {chip.weight_exp_max}]"
            )
            yield Violation(label, 1, text, "scale weights and thresholds together")
        low, high = chip.weight_range(mixed)
        off = sum(int(np.count_nonzero((w < low) | (w > high))) for w in q.blocks())
        if off:
            text = f"{off} of {q.weights.size} weights outside [{low}, {high}]"
            yield Violation(label, off, text, "raise weight_exp, or clip them")
        bits = min(q.weight_bits, chip.weight_bits)
        step = weight_step(bits, mixed)
        # a power of two: its multiples have no bit below it, negative ones included
        odd = sum(int(np.count_nonzero(w & (step - 1))) for w in q.blocks())
        if odd and not _fits_scaled(q, step, chip):
            signs = "of both signs" if mixed else "of one sign"
            text = f"{odd} of {q.weights.size} weights are not multiples of {step}"
            cure = f"a chip clears the low bits of {bits}-bit weights {signs}; round them"
            yield Violation(label, odd, text, cure)


def _fits_scaled(q: QuantisedSynapses, step: int, chip: ChipSpec) -> bool:
    """Tell whether larger weights with a smaller exponent, which are the same, are on the grid."""
    least, most, bits = q.span()
    lowest = bits & (step - 1)
    times = step // (lowest & -lowest)
    low, high = chip.weight_range(is_mixed(q))
    inside = low <= least * times and most * times <= high
    return inside and q.weight_exp - times.bit_length() + 1 >= chip.weight_exp_min


def delays_fit(net: QuantisedNetwork, chip: ChipSpec) -> Iterator[Violation]:
    """Delays are no longer than the chip's longest."""
    for q in net.projections:
        if q.all_delays is not None:
            label = f"{q.source} -> {q.target}.delays"
            cure = "shorten them, or insert neurons that only pass spikes on"
            of = "neuron" if q.synaptic_delays is None else "synapse"
            yield from outside(label, q.all_delays, 0, chip.delay_max, cure, of=of)


def messages_fit(net: QuantisedNetwork, chip: ChipSpec) -> Iterator[Violation]:
    """Spikes carry no wider numbers than the chip's can."""
    for q in net.projections:
        if q.message_bits > chip.message_bits:
            room = f"at most {chip.message_bits} bits" if chip.message_bits else "no numbers"
            text = f"is sent numbers of {q.message_bits} bits, spikes of {chip.name} carry {room}"
            cure = "train on an encoder that gives spikes, as mnist:rate, or choose loihi2"
            yield Violation(f"{q.source} -> {q.target}", q.shape[1], text, cure)


def neurons_fit(net: QuantisedNetwork, chip: ChipSpec) -> Iterator[Violation]:
    """There is room for every neuron, decay profile and threshold; populations may share cores."""
    cores = _cores(net, chip)
    if cores > chip.cores:
        n = sum(p.registers.n for p in net.populations)
        text = f"{n} neurons need at least {cores} cores, {chip.name} has {chip.cores}"
        yield Violation(
            "network", n, text, "use fewer neurons, decays or thresholds, or more chips"
        )


def _cores(net: QuantisedNetwork, chip: ChipSpec) -> int:
    """Return the cores that neurons, profiles and thresholds need whatever the placement."""
    need = [_ceil(sum(p.registers.n for p in net.populations), chip.neurons_per_core)]
    cuba = [r for _, r in net.cuba_words]
    if chip.decay_profiles and cuba:
        waits = {p.name: silence(p.registers) for p in net.populations}
        parts = [np.stack([r.du, r.dv, waits[name]]) for name, r in net.cuba_words]
        profiles = np.unique(np.concatenate(parts, axis=1), axis=1).shape[1]
        need.append(_ceil(profiles, chip.decay_profiles))
    if chip.vth_profiles and cuba:
        thresholds = np.unique(np.concatenate([r.vth for r in cuba])).size
        need.append(_ceil(thresholds, chip.vth_profiles))
    return max(need)


def _ceil(n: int, size: int) -> int:
    return -(-n // size)


RULES: tuple[Rule, ...] = (
    decays_fit,
    thresholds_fit,
    biases_fit,
    spikes_end_as_asked,
    weights_fit,
    delays_fit,
    messages_fit,
    neurons_fit,
)


def is_mixed(projection: QuantisedSynapses) -> bool:
    """Tell whether a projection has weights of both signs."""
    low, high, _ = projection.span()
    return low < 0 < high


def violations(net: QuantisedNetwork, chip: ChipSpec) -> list[str]:
    """Return every violation, each with the name of its rule."""
    return [f"{rule.__name__}: {text}" for rule in RULES for text in rule(net, chip)]


def refuse(chip: Sourced, found: Sequence[str | Violation]) -> None:
    """Raise if there are violations, listing all.

    Raises
    ------
    RuleError
    """
    if found:
        lines = "".join(f"\n  {text}" for text in found)
        raise RuleError(f"network does not fit {chip.name}:{lines}")
