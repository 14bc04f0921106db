"""Current-based leaky integrators: the equations, the physical parameters, the chip's registers.

Continuous form, with a unit jump of the current for a weight of 1 V::

    tau_syn du/dt = -u + sum_j W_j S_j        tau_mem dv/dt = v_leak - v + r u

hetlava keeps the discrete form that Loihi and SLAYER share; a weight is what one spike adds to
``u``, and ``u`` is added to ``v`` at every step (so ``r`` is absorbed in the weight)::

    u[t] = alpha u[t-1] + sum_j W_j s_j[t-1]
    v[t] = beta v[t-1] + u[t] + (1 - beta) v_leak
    s[t] = v[t] > v_threshold,   then v[t] = v_reset where s[t]

    alpha = exp(-dt / tau_syn), beta = exp(-dt / tau_mem)             (exponential)
    alpha = 1 - dt / tau_syn,   beta = 1 - dt / tau_mem               (euler)

Before the first step u is 0 and v is ``v_reset``, as after a spike; an integrator's is 0. So a chip
that resets to 0 can hold any reset potential: it measures voltages from there.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import ClassVar, Literal, NamedTuple

import numpy as np

from hetlava.arrays import ArrayRecord, Bool, Float, Int, require
from hetlava.errors import ValidationError
from hetlava.fixedpoint import (
    DECAY_BITS,
    STATE_SHIFT,
    bias_value,
    decay,
    saturate,
    wrap_int32,
    wrap_once,
)
from hetlava.neurons.registers import NeuronRegisters

Discretisation = Literal["exponential", "euler"]

TAU_MAX = 1e4  # [s]; a longer one is a mistake of unit, and every 12-bit decay of it is 0


@dataclass(frozen=True, eq=False, kw_only=True)
class CubaLI(ArrayRecord):
    """Current-based leaky integrators without spikes: a readout that is read by its voltage.

    Attributes
    ----------
    tau_mem, tau_syn : (n,) float64
        Membrane and synaptic time constants [s], above 0.
    v_leak : (n,) float64
        Resting potential [V].
    """

    spiking: ClassVar[bool] = False

    tau_mem: Float
    tau_syn: Float
    v_leak: Float

    def __post_init__(self) -> None:
        super().__post_init__()
        n = self.tau_mem.size
        for name in ("tau_mem", "tau_syn"):
            tau = getattr(self, name)
            _check_vector(tau, n, name)
            require(tau, tau > 0, f"{name} [s]", "are not above 0 s")
            require(tau, tau <= TAU_MAX, f"{name} [s]", f"are above {TAU_MAX:g} s (wrong unit?)")
        _check_vector(self.v_leak, n, "v_leak")

    @property
    def n(self) -> int:
        """Number of neurons."""
        return int(self.tau_mem.size)


@dataclass(frozen=True, eq=False, kw_only=True)
class CubaLIF(CubaLI):
    """Current-based leaky integrate-and-fire neurons, one value per neuron.

    Attributes
    ----------
    v_threshold : (n,) float64
        Firing threshold [V], above ``v_reset``.
    v_reset : (n,) float64
        Potential after a spike [V].
    """

    spiking: ClassVar[bool] = True

    v_threshold: Float
    v_reset: Float

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_vector(self.v_threshold, self.n, "v_threshold")
        _check_vector(self.v_reset, self.n, "v_reset")
        above = self.v_threshold > self.v_reset
        require(self.v_threshold, above, "v_threshold [V]", "are not above v_reset")

    def from_reset(self) -> "CubaLIF":
        """Return the neurons measured from their reset potentials: of the same spikes, reset to 0.

        Examples
        --------
        >>> one = np.ones(1)
        >>> lif = CubaLIF(tau_mem=one, tau_syn=one, v_leak=-one, v_threshold=one, v_reset=-2 * one)
        >>> shifted = lif.from_reset()
        >>> [float(v[0]) for v in (shifted.v_threshold, shifted.v_leak, shifted.v_reset)]
        [3.0, 1.0, 0.0]
        """
        return replace(
            self,
            v_threshold=self.v_threshold - self.v_reset,
            v_leak=self.v_leak - self.v_reset,
            v_reset=np.zeros(self.n),
        )


class Coefficients(NamedTuple):
    """What one step of the discrete form needs, each (n,) float64."""

    alpha: Float
    beta: Float
    threshold: Float
    bias: Float
    reset: Float


def coefficients(neurons: CubaLI, dt: float, discretisation: Discretisation) -> Coefficients:
    """Discretise neurons for a step of ``dt`` seconds; a readout's threshold is infinite."""
    if discretisation == "exponential":
        alpha, beta = np.exp(-dt / neurons.tau_syn), np.exp(-dt / neurons.tau_mem)
    else:
        alpha, beta = 1 - dt / neurons.tau_syn, 1 - dt / neurons.tau_mem
    bias = (1 - beta) * neurons.v_leak
    if isinstance(neurons, CubaLIF):
        return Coefficients(alpha, beta, neurons.v_threshold, bias, neurons.v_reset)
    return Coefficients(alpha, beta, np.full(neurons.n, np.inf), bias, np.zeros(neurons.n))


