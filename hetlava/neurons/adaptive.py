"""Neurons that adapt: their threshold rises with every spike, and a refractory state counters it.

Common to all, for a membrane value x that no spike resets::

    theta[t] = theta_0 + (1 - dth / 4096) (theta[t-1] - theta_0)
    r[t] = (1 - dr / 4096) r[t-1]
    s[t] = fires(x[t], theta[t] + r[t])
    where s[t]:  r[t] += 2 theta[t],  then theta[t] += theta_step

ALIF, the leaky integrator (Bellec et al. 2018, in the form of lava-dl's ``slayer.neuron.alif``),
whose bias is a part of its current::

    u[t] = (1 - (du + 1) / 4096) u[t-1] + a[t] + bias
    v[t] = (1 - dv / 4096) v[t-1] + u[t]
    fires: v >= theta + r

Adaptive resonate-and-fire neurons (``slayer.neuron.adrf``, ``adrf_iz``) turn and damp z = u + i v,
with c = cos_decay / 4096 and d = sin_decay / 4096, real and imaginary input at ports 0 and 1::

    u[t] = c u[t-1] - d v[t-1] + a_0[t]
    v[t] = d u[t-1] + c v[t-1] + a_1[t]
    fires: u >= theta + r and v[t-1] < 0 <= v[t]    (adrf)
    fires: v >= theta + r                           (adrf_iz)

Every product is rounded toward zero. SLAYER's states have no bounds; here ``u`` and ``v`` are words
of 24 bits as in Lava (the current of ALIF wraps, all others saturate), theta and r saturate at 32.
"""

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from hetlava.arrays import Bool, Int, Int64, require
from hetlava.fixedpoint import (
    DECAY_BITS,
    STATE_SHIFT,
    decay,
    saturate,
    wrap_int32,
    wrap_once,
)
from hetlava.neurons.registers import NeuronRegisters

FULL = 1 << DECAY_BITS
WORD_BITS = 32  # of threshold and refractory state
MANTISSA_MAX = 1 << 17


class AdaptiveState(NamedTuple):
    """State after a step: ``u``, ``v``, ``theta``, ``r`` int32 and ``s`` bool, each (..., n)."""

    u: Int
    v: Int
    theta: Int
    r: Int
    s: Bool


@dataclass(frozen=True, eq=False, kw_only=True)
class AdaptiveRegisters(NeuronRegisters):
    """What all neurons that adapt have.

    Attributes
    ----------
    dth, dr : (n,) int32
        Decay words of threshold and refractory state, 0 .. 4096; they keep ``(4096 - d) / 4096``.
    vth, vth_step : (n,) int32
        Mantissae of the threshold at rest and of its rise at a spike, 0 .. 2**17:
        ``theta_0 = vth * 2**6``, ``theta_step = vth_step * 2**6``.
    """

    state: ClassVar[tuple[str, ...]] = ("u", "v", "theta", "r")

    dth: Int
    dr: Int
    vth: Int
    vth_step: Int

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("dth", "dr"):
            require_range(self, name, 0, FULL)
        require_range(self, "vth", 0, MANTISSA_MAX)
        require_range(self, "vth_step", 0, MANTISSA_MAX)

    def rest(self, n_samples: int) -> AdaptiveState:
        """Return the state before the first step: thresholds at rest, all else 0."""
        zero = np.zeros((n_samples, self.n), np.int32)
        theta = np.broadcast_to(self.vth << STATE_SHIFT, zero.shape).astype(np.int32)
        return AdaptiveState(zero, zero, theta, zero, zero.astype(bool))

    @abstractmethod
    def move(self, state: AdaptiveState, a_in: Int) -> tuple[Int, Int]:
        """Return ``u`` and ``v`` after a step."""

    @abstractmethod
    def fires(self, before: AdaptiveState, u: Int, v: Int, bar: Int64) -> Bool:
        """Return which neurons spike; ``bar`` is ``theta + r``, (..., n) int64."""

    def step(self, state: AdaptiveState, a_in: Int) -> AdaptiveState:
        """Advance one step with the input ``a_in`` (n_ports, ..., n) int32."""
        u, v = self.move(state, a_in)
        rest = (self.vth << STATE_SHIFT).astype(np.int32)
        theta = rest + decay(state.theta - rest, self.dth)
        r = decay(state.r, self.dr)
        s = self.fires(state, u, v, theta.astype(np.int64) + r)
        step = (self.vth_step << STATE_SHIFT).astype(np.int64)
        return AdaptiveState(
            u,
            v,
            saturate(theta + np.where(s, step, 0), WORD_BITS),
            saturate(r + np.where(s, 2 * theta.astype(np.int64), 0), WORD_BITS),
            s,
        )


