"""Calibration as in a laboratory: set a converter, look at traces and spikes, halve, repeat.

It works on a :class:`~hetlava.hardware.virtual_chip.Bench` and knows nothing else of the chip.
Every parameter is searched for in all neurons at once, bit by bit of its 10-bit code.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hetlava.arrays import ArrayRecord, Bool, Float, Int
from hetlava.errors import ValidationError
from hetlava.hardware import calibration_measure as look
from hetlava.hardware.virtual_chip import (
    CODE_LOW,
    CODE_MAX,
    GAINS,
    KNOBS,
    TIMES,
    Bench,
    Stimulus,
    nominal_range,
    settings,
)

BITS = 10
TOLERANCE_LSB, TOLERANCE_TAU = 4.0, 0.12  # beyond, a neuron counts as failed
LOW_RESET = 30.0  # [LSB] below the leak from which time constants are watched
MEASURES = 3  # of a time constant, averaged

Measure = Callable[[], Float]


@dataclass(frozen=True, eq=False, kw_only=True)
class Targets(ArrayRecord):
    """What is asked of each neuron, (n,) float64.

    Potentials [LSB], times [s of the chip], gains of synaptic inputs in those of the design.
    """

    leak: Float
    reset: Float
    threshold: Float
    tau_mem: Float
    tau_syn: Float
    gain_exc: Float
    gain_inh: Float

    def __post_init__(self) -> None:
        super().__post_init__()
        n = self.leak.size
        for name in KNOBS:
            value = getattr(self, name)
            if value.shape != (n,) or not np.all(np.isfinite(value)) or np.any(value <= 0):
                raise ValidationError(f"target {name}: expected ({n},) numbers above 0")

    @property
    def n(self) -> int:
        """Number of neurons."""
        return int(self.leak.size)


@dataclass(frozen=True, eq=False, kw_only=True)
class Found(ArrayRecord):
    """One parameter's result: what was asked, the setting, what was measured, whether it worked.

    Attributes
    ----------
    target, measured : (n,) float64
    code : (n,) int32
        With the range above its 10 bits, as :attr:`Bench.set` takes it.
    success : (n,) bool
        Measured within the tolerance, and not at an end of the converter.
    """

    target: Float
    measured: Float
    code: Int
    success: Bool


@dataclass(frozen=True, eq=False, kw_only=True)
class Calibration(ArrayRecord):
    """A calibrated chip.

    Attributes
    ----------
    chip : str
    serial : str
        Of the very chip: a calibration serves no other.
    leak, reset, threshold, tau_mem, tau_syn, gain_exc, gain_inh : Found
    """

    chip: str
    serial: str
    leak: Found
    reset: Found
    threshold: Found
    tau_mem: Found
    tau_syn: Found
    gain_exc: Found
    gain_inh: Found

    @property
    def success(self) -> Bool:
        """Which neurons have all parameters as asked, (n,)."""
        every: Bool = np.all([getattr(self, name).success for name in KNOBS], axis=0)
        return every


def calibrate(
    bench: Bench,
    targets: Targets,
    *,
    chip: str,
    serial: str,
    on_step: Callable[[str], None] = lambda what: None,
) -> Calibration:
    """Find the codes of every neuron by traces and spikes.

    Thresholds come first: with the leak put where the threshold is asked for, a neuron fires
    exactly if its threshold is below.

    Parameters
    ----------
    bench : Bench
    serial : str
        Name of the chip, kept with the result.
    on_step : function of str
        Told what is searched for next.
    """
    found: dict[str, Found] = {}
    _set_taus(bench, targets)
    on_step("threshold")
    bench.set("leak", _search(bench, "leak", targets.threshold, lambda: look.rest(bench)))
    found["threshold"] = _threshold(bench, targets)
    on_step("reset")
    code = _search(bench, "reset", targets.reset, lambda: look.rest(bench, held=True))
    found["reset"] = _voltage(
        bench, "reset", code, targets.reset, lambda: look.rest(bench, held=True)
    )
    on_step("leak")
    code = _search(bench, "leak", targets.leak, lambda: look.rest(bench))
    found["leak"] = _voltage(bench, "leak", code, targets.leak, lambda: look.rest(bench))
    on_step("tau_mem")
    bench.set("reset", np.full(targets.n, round(LOW_RESET * 4), np.int32))
    found["tau_mem"] = _time(
        bench, "tau_mem", targets.tau_mem, lambda: look.tau_mem(bench, targets.tau_mem)
    )
    on_step("tau_syn")
    taus = found["tau_mem"].measured
    found["tau_syn"] = _time(
        bench, "tau_syn", targets.tau_syn, lambda: look.tau_syn(bench, targets.tau_syn, taus)
    )
    on_step("gains")
    taus_both = taus, found["tau_syn"].measured
    found |= {knob: _gain(bench, knob, getattr(targets, knob), taus_both) for knob in GAINS}
    bench.set("reset", found["reset"].code)
    return Calibration(chip=chip, serial=serial, **found)


def _set_taus(bench: Bench, targets: Targets) -> None:
    """Set time constants to what they would be without mismatch."""
    for knob in TIMES:
        target = getattr(targets, knob)
        ranges = nominal_range(knob, target)
        bench.set(knob, settings(np.full(targets.n, 2 * CODE_LOW, np.int32), ranges))


def _search(
    bench: Bench, knob: str, target: Float, measure: Measure, ranges: Int | None = None
) -> Int:
    """Return settings (n,) by halving: the measured value rises with a voltage's code.

    That of a gain too, that of a time constant falls.
    """
    code = np.zeros(target.size, np.int32)
    ranges = np.zeros_like(code) if ranges is None else ranges
    for bit in reversed(range(BITS)):
        tried = code | np.int32(1 << bit)
        bench.set(knob, settings(tried, ranges))
        seen = measure()
        kept = seen >= target if knob in TIMES else seen <= target
        code = np.where(kept, tried, code).astype(np.int32)
    bench.set(knob, settings(code, ranges))
    return settings(code, ranges)


def _voltage(bench: Bench, knob: str, code: Int, target: Float, measure: Measure) -> Found:
    bench.set(knob, code)
    seen = measure()
    success = (np.abs(seen - target) <= TOLERANCE_LSB) & (code > 0) & (code < CODE_MAX)
    return Found(target=target, measured=seen, code=code, success=success)


def _threshold(bench: Bench, targets: Targets) -> Found:
    """Search by spikes, with the leak at the target; several looks, as thresholds jitter."""
    stimulus = Stimulus(times=look.REST[:2], spiking=True)

    def below() -> Float:
        """Return a number at most the target's where a neuron fires more often than not."""
        fired = np.mean([bench.measure(stimulus).fired for _ in range(9)], axis=0)
        return np.where(fired > 0.5, targets.threshold - 1, targets.threshold + 1)

    leak = look.rest(bench)
    code = _search(bench, "threshold", targets.threshold, below)
    low = np.maximum(code - 40, 0).astype(np.int32)
    bench.set("threshold", low)  # 10 LSB lower, all must fire; 10 LSB higher, none
    fires = bench.measure(stimulus).fired
    bench.set("threshold", np.minimum(code + 40, CODE_MAX).astype(np.int32))
    silent = ~bench.measure(stimulus).fired
    bench.set("threshold", code)
    near = np.abs(leak - targets.threshold) <= TOLERANCE_LSB
    inside = (code > 0) & (code < CODE_MAX)
    return Found(
        target=targets.threshold,
        measured=leak,  # where the threshold was found to be, as the trace says
        code=code,
        success=near & inside & fires & silent,
    )


def _time(bench: Bench, knob: str, target: Float, measure: Measure) -> Found:
    ranges = nominal_range(knob, target)
    code = _search(bench, knob, target, measure, ranges)
    seen: Float = np.mean([measure() for _ in range(MEASURES)], axis=0)
    plain = code & CODE_MAX
    success = (np.abs(seen / target - 1) <= TOLERANCE_TAU) & (plain > 0) & (plain < CODE_MAX)
    return Found(target=target, measured=seen, code=code, success=success)


def _gain(bench: Bench, knob: str, target: Float, taus: tuple[Float, Float]) -> Found:
    """Search a gain by how steeply a test spike makes membranes rise, or fall."""
    times = look.sample_times(*taus)
    weight = look.spike_weight(bench, times) * (1 if knob == "gain_exc" else -1)

    def measure() -> Float:
        return look.gain(bench, weight, times, taus)

    code = _search(bench, knob, target, measure)
    seen: Float = np.mean([measure() for _ in range(MEASURES)], axis=0)
    inside = (code > 0) & (code < CODE_MAX)
    success = inside & (np.abs(seen / target - 1) <= TOLERANCE_TAU)
    return Found(target=target, measured=seen, code=code, success=success)
