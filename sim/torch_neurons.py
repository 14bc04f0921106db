"""Neurons on torch: one step, or all steps at once, in the integers of :mod:`hetlava.neurons`."""

from abc import ABC, abstractmethod
from collections.abc import Collection
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from hetlava.arrays import AnyArray
from hetlava.errors import UnsupportedError
from hetlava.fixedpoint import DECAY_BITS, STATE_BITS, STATE_SHIFT, bias_value
from hetlava.neurons.cuba import CubaRegisters
from hetlava.neurons.refractory import CubaRefractoryRegisters, cuba_part
from hetlava.quantised import QuantisedPopulation

if TYPE_CHECKING:
    import torch

HALF = 1 << (STATE_BITS - 1)
TURN = 1 << STATE_BITS
LIMIT = HALF - 1
FRACTION = (1 << DECAY_BITS) - 1
NEVER = TURN  # a threshold that no voltage reaches


class State(NamedTuple):
    """State after a step, (n_samples, n) each, as :class:`hetlava.neurons.registers.NeuronState`.

    ``more`` is what a model's own step needs next time, where it is not run on the device.
    """

    u: "torch.Tensor"
    v: "torch.Tensor"
    s: "torch.Tensor"
    more: Any = None


class Steps(NamedTuple):
    """All steps of a population, (n_steps, n_samples, n) each; None for what is not kept."""

    sent: "torch.Tensor"
    u: "torch.Tensor | None"
    v: "torch.Tensor | None"

    def put(self, t: int, state: State) -> None:
        """Keep the state of step ``t``."""
        self.sent[t] = state.s
        if self.u is not None:
            self.u[t] = state.u
        if self.v is not None:
            self.v[t] = state.v


class Update(ABC):
    """The neurons of one population; what arrives is (n_ports, ..., n) int32 on the device."""

    def __init__(self, population: QuantisedPopulation) -> None:
        self.population = population

    @abstractmethod
    def rest(self, arriving: "torch.Tensor") -> State:
        """Return the state before the first step, for what arrives in one, (ports, samples, n)."""

    @abstractmethod
    def step(self, state: State, arriving: "torch.Tensor") -> State:
        """Advance one step by what arrives in it, (n_ports, n_samples, n)."""

    def nothing(self, arriving: "torch.Tensor", kept: Collection[str]) -> Steps:
        """Return silent steps to be filled, for (n_ports, n_steps, n_samples, n)."""
        import torch

        zero = arriving[0]
        kind = torch.int32 if self.population.registers.graded else torch.bool
        u, v = (torch.zeros_like(zero) if name in kept else None for name in ("u", "v"))
        return Steps(torch.zeros_like(zero, dtype=kind), u, v)

    def over_time(self, arriving: "torch.Tensor", kept: Collection[str], loops: str) -> Steps:
        """Run all steps from rest, by ``torch`` or ``triton`` loops."""
        steps = self.nothing(arriving, kept)
        state = rest = self.rest(arriving[:, 0])
        for t in range(arriving.shape[1]):
            state = self.after(t, state, rest, arriving[:, t])
            steps.put(t, state)
        return steps

    def after(self, t: int, state: State, rest: State, arriving: "torch.Tensor") -> State:
        """Return the state after step ``t``: rest until the population starts."""
        if t < self.population.start:
            return rest
        return self.step(rest if self.population.resets_before(t) else state, arriving)


class HostUpdate(Update):
    """Neurons of any model by their own step, in numpy: the synapses stay on the device."""

    def rest(self, arriving: "torch.Tensor") -> State:
        """Return the model's rest."""
        return self._on_device(self.population.registers.rest(arriving.shape[1]), arriving)

    def step(self, state: State, arriving: "torch.Tensor") -> State:
        """Take the model's step."""
        after = self.population.registers.step(state.more, arriving.cpu().numpy())
        return self._on_device(after, arriving)

    def _on_device(self, state: Any, like: "torch.Tensor") -> State:
        import torch

        u, v, s = (torch.tensor(x, device=like.device) for x in (state.u, state.v, state.s))
        return State(u, v, s, state)


