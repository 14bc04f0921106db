"""CUBA neurons that are silent for some steps after a spike, reset to 0 or by their threshold.

Current and voltage follow :mod:`hetlava.neurons.cuba` up to the comparison; ``wait`` counts the
steps of silence that are left::

    u[t] as a CUBA neuron's, at every step
    v[t] = v[t-1]                                 where wait[t-1] > 0
           as a CUBA neuron's                     elsewhere
    s[t] = v[t] > vth 2**6 and wait[t-1] = 0
    where s[t]:  v[t] = 0 (hard) or v[t] - vth 2**6 (subtract),  then wait[t] = refractory
    elsewhere:   wait[t] = max(wait[t-1] - 1, 0)

So a spike is followed by at least ``refractory`` steps without one, in which the current goes on
and the voltage takes neither leak nor current nor bias. That is what both emulators of Loihi do,
with a register of ``refractory + 1``, where 1 means no silence:

* nengo-loihi 1.1 (``CompartmentState.update``) loads its counter at a spike, takes 1 from it in the
  same step, and sets the voltage to 0 while it is above 0. Its register is 1 .. 63.
* brian2-loihi 0.5 (``LoihiNeuronGroup``) marks the voltage ``unless refractory``, which leaves it
  where the reset put it, and compares with the threshold only afterwards. Its register is 1 .. 64.

The range here is the smaller one, 0 .. 62. Both emulators reset to 0 only. Holding what a
subtraction has left over, too, is hetlava's choice: Lava's float ``LIFRefractory`` and brian2-loihi
hold any voltage in this way, and nengo-loihi notes that a neuron might save its overshoot.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import ClassVar, Literal, NamedTuple

import numpy as np

from hetlava.arrays import Bool, Int, require
from hetlava.errors import ValidationError
from hetlava.fixedpoint import STATE_SHIFT
from hetlava.neurons.cuba import CubaRegisters, integrate
from hetlava.neurons.registers import NeuronRegisters

REFRACTORY_MAX = 62  # [step]; the chip's register holds one more
RESETS = ("hard", "subtract")

Reset = Literal["hard", "subtract"]


class CubaRefractoryState(NamedTuple):
    """State after a step: ``u``, ``v``, ``wait`` int32 and ``s`` bool, each (..., n)."""

    u: Int
    v: Int
    wait: Int
    s: Bool


@dataclass(frozen=True, eq=False, kw_only=True)
class CubaRefractoryRegisters(NeuronRegisters):
    """CUBA neurons with a refractory period, one word per neuron.

    Attributes
    ----------
    du, dv, vth, bias_mant, bias_exp : (n,) int32
        As in :class:`hetlava.neurons.cuba.CubaRegisters`.
    refractory : (n,) int32
        Steps of silence after a spike, 0 .. 62.
    reset : str
        ``hard``: to 0; ``subtract``: by the threshold, so that what is above it is kept.
    """

    model: ClassVar[str] = "cuba_refractory"
    words: ClassVar[tuple[str, ...]] = (*CubaRegisters.words, "refractory")
    options: ClassVar[Mapping[str, type]] = MappingProxyType({"reset": str})
    state: ClassVar[tuple[str, ...]] = ("u", "v", "wait")

    du: Int
    dv: Int
    vth: Int
    bias_mant: Int
    bias_exp: Int
    refractory: Int
    reset: Reset = "hard"

    def __post_init__(self) -> None:
        super().__post_init__()
        _ = self.cuba  # whose words are checked as they are made
        allowed = (self.refractory >= 0) & (self.refractory <= REFRACTORY_MAX)
        message = f"are outside [0, {REFRACTORY_MAX}] steps"
        require(self.refractory, allowed, "refractory", message)
        if self.reset not in RESETS:
            raise ValidationError(f"reset {self.reset!r:.40}: expected {' or '.join(RESETS)}")

    @cached_property
    def cuba(self) -> CubaRegisters:
        """The same neurons without silence, reset to 0."""
        return CubaRegisters(**{name: getattr(self, name) for name in CubaRegisters.words})

    def rest(self, n_samples: int) -> CubaRefractoryState:
        """Return the state before the first step."""
        zero = np.zeros((n_samples, self.n), np.int32)
        return CubaRefractoryState(zero, zero, zero, zero.astype(bool))

    def step(self, state: CubaRefractoryState, a_in: Int) -> CubaRefractoryState:
        """Advance one step with the input ``a_in`` (1, ..., n) int32."""
        u, v = integrate(self.cuba, state.u, state.v, a_in[0])
        waits = state.wait > 0
        v = np.where(waits, state.v, v)
        threshold = self.vth << STATE_SHIFT
        s: Bool = (v > threshold) & ~waits
        after = v - threshold if self.reset == "subtract" else np.int32(0)
        wait = np.where(s, self.refractory, np.maximum(state.wait - 1, 0))
        return CubaRefractoryState(u, np.where(s, after, v), wait, s)


def cuba_part(registers: NeuronRegisters) -> CubaRegisters | None:
    """Return what neurons have of CUBA's registers, None where they are of another kind."""
    if isinstance(registers, CubaRefractoryRegisters):
        return registers.cuba
    return registers if isinstance(registers, CubaRegisters) else None


def silence(registers: NeuronRegisters) -> Int:
    """Return the steps of silence after a spike, (n,) int32."""
    if isinstance(registers, CubaRefractoryRegisters):
        return registers.refractory
    return np.zeros(registers.n, np.int32)
