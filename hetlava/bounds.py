"""Bounds on the states of a quantised network, whatever spikes it is given: interval arithmetic.

Every source neuron spikes at most once a step, so the sums of a neuron's positive and of its
negative weights bound its input, and the states that these inputs reach when repeated for ever
bound ``u`` and ``v``. A source that can never spike adds nothing. The bounds hold from rest, for
any number of steps, and for the neurons of a first layer they are reached.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from hetlava.arrays import ArrayRecord, Bool, Float, Int64
from hetlava.delays import by_delay
from hetlava.fixedpoint import DECAY_BITS, STATE_BITS, STATE_SHIFT, bias_value, shift
from hetlava.graph import INPUT, groups_in_order
from hetlava.neurons.cuba import CubaRegisters
from hetlava.quantised import QuantisedNetwork, QuantisedPopulation
from hetlava.synapses import QuantisedSynapses

HALF = 1 << (STATE_BITS - 1)  # the largest current that does not wrap
LIMIT = HALF - 1  # where the voltage saturates
WORD = np.iinfo(np.int32)  # of the sums
UNBOUNDED = 1 << 60  # where a state without decay ends
DRIVE_MAX = 1 << 40  # beyond every word, and small enough to be multiplied by 2**12
ROUNDS = 16  # around a loop, before all its neurons are taken to spike


@dataclass(frozen=True, eq=False, kw_only=True)
class PopulationBounds(ArrayRecord):
    """What the states of a population can reach, one value per neuron.

    Attributes
    ----------
    name : str
    drive_low, drive_high : (n,) int64
        Synaptic input of one step, in units of the state: ``a << 6``.
    u_low, u_high, v_low, v_high : (n,) int64
        Current after its wrap, voltage before it is compared with the threshold; rest, which is
        0, included.
    overflows : (n,) bool
        The sum of the inputs can leave 32 bits.
    wraps : (n,) bool
        The current can leave its 24 bits.
    saturates : (n,) bool
        The voltage can be clipped where that changes what follows: not where it spikes anyway.
    wrap_share, saturation_share : (n,) float64
        Part of the one-sided worst input that does so if it lasts; infinite where all does not.
    never, always : (n,) bool
        The neuron cannot spike, or spikes at every step, whatever the input.
    """

    name: str
    drive_low: Int64
    drive_high: Int64
    u_low: Int64
    u_high: Int64
    v_low: Int64
    v_high: Int64
    overflows: Bool
    wraps: Bool
    saturates: Bool
    wrap_share: Float
    saturation_share: Float
    never: Bool
    always: Bool


class _Range(NamedTuple):
    """A state's bounds, what it would reach in a word without end, and the share that ends it."""

    low: Int64
    high: Int64
    bottom: Int64
    top: Int64
    share: Float


def steady(drive: Int64, d: Int64) -> Int64:
    """Return what a state reaches from 0 if ``drive`` is added for ever; 0 for none or less.

    The least fixed point of ``x = decay(x, d) + drive``, truncation included.

    Parameters
    ----------
    drive : (n,) int64
        At most ``2**40`` counts.
    d : (n,) int64
        Decay words, 0 .. 4096; without decay the state has no bound, here ``2**60``.

    Examples
    --------
    >>> steady(np.array([10, 10, 10, -3]), np.array([4096, 1024, 0, 1024])).tolist()
    [10, 37, 1152921504606846976, 0]
    """
    grown = ((np.minimum(drive, DRIVE_MAX) - 1) << DECAY_BITS) // np.maximum(d, 1) + 1
    y: Int64 = np.where(drive <= 0, 0, np.where(d == 0, UNBOUNDED, grown))
    return y


def bounds(net: QuantisedNetwork) -> tuple[PopulationBounds, ...]:
    """Return the bounds of every population of CUBA neurons, in their order."""
    incoming: dict[str, list[QuantisedSynapses]] = {p.name: [] for p in net.populations}
    for q in net.projections:
        incoming[q.target] += by_delay(q)
    members = {p.name: p for p in net.populations}
    can_spike = {p.name: np.zeros(p.registers.n, np.bool_) for p in net.populations}
    can_spike[INPUT] = np.ones(net.n_inputs, np.bool_)
    found: dict[str, PopulationBounds] = {}
    for p in net.populations:  # of other models nothing is known but that they may spike
        if p not in net.cuba_populations:
            can_spike[p.name][:] = True
    for group in groups_in_order(list(members), net.projections):
        known = [members[name] for name in group if members[name] in net.cuba_populations]
        for made in _settle(known, incoming, can_spike):
            found[made.name] = made
    return tuple(found[p.name] for p in net.cuba_populations)


