"""Sigma-delta neurons: they send by how much an activation changed, and sum up what they hear.

A delta encodes, a sigma decodes, a sigma-delta does both around a rectifier::

    sigma[t] = sigma[t-1] + a[t]                        a: weighted messages
    act[t] = max(sigma[t] + bias, 0)                    of a delta: act[t] = a[t]
    delta[t] = act[t] - act[t-1] + residue[t-1]
    s[t] = delta[t] where |delta[t]| >= vth, else 0
    residue[t] = delta[t] - s[t]

With ``cum_error`` a neuron sends when the differences since it sent last add up to the threshold::

    error[t] = error[t-1] + delta[t]
    s[t] = delta[t] where |error[t]| >= vth, else 0;    then error[t] = 0 where s[t] != 0

Integers are Lava's (``lava.proc.sdn``, fixed point): words of 32 bits that wrap. Thresholds,
biases and a delta's input stand ``spike_exp + state_exp`` bits above the state's unit, and what is
sent is shifted right by ``state_exp``, rounding toward minus infinity.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, NamedTuple

import numpy as np

from hetlava.arrays import Int, require
from hetlava.errors import ValidationError
from hetlava.fixedpoint import shift, wrap_int32
from hetlava.neurons.registers import NeuronRegisters

EXP_MAX = 15  # of each exponent: the two together stay within a word
WORD = np.iinfo(np.int32)


class DeltaState(NamedTuple):
    """State after a step, each (..., n) int32; probes see ``u = residue`` and ``v = act``."""

    act: Int
    residue: Int
    error: Int
    s: Int

    @property
    def u(self) -> Int:
        """What was not sent."""
        return self.residue

    @property
    def v(self) -> Int:
        """What is encoded."""
        return self.act


@dataclass(frozen=True, eq=False, kw_only=True)
class DeltaRegisters(NeuronRegisters):
    """Encoders of their input's changes, Lava's ``Delta``.

    Attributes
    ----------
    vth : (n,) int32
        Threshold mantissa, at least 0: ``vth * 2**(spike_exp + state_exp)`` in the state's unit.
    spike_exp, state_exp : int
        Bits below the point of messages, and of states below those.
    cum_error : bool
        Compare the sum of unsent differences with the threshold.
    """

    model: ClassVar[str] = "delta"
    words: ClassVar[tuple[str, ...]] = ("vth",)
    options: ClassVar[Mapping[str, type]] = MappingProxyType(
        {"spike_exp": int, "state_exp": int, "cum_error": bool}
    )
    graded: ClassVar[bool] = True
    state: ClassVar[tuple[str, ...]] = ("act", "residue", "error")

    vth: Int
    spike_exp: int = 6
    state_exp: int = 6
    cum_error: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("spike_exp", "state_exp"):
            if not 0 <= getattr(self, name) <= EXP_MAX:
                raise ValidationError(f"{name} {getattr(self, name)} outside [0, {EXP_MAX}]")
        self._check_word("vth", 0)

    def _check_word(self, name: str, low: int) -> None:
        high = WORD.max >> self.exponent
        value = getattr(self, name)
        require(value, (value >= low) & (value <= high), name, f"are outside [{low}, {high}]")

    @property
    def exponent(self) -> int:
        """Bits that thresholds and biases stand above the state's unit."""
        return self.spike_exp + self.state_exp

    def raised(self, word: Int) -> Int:
        """Return values in the state's unit, which wrap at 32 bits."""
        return wrap_int32(shift(word.astype(np.int64), self.exponent))

    def rest(self, n_samples: int) -> DeltaState:
        """Return the state before the first step."""
        zero = np.zeros((n_samples, self.n), np.int32)
        return DeltaState(zero, zero, zero, zero)

    def step(self, state: DeltaState, a_in: Int) -> DeltaState:
        """Advance one step."""
        return encode(self, state, self.raised(a_in[0]))