@dataclass(frozen=True, eq=False, kw_only=True)
class AlifRegisters(AdaptiveRegisters):
    """Adaptive leaky integrate-and-fire neurons, one word per neuron.

    Attributes
    ----------
    du, dv : (n,) int32
        Decay words of current and voltage as in :class:`hetlava.neurons.cuba.CubaRegisters`:
        ``du`` in -1 .. 4095, of which the core takes one more, ``dv`` in 0 .. 4096.
    bias_mant : (n,) int32
        Added to the current at every step, times 2**6, within 16 bits.
    """

    model: ClassVar[str] = "alif"
    words: ClassVar[tuple[str, ...]] = ("du", "dv", "dth", "dr", "vth", "vth_step", "bias_mant")

    du: Int
    dv: Int
    bias_mant: Int

    def __post_init__(self) -> None:
        super().__post_init__()
        require_range(self, "du", -1, FULL - 1)
        require_range(self, "dv", 0, FULL)
        require_range(self, "bias_mant", -(1 << 15), (1 << 15) - 1)

    def move(self, state: AdaptiveState, a_in: Int) -> tuple[Int, Int]:
        """Return current and voltage after a step."""
        drive = wrap_int32((a_in[0].astype(np.int64) + self.bias_mant) << STATE_SHIFT)
        u = decay(state.u, self.du + 1)
        u = wrap_once(wrap_int32(u.astype(np.int64) + drive))
        return u, saturate(wrap_int32(decay(state.v, self.dv).astype(np.int64) + u))

    def fires(self, before: AdaptiveState, u: Int, v: Int, bar: Int64) -> Bool:
        """Spike where the voltage has reached the bar."""
        s: Bool = v >= bar
        return s


@dataclass(frozen=True, eq=False, kw_only=True)
class AdrfRegisters(AdaptiveRegisters):
    """Adaptive resonate-and-fire neurons, which spike as their phase passes 0.

    Attributes
    ----------
    sin_decay, cos_decay : (n,) int32
        Words of the rotation, 0 .. 4096: decay times sine and cosine of the angle of a step.
    """

    model: ClassVar[str] = "adrf"
    words: ClassVar[tuple[str, ...]] = ("sin_decay", "cos_decay", "dth", "dr", "vth", "vth_step")
    n_ports: ClassVar[int] = 2

    sin_decay: Int
    cos_decay: Int

    def __post_init__(self) -> None:
        super().__post_init__()
        require_range(self, "sin_decay", 0, FULL)
        require_range(self, "cos_decay", 0, FULL)

    def move(self, state: AdaptiveState, a_in: Int) -> tuple[Int, Int]:
        """Return real and imaginary part after a step."""
        drive = wrap_int32(a_in.astype(np.int64) << STATE_SHIFT).astype(np.int64)
        sine, cosine = FULL - self.sin_decay, FULL - self.cos_decay
        u = drive[0] + decay(state.u, cosine) - decay(state.v, sine)
        v = drive[1] + decay(state.u, sine) + decay(state.v, cosine)
        return saturate(u), saturate(v)

    def fires(self, before: AdaptiveState, u: Int, v: Int, bar: Int64) -> Bool:
        """Spike where the imaginary part rises through 0 and the real one has reached the bar."""
        s: Bool = (u >= bar) & (before.v < 0) & (v >= 0)
        return s


@dataclass(frozen=True, eq=False, kw_only=True)
class AdrfIzRegisters(AdrfRegisters):
    """Adaptive resonate-and-fire neurons that spike where the imaginary part is large."""

    model: ClassVar[str] = "adrf_iz"

    def fires(self, before: AdaptiveState, u: Int, v: Int, bar: Int64) -> Bool:
        """Spike where the imaginary part has reached the bar."""
        s: Bool = v >= bar
        return s


def require_range(registers: NeuronRegisters, name: str, low: int, high: int) -> None:
    """Check the words of that name."""
    value = getattr(registers, name)
    require(value, (value >= low) & (value <= high), name, f"are outside [{low}, {high}]")
