"""Design rules: does a quantised network fit a chip? Every violation is listed, not the first."""

from collections.abc import Callable, Iterator

import numpy as np

from hetlava.arrays import AnyArray
from hetlava.chips import ChipSpec
from hetlava.errors import RuleError
from hetlava.fixedpoint import weight_step
from hetlava.neurons.cuba import CubaRegisters
from hetlava.quantised import QuantisedNetwork, QuantisedProjection

Rule = Callable[[QuantisedNetwork, ChipSpec], Iterator[str]]


def outside(label: str, value: AnyArray, low: float, high: float, cure: str) -> Iterator[str]:
    """Yield a sentence if values leave ``low .. high``: count, limit, first one, cure."""
    wrong = np.flatnonzero((value < low) | (value > high))
    if wrong.size:
        first = int(wrong[0])
        yield (
            f"{label}: {wrong.size} of {value.size} outside [{low:g}, {high:g}], "
            f"first {value.flat[first]:g} at neuron {first}; {cure}"
        )


def decays_fit(net: QuantisedNetwork, chip: ChipSpec) -> Iterator[str]:
    """Decay words fit their registers."""
    for p in net.populations:
        du, dv = p.registers.du, p.registers.dv
        cure = "a decay of none or of everything does not fit the register"
        yield from outside(f"{p.name}.du", du, 1 - chip.du_offset, chip.decay_max, cure)
        yield from outside(f"{p.name}.dv", dv, 0, chip.decay_max, cure)


def thresholds_fit(net: QuantisedNetwork, chip: ChipSpec) -> Iterator[str]:
    """Threshold mantissas fit; a readout has none."""
    for p in net.populations:
        if p.registers.spiking:
            cure = "lower v_threshold, or raise the weights"
            yield from outside(f"{p.name}.vth", p.registers.vth, 1, chip.vth_max, cure)


def biases_fit(net: QuantisedNetwork, chip: ChipSpec) -> Iterator[str]:
    """Bias mantissas and exponents fit."""
    for p in net.populations:
        low, high = -chip.bias_mant_max - 1, chip.bias_mant_max
        yield from outside(f"{p.name}.bias_mant", p.registers.bias_mant, low, high, "lower v_leak")
        yield from outside(
            f"{p.name}.bias_exp", p.registers.bias_exp, 0, chip.bias_exp_max, "lower v_leak"
        )


def weights_fit(net: QuantisedNetwork, chip: ChipSpec) -> Iterator[str]:
    """Weights lie on the chip's grid, exponents in their range."""
    for q in net.projections:
        label = f"{q.source} -> {q.target}"
        if not chip.weight_exp_min <= q.weight_exp <= chip.weight_exp_max:
            yield (
                f"{label}: weight_exp {q.weight_exp} outside "
                f"[{chip.weight_exp_min}, {chip.weight_exp_max}]"
            )
        low, high = chip.weight_range(is_mixed(q))
        off = np.count_nonzero((q.weights < low) | (q.weights > high))
        if off:
            yield f"{label}: {off} of {q.weights.size} weights outside [{low}, {high}]"
        step = weight_step(q.weight_bits, is_mixed(q))
        odd = np.count_nonzero(q.weights % step)
        if odd:
            yield f"{label}: {odd} of {q.weights.size} weights are not multiples of {step}"


def neurons_fit(net: QuantisedNetwork, chip: ChipSpec) -> Iterator[str]:
    """There is room for every neuron, decay profile and threshold, one population to a core."""
    cores = sum(_cores(p.registers, chip) for p in net.populations)
    if cores > chip.cores:
        n = sum(p.registers.n for p in net.populations)
        yield f"{n} neurons need at least {cores} cores, {chip.name} has {chip.cores}"


def _cores(registers: CubaRegisters, chip: ChipSpec) -> int:
    need = [_ceil(registers.n, chip.neurons_per_core)]
    if chip.decay_profiles:
        pairs = np.unique(np.stack([registers.du, registers.dv]), axis=1)
        need.append(_ceil(pairs.shape[1], chip.decay_profiles))
    if chip.vth_profiles:
        need.append(_ceil(np.unique(registers.vth).size, chip.vth_profiles))
    return max(need)


def _ceil(n: int, size: int) -> int:
    return -(-n // size)


RULES: tuple[Rule, ...] = (decays_fit, thresholds_fit, biases_fit, weights_fit, neurons_fit)


def is_mixed(projection: QuantisedProjection) -> bool:
    """Tell whether a projection has weights of both signs."""
    return bool(projection.weights.min(initial=0) < 0 < projection.weights.max(initial=0))


def violations(net: QuantisedNetwork, chip: ChipSpec) -> list[str]:
    """Return every violation, each with the name of its rule."""
    return [f"{rule.__name__}: {text}" for rule in RULES for text in rule(net, chip)]


def refuse(chip: ChipSpec, found: list[str]) -> None:
    """Raise if there are violations, listing all.

    Raises
    ------
    RuleError
    """
    if found:
        lines = "".join(f"\n  {text}" for text in found)
        raise RuleError(f"network does not fit {chip.name}:{lines}")
