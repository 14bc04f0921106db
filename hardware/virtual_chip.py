"""A virtual BrainScaleS-2 chip on a bench: converters to set, traces and spikes to look at.

Of the chip's die a calibration sees nothing: it is given a :class:`Bench`, which sets and measures.
Every law from a code to a parameter is *assumed* (monotonic, as on the chip): voltages and gains
rise with the code, time constants fall as the code of a bias current rises, in one of three ranges.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from hetlava.arrays import AnyArray, Bool, Float, Int
from hetlava.errors import ValidationError
from hetlava.hardware.mismatch import Die, stream

VOLTAGES, TIMES = ("leak", "reset", "threshold"), ("tau_mem", "tau_syn")
GAINS = ("gain_exc", "gain_inh")  # of the synaptic inputs, relative to the design's
KNOBS = (*VOLTAGES, *TIMES, *GAINS)
CODE_MAX = 1023  # 10 bits
LSB_SPAN = 256.0  # what a voltage converter covers [LSB of the CADC]
SWING_LSB = 70.0  # from leak to threshold, as in hxtorch's examples (80 to 150)
# shortest time constant of a range, at the largest code [s of the chip]: a decade each
RANGES: Mapping[str, tuple[float, ...]] = MappingProxyType(
    {"tau_mem": (0.3e-6, 2e-6, 12e-6), "tau_syn": (0.2e-6, 1.5e-6, 9e-6)}
)
CODE_LOW = 100  # a range is used down to this code, where a step is 1 %
READ_NOISE = 1.2  # [LSB], calix's target of a neuron's statistical noise
CHANNEL_SPREAD = 1.0  # [LSB] sd between channels after their own calibration; calix: < 3 in all
CADC_MAX = 255
KICK = 2e6  # [LSB/s] slope per unit of weight of a test spike, as designed; assumed


@dataclass(frozen=True, kw_only=True)
class Stimulus:
    """What is done to all neurons at once.

    Attributes
    ----------
    times : (n_times, n) or (n_times, 1) float64
        When each membrane is sampled [s of the chip], one after another where they differ.
    begin : str
        ``leak``: neurons rest; ``reset``: they have just been reset.
    held : bool
        They stay reset.
    spiking : bool
        The threshold is looked at.
    weight : int
        Of a test spike at time 0, negative for an inhibitory one; 0 for none.
    """

    times: Float
    begin: str = "leak"
    held: bool = False
    spiking: bool = False
    weight: int = 0


class Observation(NamedTuple):
    """Samples (n_times, n) [LSB] of the membranes, and whether each neuron fired, (n,)."""

    trace: Int
    fired: Bool


class Bench(NamedTuple):
    """All that a calibration may use: ``set(knob, codes)`` and ``measure(stimulus)``."""

    set: Callable[[str, Int], None]
    measure: Callable[[Stimulus], Observation]


def nominal_range(knob: str, target: Float) -> Int:
    """Return the range (n,) in which a chip without mismatch has a time constant [s]."""
    lowest = np.asarray(RANGES[knob])
    # the last range whose shortest time constant lies well below, so that a spread fits in
    fits: Int = np.searchsorted(2 * lowest, target, side="right").astype(np.int32) - 1
    return np.clip(fits, 0, lowest.size - 1).astype(np.int32)


def settings(code: Int, ranges: Int) -> Int:
    """Return codes (n,) and ranges (n,) as the one number that :attr:`Bench.set` takes."""
    packed: Int = (ranges.astype(np.int32) << 10) | code.astype(np.int32)
    return packed


class VirtualChip:
    """A die with converters, whose parameters are what the codes make of them."""

    def __init__(self, die: Die) -> None:
        self.n = die.n
        self._factor = {"tau_mem": die.tau_mem, "tau_syn": die.tau_syn}
        self._offset = {name: SWING_LSB * getattr(die, name) for name in VOLTAGES}
        self._gain = dict(zip(GAINS, die.gain, strict=True))
        self._jitter = SWING_LSB * die.mismatch.threshold_jitter
        self._channel = CHANNEL_SPREAD * stream(die.chip_seed, "cadc").standard_normal(self.n)
        self._noise = stream(die.chip_seed, "cadc noise")
        self._codes = {name: np.full(self.n, (CODE_MAX + 1) // 2, np.int32) for name in KNOBS}

    def bench(self) -> Bench:
        """Return what a calibration may use of the chip."""
        return Bench(self._set, self._measure)

    def value(self, knob: str, codes: Int | None = None) -> Float:
        """Return the parameter that codes give, (n,): [LSB], [s of the chip], or a factor."""
        packed = self._codes[knob] if codes is None else codes
        code, ranges = packed & CODE_MAX, packed >> 10
        found: Float
        if knob in VOLTAGES:
            found = code * (LSB_SPAN / (CODE_MAX + 1)) + self._offset[knob]
        elif knob in GAINS:
            found = self._gain[knob] * code / ((CODE_MAX + 1) // 2)
        else:
            lowest = np.asarray(RANGES[knob])[ranges]
            found = self._factor[knob] * lowest * CODE_MAX / np.maximum(code, 1)
        return found

    def _set(self, knob: str, codes: Int) -> None:
        if knob not in KNOBS:
            raise ValidationError(f"no converter {knob!r}; there are {', '.join(KNOBS)}")
        ranges = len(RANGES.get(knob, (0,)))
        codes = np.broadcast_to(np.asarray(codes), (self.n,))
        if codes.min() < 0 or codes.max() >= ranges << 10:
            raise ValidationError(f"{knob}: codes outside the converter's 10 bits, or its ranges")
        self._codes[knob] = codes.astype(np.int32)

    def _measure(self, stimulus: Stimulus) -> Observation:
        leak, reset = self.value("leak"), self.value("reset")
        tau_mem, tau_syn = self.value("tau_mem"), self.value("tau_syn")
        t = stimulus.times
        gain = self.value("gain_exc" if stimulus.weight > 0 else "gain_inh")
        slope = stimulus.weight * KICK * gain  # [LSB/s]
        begin = reset if stimulus.begin == "reset" else leak
        v = leak + (begin - leak) * np.exp(-t / tau_mem)
        v = v + slope * response(t, tau_mem, tau_syn)
        if stimulus.held:
            v = np.broadcast_to(reset, v.shape)
        threshold = self.value("threshold") + self._jitter * self._noise.standard_normal(self.n)
        fired = stimulus.spiking & (v.max(axis=0) > threshold)
        seen = v + self._channel + READ_NOISE * self._noise.standard_normal(v.shape)
        return Observation(np.clip(np.rint(seen), 0, CADC_MAX).astype(np.int32), fired)


def response(t: AnyArray, tau_mem: AnyArray, tau_syn: AnyArray) -> Float:
    """Return v at ``t`` after a jump of its slope by 1 that decays with ``tau_syn``."""
    d = np.abs(1 / tau_syn - 1 / tau_mem)
    x = d * t
    share = np.divide(-np.expm1(-x), x, out=np.ones(np.broadcast(x, t).shape), where=x > 0)
    found: Float = np.exp(-t / np.maximum(tau_mem, tau_syn)) * t * share
    return found