class CubaFloatState(NamedTuple):
    """State after a step in volts: ``u``, ``v`` (after the reset) float64, ``s`` bool."""

    u: Float
    v: Float
    s: Bool


def step_float(c: Coefficients, state: CubaFloatState, drive: Float) -> CubaFloatState:
    """Advance one step with the synaptic input ``drive`` (..., n) [V], nothing rounded."""
    u = c.alpha * state.u + drive
    v = c.beta * state.v + u + c.bias
    s: Bool = v > c.threshold
    return CubaFloatState(u, np.where(s, c.reset, v), s)


@dataclass(frozen=True, eq=False, kw_only=True)
class CubaRegisters(NeuronRegisters):
    """CUBA neurons as a Loihi core holds them, one word per neuron, with Lava's names.

    Attributes
    ----------
    du, dv : (n,) int32
        Decay words of current and voltage. The core adds 1 to ``du`` and nothing to ``dv``:
        ``u`` keeps ``(4095 - du) / 4096``, ``v`` keeps ``(4096 - dv) / 4096`` a step.
        ``du`` in -1 .. 4095 (-1: no decay), ``dv`` in 0 .. 4096 (4096: no memory).
    vth : (n,) int32
        Threshold mantissa; a spike needs ``v > vth * 2**6``. Not read when ``spiking`` is false.
    bias_mant, bias_exp : (n,) int32
        Bias added to ``v`` at every step: ``bias_mant * 2**bias_exp``.
    spiking : bool
        False for a readout, which never spikes.
    """

    model: ClassVar[str] = "cuba"
    words: ClassVar[tuple[str, ...]] = ("du", "dv", "vth", "bias_mant", "bias_exp")
    options: ClassVar[Mapping[str, type]] = MappingProxyType({"spiking": bool})

    du: Int
    dv: Int
    vth: Int
    bias_mant: Int
    bias_exp: Int
    spiking: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        full = 1 << DECAY_BITS
        require(self.du, (self.du >= -1) & (self.du < full), "du", f"are outside [-1, {full - 1}]")
        require(self.dv, (self.dv >= 0) & (self.dv <= full), "dv", f"are outside [0, {full}]")
        require(self.vth, (self.vth >= 0) & (self.vth <= 1 << 17), "vth", "are outside [0, 2^17]")
        short = (self.bias_mant >= -(1 << 15)) & (self.bias_mant < 1 << 15)
        require(self.bias_mant, short, "bias_mant", "do not fit 16 bits")
        require(self.bias_exp, np.abs(self.bias_exp) <= 15, "bias_exp", "are outside [-15, 15]")

    @property
    def sends(self) -> bool:
        """Whether the neurons spike."""
        return self.spiking

    def rest(self, n_samples: int) -> "CubaState":
        """Return the state before the first step."""
        zero = np.zeros((n_samples, self.n), np.int32)
        return CubaState(zero, zero, zero.astype(bool))

    def step(self, state: "CubaState", a_in: Int) -> "CubaState":
        """Advance one step, see :func:`step`."""
        return step(self, state, a_in[0])


class CubaState(NamedTuple):
    """State after a step: ``u``, ``v`` (after the reset) int32, ``s`` bool, each (..., n)."""

    u: Int
    v: Int
    s: Bool


def step(registers: CubaRegisters, state: CubaState, a_in: Int) -> CubaState:
    """Advance one step with the synaptic input ``a_in`` (..., n) int32, as Lava's LIF does.

    v is compared with the threshold after :func:`integrate`, and set to 0 where it is above.
    """
    u, v = integrate(registers, state.u, state.v, a_in)
    s: Bool = (v > registers.vth << STATE_SHIFT) & registers.spiking
    return CubaState(u, np.where(s, np.int32(0), v), s)


def integrate(registers: CubaRegisters, u: Int, v: Int, a_in: Int) -> tuple[Int, Int]:
    """Return current and voltage (..., n) int32 of the next step, before any reset.

    Order: u decays and takes the input, wraps once; v decays and takes u and the bias, saturates.
    """
    drive = wrap_int32(a_in.astype(np.int64) << STATE_SHIFT)
    u = decay(u, registers.du + 1)
    u = wrap_once(wrap_int32(u.astype(np.int64) + drive))
    bias = bias_value(registers.bias_mant, registers.bias_exp)
    # 32 bits, as in Lava: a current far outside its word turns the voltage's sign
    v = saturate(wrap_int32(decay(v, registers.dv).astype(np.int64) + u + bias))
    return u, v


def _check_vector(value: Float, n: int, name: str) -> None:
    if value.shape != (n,) or value.dtype != np.float64:
        raise ValidationError(f"{name}: shape {value.shape} {value.dtype}, expected ({n},) float64")
    require(value, np.isfinite(value), name, "are not finite")
