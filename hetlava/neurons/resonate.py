"""Resonate-and-fire neurons: damped rotations of a complex state that spike by phase or by height.

With z = real + i imag, damping ``alpha`` and an angle of ``2 pi / period`` a step::

    real[t] = (1 - alpha) (cos(angle) real[t-1] - sin(angle) imag[t-1]) + a_real[t]
    imag[t] = (1 - alpha) (sin(angle) real[t-1] + cos(angle) imag[t-1]) + a_imag[t]

    RF:     s[t] = real[t] >= vth and imag[t] >= 0 and imag[t-1] < 0
    RF-IZ:  s[t] = imag[t] >= vth,    then real[t] = 0 and imag[t] = vth - 1 where s[t]

Integers are Lava's (``lava.proc.rf``, ``lava.proc.rf_iz``, fixed point): each product is truncated
toward zero, the sums saturate at 24 bits. Input and threshold stand ``state_exp`` bits above the
state's unit. The last equation is Izhikevich's reset, one unit below the threshold.

References
----------
Izhikevich (2001), Resonate-and-fire neurons.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, NamedTuple

import numpy as np

from hetlava.arrays import Bool, Int, require
from hetlava.errors import ValidationError
from hetlava.fixedpoint import DECAY_BITS, STATE_SHIFT, saturate, scaled, shift, wrap_int32
from hetlava.neurons.registers import NeuronRegisters

EXP_MAX = 15
WORD = np.iinfo(np.int32)


class ResonatorState(NamedTuple):
    """State after a step: ``u`` the real and ``v`` the imaginary part, int32, ``s`` bool."""

    u: Int
    v: Int
    s: Bool


@dataclass(frozen=True, eq=False, kw_only=True)
class ResonatorRegisters(NeuronRegisters):
    """What both kinds have in common; port 0 leads to the real part, port 1 to the imaginary one.

    Attributes
    ----------
    sin_decay, cos_decay : (n,) int32
        ``(1 - alpha) sin(angle)`` and ``(1 - alpha) cos(angle)`` in units of ``2**-decay_bits``,
        from -1 to 1.
    vth : (n,) int32
        Threshold mantissa: ``vth * 2**state_exp`` in the state's unit.
    state_exp : int
        Bits that input and threshold stand above the state's unit.
    decay_bits : int
        Bits of the decays.
    """

    words: ClassVar[tuple[str, ...]] = ("sin_decay", "cos_decay", "vth")
    options: ClassVar[Mapping[str, type]] = MappingProxyType({"state_exp": int, "decay_bits": int})
    n_ports: ClassVar[int] = 2

    sin_decay: Int
    cos_decay: Int
    vth: Int
    state_exp: int = STATE_SHIFT
    decay_bits: int = DECAY_BITS

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.state_exp <= EXP_MAX:
            raise ValidationError(f"state_exp {self.state_exp} outside [0, {EXP_MAX}]")
        if not 1 <= self.decay_bits <= DECAY_BITS:
            raise ValidationError(f"decay_bits {self.decay_bits} outside [1, {DECAY_BITS}]")
        one = 1 << self.decay_bits
        for name in ("sin_decay", "cos_decay"):
            value = getattr(self, name)
            require(value, np.abs(value.astype(np.int64)) <= one, name, f"are outside +-{one}")
        limit = WORD.max >> self.state_exp
        fits = np.abs(self.vth.astype(np.int64)) <= limit
        require(self.vth, fits, "vth", f"are outside +-{limit}")

    @property
    def threshold(self) -> Int:
        """Threshold in the state's unit, (n,)."""
        return wrap_int32(shift(self.vth.astype(np.int64), self.state_exp))

    def rest(self, n_samples: int) -> ResonatorState:
        """Return the state before the first step."""
        zero = np.zeros((n_samples, self.n), np.int32)
        return ResonatorState(zero, zero, zero.astype(bool))

    def rotated(self, state: ResonatorState, a_in: Int) -> tuple[Int, Int]:
        """Return the real and the imaginary part before anything spikes."""
        drive = wrap_int32(shift(a_in.astype(np.int64), self.state_exp)).astype(np.int64)
        sin, cos, bits = self.sin_decay, self.cos_decay, self.decay_bits
        real = scaled(state.u, cos, bits) - scaled(state.v, sin, bits) + drive[0]
        imag = scaled(state.u, sin, bits) + scaled(state.v, cos, bits) + drive[1]
        return saturate(real), saturate(imag)


@dataclass(frozen=True, eq=False, kw_only=True)
class RFRegisters(ResonatorRegisters):
    """Neurons that spike when the state's phase passes 0, Lava's ``RF``; nothing is reset."""

    model: ClassVar[str] = "rf"

    def step(self, state: ResonatorState, a_in: Int) -> ResonatorState:
        """Advance one step."""
        real, imag = self.rotated(state, a_in)
        s: Bool = (real >= self.threshold) & (imag >= 0) & (state.v < 0)
        return ResonatorState(real, imag, s)


@dataclass(frozen=True, eq=False, kw_only=True)
class RFIzhikevichRegisters(ResonatorRegisters):
    """Neurons that spike when the imaginary part is high enough, Lava's ``RF_IZ``."""

    model: ClassVar[str] = "rf_iz"

    def step(self, state: ResonatorState, a_in: Int) -> ResonatorState:
        """Advance one step."""
        real, imag = self.rotated(state, a_in)
        s: Bool = imag >= self.threshold
        below = self.threshold - np.int32(1)
        return ResonatorState(np.where(s, np.int32(0), real), np.where(s, below, imag), s)
