"""What states can and cannot reach, whatever the input: silence, din, words that wrap or clip."""

from collections.abc import Iterator

import numpy as np

from hetlava.arrays import Float, Int64
from hetlava.bounds import HALF, LIMIT, UNBOUNDED, steady
from hetlava.doctor.findings import Case, Finding, Severity, neurons
from hetlava.fixedpoint import STATE_SHIFT, bias_value

PLAUSIBLE = 0.1  # part of the worst input, lasting, that real input may come near


def neurons_can_spike(case: Case) -> Iterator[Finding]:
    """No neuron is silent whatever the input."""
    for p, b in case.populations():
        text = "can never spike, whatever the input"
        if np.any(b.never):
            k = int(np.argmax(b.never))
            text += f": neuron {k} reaches v = {b.v_high[k]} at most, "
            text += f"its threshold is {p.cuba.vth[k] << STATE_SHIFT}"
        severity: Severity = "error" if np.all(b.never) else "warning"
        cure = "lower its threshold, raise its weights or its bias, or remove it"
        yield from neurons(severity, p.name, b.never, text, cure)


def neurons_can_rest(case: Case) -> Iterator[Finding]:
    """No neuron spikes at every step whatever the input."""
    for p, b in case.populations():
        text = "spikes at every step, whatever the input: its bias alone is above the threshold"
        cure = "lower its bias, or raise its threshold"
        yield from neurons("warning", p.name, b.always, text, cure)


def sums_fit(case: Case) -> Iterator[Finding]:
    """The sum of the inputs stays within 32 bits."""
    for _, b in case.populations():
        if np.any(b.overflows):
            worst = int(max(b.drive_high.max(), -b.drive_low.min()))
            text = f"the input of one step can reach {worst:.3g} and overflows 32 bits"
            cure = "lower weight_exp"
            yield from neurons("warning", f"{b.name}.u", b.overflows, text, cure)


def currents_stay(case: Case) -> Iterator[Finding]:
    """The current does not wrap to the other sign."""
    for p, b in case.populations():
        d = p.cuba.du.astype(np.int64) + 1
        worst = _largest(b.drive_low, b.drive_high, d)
        text = (
            f"can leave {-HALF} .. {HALF} and turn its sign: the worst input takes it to {worst}, "
            f"{_lasting(b.wrap_share)}"
        )
        cure = "lower the weights and thresholds together, or shorten tau_syn"
        severity = _likely(b.wrap_share)
        yield from neurons(severity, f"{b.name}.u", b.wraps, text, cure)


def voltages_stay(case: Case) -> Iterator[Finding]:
    """The voltage is not clipped."""
    for p, b in case.populations():
        bias = bias_value(p.cuba.bias_mant, p.cuba.bias_exp).astype(np.int64)
        low, high = np.maximum(b.u_low, -HALF) + bias, np.minimum(b.u_high, HALF) + bias
        worst = _largest(low, high, p.cuba.dv.astype(np.int64))
        text = (
            f"can be clipped to {-LIMIT} .. {LIMIT}: the worst input would take it to {worst}, "
            f"{_lasting(b.saturation_share)}"
        )
        cure = "lower the weights and thresholds together, or shorten tau_mem"
        severity = _likely(b.saturation_share)
        yield from neurons(severity, f"{b.name}.v", b.saturates, text, cure)


def _likely(share: Float) -> Severity:
    return "warning" if np.min(share) <= PLAUSIBLE else "note"


def _lasting(share: Float) -> str:
    return f"{100 * np.min(share):.3g} % of it, lasting, is enough"


def _largest(low: Int64, high: Int64, d: Int64) -> str:
    """Write the largest magnitude that inputs ``low .. high`` (n,) lead to, if there is one."""
    reached = int(max(steady(high, d).max(), steady(-low, d).max()))
    return "any value" if reached >= UNBOUNDED else f"{reached:.3g}"
