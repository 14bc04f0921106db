"""What is wrong with the numbers in the registers, one by one."""

from collections.abc import Iterator, Mapping

import numpy as np

from hetlava.arrays import AnyArray
from hetlava.budget import truncation_leak
from hetlava.doctor.findings import Case, Finding, listed, neurons
from hetlava.fixedpoint import DECAY_BITS, STATE_SHIFT
from hetlava.neurons.cuba import CubaRegisters
from hetlava.neurons.refractory import silence
from hetlava.rules import RULES as CHIP_RULES

COARSE_WORD = 10  # rounding a smaller decay word by half a unit changes it by more than 5 %
LEAK = 0.01  # relative error of the decay above which truncation is worth a warning


def chip_limits(case: Case) -> Iterator[Finding]:
    """Everything fits the registers of the chip."""
    for rule in CHIP_RULES:
        for v in rule(case.net, case.chip):
            yield Finding(
                severity="error",
                rule=rule.__name__,
                where=v.where,
                count=v.count,
                text=v.text,
                cure=v.cure,
            )


def leak_exists(case: Case) -> Iterator[Finding]:
    """Voltages leak."""
    for name, r in case.net.cuba_words:
        text = "decay word 0: the voltage never leaks, and adds up its input for ever"
        cure = "a larger dt or a shorter tau_mem, unless integrators are meant"
        yield from neurons("warning", f"{name}.dv", r.dv == 0, text, cure)


def memory_exists(case: Case) -> Iterator[Finding]:
    """States last longer than one step."""
    for name, r in case.net.cuba_words:
        for word, d in _words(r):
            text = (
                f"the largest decay words, {case.chip.decay_max} and above: next to nothing is kept"
            )
            cure = "a smaller dt or a longer time constant, unless this is meant"
            yield from neurons("note", f"{name}.{word}", d >= case.chip.decay_max, text, cure)


def time_constants_resolved(case: Case) -> Iterator[Finding]:
    """Decay words are large enough to tell time constants apart."""
    for name, r in case.net.cuba_words:
        for word, d in _words(r):
            coarse = (d > 0) & (d < COARSE_WORD)
            if np.any(coarse):
                smallest = int(d[coarse].min())
                text = (
                    f"decay words below {COARSE_WORD}, the smallest {smallest}: "
                    f"{DECAY_BITS} bits resolve them to {50 / smallest:.2g} % only"
                )
                cure = "a larger dt, or shorter time constants"
                yield from neurons("warning", f"{name}.{word}", coarse, text, cure)


def words_kept(case: Case) -> Iterator[Finding]:
    """Rounding moved no decay word to fit its register."""
    for row in listed(case, "budget"):
        if not isinstance(row, Mapping):
            continue
        for key, end, cure in (
            ("dead_words", "0, and were set to 1", "a larger dt, or shorter time constants"),
            ("saturated_words", "above the register", "a smaller dt, or longer time constants"),
        ):
            count = row.get(key)
            if isinstance(count, int) and count > 0:
                text = f"{count} decays rounded to {end}"
                where = str(row.get("name", "budget"))
                yield Finding(severity="warning", where=where, count=count, text=text, cure=cure)


def silence_ends(case: Case) -> Iterator[Finding]:
    """Neurons can spike more than once in a sample."""
    for p in case.net.populations:
        text = f"silent for so long that no second spike fits in {case.net.n_steps} steps"
        cure = "shorten the silence, unless one spike a sample is meant"
        waits = silence(p.registers)
        long = (waits > 0) & (waits >= case.net.n_steps - 1)
        yield from neurons("note", f"{p.name}.refractory", long, text, cure)


def truncation_small(case: Case) -> Iterator[Finding]:
    """Truncating the voltage adds little to its leak."""
    for name, r in case.net.cuba_words:
        if not r.spiking:
            continue
        half = r.vth * float(1 << STATE_SHIFT) / 2
        leak = truncation_leak(np.maximum(r.dv, 1), half)
        large = (leak > LEAK) & (r.dv > 0)
        if np.any(large):
            text = (
                "truncating the voltage changes its decay at half threshold by up to "
                f"{100 * leak[large].max():.2g} %"
            )
            cure = "larger weights and thresholds: export with --no-netx"
            yield from neurons("warning", f"{name}.v", large, text, cure)


def _words(r: CubaRegisters) -> tuple[tuple[str, AnyArray], tuple[str, AnyArray]]:
    """Return the decays as the core applies them, by the name of their register."""
    return ("du", r.du + 1), ("dv", r.dv)