def encode(
    registers: DeltaRegisters, state: "DeltaState | SigmaDeltaState", act: Int
) -> DeltaState:
    """Send the change of an activation (..., n) where it is large enough."""
    threshold = registers.raised(registers.vth)
    delta = act - state.act + state.residue
    error = state.error
    if registers.cum_error:
        error = error + delta
        sent = np.where(np.abs(error) >= threshold, delta, np.int32(0))
        # as in Lava: the most negative word has no magnitude, and clears nothing
        error = np.where(np.abs(sent) > 0, np.int32(0), error)
    else:
        sent = np.where(np.abs(delta) >= threshold, delta, np.int32(0))
    return DeltaState(act, delta - sent, error, sent >> np.int32(registers.state_exp))


class SigmaDeltaState(NamedTuple):
    """State after a step, each (..., n) int32; probes see ``u = sigma`` and ``v = act``."""

    sigma: Int
    act: Int
    residue: Int
    error: Int
    s: Int

    @property
    def u(self) -> Int:
        """The sum of all that arrived."""
        return self.sigma

    @property
    def v(self) -> Int:
        """What is encoded."""
        return self.act


@dataclass(frozen=True, eq=False, kw_only=True)
class SigmaDeltaRegisters(DeltaRegisters):
    """Rectified linear units between sigma and delta, Lava's ``SigmaDelta``.

    Attributes
    ----------
    vth, spike_exp, state_exp, cum_error
        As of :class:`DeltaRegisters`.
    bias : (n,) int32
        Bias mantissa: ``bias * 2**(spike_exp + state_exp)`` in the state's unit.
    rectify : bool
        Whether negative activations become 0; otherwise the activation is the identity.
    """

    model: ClassVar[str] = "sigma_delta"
    words: ClassVar[tuple[str, ...]] = ("vth", "bias")
    options: ClassVar[Mapping[str, type]] = MappingProxyType(
        {**DeltaRegisters.options, "rectify": bool}
    )
    state: ClassVar[tuple[str, ...]] = ("sigma", "act", "residue", "error")

    bias: Int
    rectify: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_word("bias", WORD.min >> self.exponent)

    def rest(self, n_samples: int) -> SigmaDeltaState:  # type: ignore[override]
        """Return the state before the first step."""
        zero = np.zeros((n_samples, self.n), np.int32)
        return SigmaDeltaState(zero, zero, zero, zero, zero)

    def step(self, state: SigmaDeltaState, a_in: Int) -> SigmaDeltaState:  # type: ignore[override]
        """Advance one step."""
        sigma = state.sigma + a_in[0]
        act = sigma + self.raised(self.bias)
        act = np.maximum(act, np.int32(0)) if self.rectify else act
        return SigmaDeltaState(sigma, *encode(self, state, act))


class SigmaState(NamedTuple):
    """State after a step, each (..., n) int32; probes see ``u = v = sigma``."""

    sigma: Int
    s: Int

    @property
    def u(self) -> Int:
        """The sum of all that arrived."""
        return self.sigma

    @property
    def v(self) -> Int:
        """The sum of all that arrived."""
        return self.sigma


@dataclass(frozen=True, eq=False, kw_only=True)
class SigmaRegisters(NeuronRegisters):
    """Decoders that send their sum at every step, Lava's ``Sigma``.

    Attributes
    ----------
    start : (n,) int32
        The sum before the first step; 0 in Lava.
    """

    model: ClassVar[str] = "sigma"
    words: ClassVar[tuple[str, ...]] = ("start",)
    graded: ClassVar[bool] = True
    state: ClassVar[tuple[str, ...]] = ("sigma",)

    start: Int

    def rest(self, n_samples: int) -> SigmaState:
        """Return the state before the first step."""
        start = np.broadcast_to(self.start, (n_samples, self.n))
        return SigmaState(start, np.zeros_like(start))

    def step(self, state: SigmaState, a_in: Int) -> SigmaState:
        """Advance one step."""
        sigma = state.sigma + a_in[0]
        return SigmaState(sigma, sigma)
