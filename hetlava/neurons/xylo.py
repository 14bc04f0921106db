"""Integrate-and-fire neurons of a Xylo core: shift decays, saturating words, several spikes a step.

In a step, all in 16 bits that saturate, ``D(x, k)`` being ``x >> k`` but at least 1 in magnitude::

    i += w          for every spike that arrives, one after another: first those of the input
    i -= D(i, dash_syn)
    v += i - D(v, dash_mem) + bias
    n = min(v // vth, spikes_max) where v >= vth, else 0;   v -= n vth;   n spikes are sent

Source: xylosim 0.1.3, v2 (read and compared with).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, NamedTuple

import numpy as np

from hetlava.arrays import AnyArray, Int, Int64, require
from hetlava.chip_xylo import XYLO2
from hetlava.errors import ValidationError
from hetlava.fixedpoint import clip_word, shift_loss
from hetlava.neurons.registers import NeuronRegisters

BITS = XYLO2.state_bits
LARGEST = (1 << (BITS - 1)) - 1


class XyloState(NamedTuple):
    """State after a step, int32 (..., n): current, voltage after the reset, spikes sent."""

    u: Int
    v: Int
    s: Int


@dataclass(frozen=True, eq=False, kw_only=True)
class XyloRegisters(NeuronRegisters):
    """Neurons of a Xylo core, one word per neuron.

    Attributes
    ----------
    dash_mem, dash_syn : (n,) int32
        Shifts by which voltage and current decay, 0 .. 15.
    vth : (n,) int32
        Threshold, 1 .. 32767; it is subtracted for every spike.
    bias : (n,) int32
        Added to the voltage at every step, 16 bits.
    spikes_max : int
        Spikes that a neuron can send in a step: 31 of a hidden one, 1 of an output.
    """

    model: ClassVar[str] = "xylo"
    words: ClassVar[tuple[str, ...]] = ("dash_mem", "dash_syn", "vth", "bias")
    options: ClassVar[Mapping[str, type]] = MappingProxyType({"spikes_max": int})
    graded: ClassVar[bool] = True
    in_order: ClassVar[bool] = True

    dash_mem: Int
    dash_syn: Int
    vth: Int
    bias: Int
    spikes_max: int = XYLO2.hidden_spikes_max

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("dash_mem", "dash_syn"):
            dash = getattr(self, name)
            require(dash, (dash >= 0) & (dash <= XYLO2.dash_max), name, "are outside [0, 15]")
        require(self.vth, (self.vth >= 1) & (self.vth <= LARGEST), "vth", "are outside [1, 32767]")
        fits = (self.bias >= -LARGEST - 1) & (self.bias <= LARGEST)
        require(self.bias, fits, "bias", f"do not fit {BITS} bits")
        if not 1 <= self.spikes_max <= XYLO2.hidden_spikes_max:
            raise ValidationError(f"spikes_max {self.spikes_max} outside [1, 31]")

    def rest(self, n_samples: int) -> XyloState:
        """Return the state before the first step."""
        zero = np.zeros((n_samples, self.n), np.int32)
        return XyloState(zero, zero, zero)

    def receive(self, state: XyloState, weights: Int64, s: AnyArray, from_input: bool) -> XyloState:
        """Add spikes to the current, source by source, each sum saturating.

        Parameters
        ----------
        weights : (n_post, n_pre) int64
        s : (n_samples, n_pre)
            Spikes of each source; what is above 15 of an input, above 31 of a neuron, is lost.
        from_input : bool
        """
        most = XYLO2.input_spikes_max if from_input else XYLO2.hidden_spikes_max
        spikes: Int64 = np.minimum(s.astype(np.int64), most)
        # doubles hold these sums exactly, and are multiplied many times faster than integers
        sent, w = spikes.astype(np.float64), weights.T.astype(np.float64)
        # no sum of a part can leave the word, so that their order does not matter
        if np.all(np.abs(state.u) + np.abs(sent) @ np.abs(w) <= LARGEST):
            return state._replace(u=(state.u + sent @ w).astype(np.int32))
        u = state.u
        for j in np.flatnonzero(spikes.any(axis=0)):
            # several spikes of one source have one sign: they saturate as their sum does
            u = clip_word(u + spikes[:, j, None] * weights[:, j], BITS)
        return state._replace(u=u)

    def step(self, state: XyloState, a_in: Int) -> XyloState:
        """Advance one step; what :meth:`receive` added is in the state already."""
        u = clip_word(state.u.astype(np.int64) + a_in[0], BITS)
        u = u - shift_loss(u, self.dash_syn)
        # the loss of the smallest voltage with dash 0 has no positive counterpart in 16 bits
        lost = (-shift_loss(state.v, self.dash_mem)).astype(np.int16).astype(np.int64)
        v = clip_word(lost + u, BITS)
        v = clip_word(v.astype(np.int64) + self.bias, BITS)
        v = clip_word(state.v.astype(np.int64) + v, BITS)
        n = np.clip(v // self.vth, 0, self.spikes_max).astype(np.int32)
        return XyloState(u, v - n * self.vth, n)