def _settle(
    group: Sequence[QuantisedPopulation],
    incoming: dict[str, list[QuantisedSynapses]],
    can_spike: dict[str, Bool],
) -> list[PopulationBounds]:
    """Bound populations of a common loop, and say in ``can_spike`` which neurons can.

    At first nobody of the loop spikes; then those that can without the others, and so on. Where
    that ends, nobody outside the set can be the first to spike.
    """
    for _ in range(ROUNDS):
        made = [_population(p, incoming[p.name], can_spike) for p in group]
        changed = False
        for p, b in zip(group, made, strict=True):
            able = ~b.never & p.cuba.spiking
            changed |= not np.array_equal(able, can_spike[p.name])
            can_spike[p.name] = able
        if not changed or not _loops(group, incoming):
            return made
    for p in group:
        can_spike[p.name] = np.full(p.registers.n, p.cuba.spiking)
    return [_population(p, incoming[p.name], can_spike) for p in group]


def _loops(
    group: Sequence[QuantisedPopulation], incoming: dict[str, list[QuantisedSynapses]]
) -> bool:
    names = {p.name for p in group}
    return any(q.source in names for name in names for q in incoming[name])


def _population(
    population: QuantisedPopulation,
    incoming: Iterable[QuantisedSynapses],
    can_spike: dict[str, Bool],
) -> PopulationBounds:
    registers = population.cuba
    low, high = np.zeros(registers.n, np.int64), np.zeros(registers.n, np.int64)
    for q in incoming:
        negative, positive = _reach(q, can_spike[q.source])
        low += shift(negative, q.weight_exp) << STATE_SHIFT
        high += shift(positive, q.weight_exp) << STATE_SHIFT
    return _states(population.name, registers, low, high)


def _reach(q: QuantisedSynapses, active: Bool) -> tuple[Int64, Int64]:
    """Return the sums of one step that the messages can make, (n_post,) each.

    Graded messages are of either sign, and taken to have the bits that are declared; a sum of
    more than 32 bits may be anything within these.
    """
    negative, positive = q.signed_sums(active)
    if not q.message_bits:
        return negative, positive
    largest = (1 << q.message_bits) - 1
    worst = np.minimum(positive - negative, -WORD.min // largest + 1) * largest
    worst = np.minimum(worst, -WORD.min)
    return -worst, worst


def _states(name: str, registers: CubaRegisters, low: Int64, high: Int64) -> PopulationBounds:
    u = _current(low, high, registers.du.astype(np.int64) + 1)
    bias = bias_value(registers.bias_mant, registers.bias_exp).astype(np.int64)
    threshold = registers.vth.astype(np.int64) << STATE_SHIFT
    resets = (threshold < LIMIT) & registers.spiking
    v = _voltage(u, bias, registers.dv.astype(np.int64), resets)
    return PopulationBounds(
        name=name,
        drive_low=low,
        drive_high=high,
        u_low=u.low,
        u_high=u.high,
        v_low=v.low,
        v_high=v.high,
        overflows=(high > WORD.max) | (low < WORD.min),
        wraps=np.isfinite(u.share),
        saturates=np.isfinite(v.share),
        wrap_share=u.share,
        saturation_share=v.share,
        never=(v.high <= threshold) & registers.spiking,
        # the reset leaves 0, so that the voltage is this step's current and bias
        always=(np.minimum(u.low + bias, LIMIT) > threshold) & registers.spiking,
    )


def _current(low: Int64, high: Int64, d: Int64) -> _Range:
    top, bottom = steady(high, d), -steady(-low, d)
    rises, sinks = top > HALF, bottom <= -HALF
    wraps = rises | sinks
    # One turn brings back what is at most one turn outside. Further out the current may be
    # anything, and so may its sum with the voltage, which then turns its sign.
    kept = HALF * ((1 << DECAY_BITS) - d) >> DECAY_BITS
    back = (kept + high <= 3 * HALF) & (low - kept > -3 * HALF)
    needed = reaching(HALF, d)
    return _Range(
        low=np.where(wraps, np.where(back, 1 - HALF, WORD.min), bottom),
        high=np.where(wraps, np.where(back, HALF, WORD.max), top),
        bottom=bottom,
        top=top,
        share=np.minimum(_share(needed, high, rises), _share(needed, -low, sinks)),
    )


def _voltage(u: _Range, bias: Int64, dv: Int64, resets: Bool) -> _Range:
    # a current that wraps is told of as such; here it counts up to its word
    bottom = -steady(-np.maximum(u.bottom, -HALF) - bias, dv)
    top = steady(np.minimum(u.top, HALF) + bias, dv)
    sinks, rises = bottom < -LIMIT, (top > LIMIT) & ~resets
    needed = reaching(LIMIT, dv)
    return _Range(
        low=np.maximum(-steady(-u.low - bias, dv), -LIMIT),
        high=np.minimum(steady(u.high + bias, dv), LIMIT),
        bottom=bottom,
        top=top,
        share=np.minimum(
            _share(needed + bias, -u.bottom, sinks), _share(needed - bias, u.top, rises)
        ),
    )


def reaching(state: int, d: Int64) -> Float:
    """Return the drive that takes a state from 0 to ``state`` if it is added for ever, (n,)."""
    needed: Float = state * (d / (1 << DECAY_BITS)) + 1
    return needed


def _share(needed: Float, worst: Int64, where: Bool) -> Float:
    """Return which part of the worst input is needed, infinite where the worst is not enough."""
    share: Float = np.where(where, np.clip(needed / np.maximum(worst, 1), 0, 1), np.inf)
    return share
