"""What ails a quantised network, told from its numbers alone, before anything runs."""

from dataclasses import replace

from hetlava.bounds import bounds
from hetlava.chips import ChipSpec
from hetlava.doctor import activity, adaptation, lava_dl, registers, wiring
from hetlava.doctor.findings import SEVERITIES, Case, Finding, Rule, Severity
from hetlava.quantised import QuantisedNetwork

__all__ = ["RULES", "SEVERITIES", "Finding", "Severity", "examine"]

RULES: tuple[Rule, ...] = (
    registers.chip_limits,
    lava_dl.weights_as_trained,
    lava_dl.layers_as_trained,
    lava_dl.thresholds_as_trained,
    registers.leak_exists,
    registers.memory_exists,
    registers.time_constants_resolved,
    registers.words_kept,
    registers.silence_ends,
    registers.truncation_small,
    adaptation.adaptation_ends,
    adaptation.adapting_neurons_rest,
    adaptation.adapting_voltages_leak,
    wiring.weights_exist,
    wiring.input_reaches,
    wiring.output_is_reached,
    activity.neurons_can_spike,
    activity.neurons_can_rest,
    activity.sums_fit,
    activity.currents_stay,
    activity.voltages_stay,
)


def examine(net: QuantisedNetwork, chip: ChipSpec) -> tuple[Finding, ...]:
    """Return what is wrong with a network on a chip, the worst first; nothing is run.

    What is said about states holds for any input from rest: see :mod:`hetlava.bounds`.
    """
    case = Case(net, chip, bounds(net))
    found = [
        replace(finding, rule=finding.rule or rule.__name__)
        for rule in RULES
        for finding in rule(case)
    ]
    return tuple(sorted(found, key=lambda finding: SEVERITIES.index(finding.severity)))
