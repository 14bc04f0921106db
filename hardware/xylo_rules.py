"""Does a network fit a Xylo chip? Its structure, the ranges of its words, the order of messages."""

from collections.abc import Callable, Iterator

import numpy as np

from hetlava.chip_xylo import XyloSpec
from hetlava.graph import INPUT
from hetlava.neurons.xylo import XyloRegisters
from hetlava.quantised import QuantisedNetwork
from hetlava.rules import Violation, outside
from hetlava.synapses import QuantisedProjection

Rule = Callable[[QuantisedNetwork, XyloSpec], Iterator[Violation]]

INPUT_GROUP, HIDDEN_GROUP, OUTPUT_GROUP = "input", "recurrent", "output"


def group_of(source: str, target: str, output: str) -> str:
    """Return which of the chip's three groups of weights a projection belongs to."""
    if target == output:
        return OUTPUT_GROUP
    return INPUT_GROUP if source == INPUT else HIDDEN_GROUP


def neurons_fit(net: QuantisedNetwork, chip: XyloSpec) -> Iterator[Violation]:
    """Room for every neuron, all of the chip's model."""
    hidden = sum(p.registers.n for p in net.populations if p.name != net.output)
    out = net.population(net.output).registers.n
    for what, n, most in (
        ("inputs", net.n_inputs, chip.inputs),
        ("hidden neurons", hidden, chip.hidden),
        ("output neurons", out, chip.outputs),
    ):
        if n > most:
            yield Violation("network", n, f"{n} {what}, the chip has {most}", f"use fewer {what}")
    for p in net.populations:
        if not isinstance(p.registers, XyloRegisters):
            text = f"neurons of the model {p.registers.model!r}, the chip has 'xylo'"
            yield Violation(p.name, p.registers.n, text, "quantise the float network for it")
            continue
        most = chip.output_spikes_max if p.name == net.output else chip.hidden_spikes_max
        if p.registers.spikes_max != most:
            text = f"spikes_max {p.registers.spikes_max}, the chip's is {most} there"
            yield Violation(p.name, p.registers.n, text, "set it")
        if p.reset_interval:
            yield Violation(p.name, 1, "is set to rest at intervals", "leave out reset_interval")


def wires_fit(net: QuantisedNetwork, chip: XyloSpec) -> Iterator[Violation]:
    """The input leads to hidden neurons, these to each other and to the output, and no further."""
    seen = set()
    for q in net.projections:
        label = f"{q.source} -> {q.target}"
        if q.source == INPUT and q.target == net.output:
            yield Violation(label, 1, "the chip has no synapses from input to output", "add hidden")
        if q.source == net.output:
            yield Violation(label, 1, "output neurons have no synapses", "take a hidden population")
        if (q.source, q.target) in seen:
            yield Violation(label, 1, "is there twice", "add their weights")
        seen.add((q.source, q.target))
        if not isinstance(q, QuantisedProjection):
            yield Violation(label, 1, "is no matrix", "write it as one, zeros included")
        if q.all_delays is not None:
            yield Violation(label, 1, "has delays, the chip has none", "take a network without")


def weights_fit(net: QuantisedNetwork, chip: XyloSpec) -> Iterator[Violation]:
    """Weights are signed words, the shift of a group is shared, messages count spikes."""
    full = 1 << (chip.weight_bits - 1)
    shifts: dict[str, set[int]] = {}
    for q in net.projections:
        label = f"{q.source} -> {q.target}"
        off = sum(int(np.count_nonzero((w < -full) | (w >= full))) for w in q.blocks())
        if off:
            text = f"{off} of {q.weights.size} weights outside [{-full}, {full - 1}]"
            yield Violation(label, off, text, "scale weights and thresholds together")
        shifts.setdefault(group_of(q.source, q.target, net.output), set()).add(q.weight_exp)
        most = chip.input_spikes_max if q.source == INPUT else chip.hidden_spikes_max
        if q.message_bits < most.bit_length():
            text = f"message_bits {q.message_bits}, up to {most} spikes come in a step"
            yield Violation(label, 1, text, f"set {most.bit_length()}")
    for group, found in shifts.items():
        if len(found) > 1:
            text = f"weight_exp {sorted(found)}, the chip has one for all of them"
            yield Violation(f"{group} weights", len(found), text, "give them one")
        label = f"{group} weights.weight_exp"
        cure = "scale weights and thresholds together"
        yield from outside(label, np.array(sorted(found)), 0, chip.weight_shift_max, cure)


def order_fits(net: QuantisedNetwork, chip: XyloSpec) -> Iterator[Violation]:
    """Messages are added from the input first, then neuron by neuron: saturation depends on it."""
    rank = {INPUT: -1} | {p.name: k for k, p in enumerate(net.populations)}
    for p in net.populations:
        ranks = [rank[q.source] for q in net.projections if q.target == p.name]
        if ranks != sorted(ranks):
            text = "its projections are not in the order of their sources, the input first"
            yield Violation(p.name, 1, text, "put them in that order")


RULES: tuple[Rule, ...] = (neurons_fit, wires_fit, weights_fit, order_fits)


def violations(net: QuantisedNetwork, chip: XyloSpec) -> tuple[Violation, ...]:
    """Return every violation."""
    return tuple(found for rule in RULES for found in rule(net, chip))
