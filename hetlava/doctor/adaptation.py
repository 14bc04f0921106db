"""What is wrong with thresholds that adapt and refractory states that follow them."""

from collections.abc import Iterator

import numpy as np

from hetlava.doctor.findings import Case, Finding, neurons
from hetlava.neurons.adaptive import AdaptiveRegisters, AlifRegisters

CURE = "a larger decay word, a shorter time constant or a larger dt"


def adaptation_ends(case: Case) -> Iterator[Finding]:
    """What a spike raises comes down again."""
    for name, r in _adaptive(case):
        rises = (r.dth == 0) & (r.vth_step > 0)
        text = "decay word 0: the threshold rises with every spike and never comes back"
        yield from neurons("warning", f"{name}.dth", rises, text, CURE)
        text = "decay word 0: what spikes add to the refractory state stays, until it silences them"
        yield from neurons("warning", f"{name}.dr", (r.dr == 0) & (r.vth > 0), text, CURE)


def adapting_neurons_rest(case: Case) -> Iterator[Finding]:
    """Neurons that adapt stay silent without input."""
    for name, r in _adaptive(case):
        text = "threshold 0, which the resting state has reached: they spike without any input"
        cure = "raise the threshold"
        reached = np.zeros(r.n, np.bool_) if r.model == "adrf" else r.vth == 0
        yield from neurons("warning", name, reached, text, cure)


def adapting_voltages_leak(case: Case) -> Iterator[Finding]:
    """Voltages of integrators that adapt leak; no spike resets them."""
    for name, r in _adaptive(case):
        if isinstance(r, AlifRegisters):
            text = "decay word 0: the voltage never leaks and no spike resets it"
            yield from neurons("warning", f"{name}.dv", r.dv == 0, text, CURE)


def _adaptive(case: Case) -> Iterator[tuple[str, AdaptiveRegisters]]:
    for p in case.net.populations:
        if isinstance(p.registers, AdaptiveRegisters):
            yield p.name, p.registers