class CubaUpdate(Update):
    """CUBA neurons; those that never spike have a threshold out of reach."""

    def __init__(self, population: QuantisedPopulation, device: str) -> None:
        import torch

        super().__init__(population)
        r, full = cuba_part(population.registers), 1 << DECAY_BITS
        assert r is not None

        def on_device(values: AnyArray) -> torch.Tensor:
            return torch.tensor(values.astype(np.int64), device=device)

        self.keep_u = on_device(full - 1 - r.du)
        self.keep_v = on_device(full - r.dv)
        self.bias = on_device(bias_value(r.bias_mant, r.bias_exp))
        self.threshold = on_device(
            r.vth.astype(np.int64) << STATE_SHIFT if r.spiking else np.full(r.n, NEVER)
        )

    def rest(self, arriving: "torch.Tensor") -> State:
        """Return zeros."""
        zero = arriving.new_zeros(arriving.shape[1:])
        return State(zero, zero, zero > 0)

    def step(self, state: State, arriving: "torch.Tensor") -> State:
        """Advance one step; as :func:`hetlava.neurons.cuba.step`."""
        u, v = self.integrate(state, arriving)
        s = v > self.threshold
        return State(u.int(), v.masked_fill(s, 0).int(), s)

    def integrate(
        self, state: State, arriving: "torch.Tensor"
    ) -> tuple["torch.Tensor", "torch.Tensor"]:
        """Return current and voltage before any reset, int64: between wraps it has 64 bits."""
        import torch

        drive = wrap_int32(arriving[0].long() << STATE_SHIFT)
        u = wrap_int32(decay(state.u, self.keep_u) + drive)
        u = torch.where(u > HALF, u - TURN, torch.where(u <= -HALF, u + TURN, u))
        return u, wrap_int32(decay(state.v, self.keep_v) + u + self.bias).clamp(-LIMIT, LIMIT)

    def over_time(self, arriving: "torch.Tensor", kept: Collection[str], loops: str) -> Steps:
        """Run all steps from rest, by ``torch`` or ``triton`` loops."""
        if loops != "triton":
            return super().over_time(arriving, kept, loops)
        from hetlava.sim.triton_cuba import launch

        steps = self.nothing(arriving, kept)
        launch(self, arriving[0], steps)
        return steps


class RefractoryUpdate(CubaUpdate):
    """CUBA neurons that are silent after a spike; ``more`` counts the steps that are left."""

    def __init__(
        self, population: QuantisedPopulation, registers: CubaRefractoryRegisters, device: str
    ) -> None:
        import torch

        super().__init__(population, device)
        self.waits = torch.tensor(registers.refractory.copy(), device=device)
        self.subtracts = registers.reset == "subtract"

    def rest(self, arriving: "torch.Tensor") -> State:
        """Return zeros."""
        zero = arriving.new_zeros(arriving.shape[1:])
        return State(zero, zero, zero > 0, zero)

    def step(self, state: State, arriving: "torch.Tensor") -> State:
        """Advance one step; as :mod:`hetlava.neurons.refractory` says."""
        import torch

        u, v = self.integrate(state, arriving)
        free = state.more == 0
        v = torch.where(free, v, state.v.long())
        s = free & (v > self.threshold)
        after = v - self.threshold if self.subtracts else torch.zeros_like(v)
        waits = torch.where(s, self.waits, (state.more - 1).clamp(min=0))
        return State(u.int(), torch.where(s, after, v).int(), s, waits)

    def over_time(self, arriving: "torch.Tensor", kept: Collection[str], loops: str) -> Steps:
        """Run all steps from rest, by torch: Triton's loop knows no silence."""
        return super().over_time(arriving, kept, "torch")


def decay(x: "torch.Tensor", keep: "torch.Tensor") -> "torch.Tensor":
    """Return ``x * keep / 4096`` truncated toward zero, int64."""
    product = x.long() * keep
    # the shift rounds down, so that a negative product is lifted first
    return (product + ((product >> 63) & FRACTION)) >> DECAY_BITS


def wrap_int32(x: "torch.Tensor") -> "torch.Tensor":
    """Reduce int64 modulo 2**32 to a signed word, kept as int64."""
    return x.int().long()


def neuron_update(population: QuantisedPopulation, device: str) -> Update:
    """Return the neurons of a population: on the device where there is an update for them.

    Raises
    ------
    UnsupportedError
        If what they receive depends on the order of messages, of which only sums are made here.
    """
    if population.registers.in_order:
        raise UnsupportedError(
            f"population {population.name!r}: the order in which messages arrive matters to "
            f"{population.registers.model!r} neurons; run it on the reference"
        )
    if type(population.registers) is CubaRegisters:
        return CubaUpdate(population, device)
    if isinstance(population.registers, CubaRefractoryRegisters):
        return RefractoryUpdate(population, population.registers, device)
    return HostUpdate(population)
