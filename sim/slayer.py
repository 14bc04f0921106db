"""SLAYER's own quantised forward in numpy: what a file of lava-dl was trained with.

CUBA neurons differ from those of the chip and of Lava in three ways (lava-dl 0.6.0 on a CPU). Their
states have no bounds: no current wraps, no voltage is clipped. They are handed on in single
precision, so that beyond 2**24 their lowest bits are lost. And a spike needs ``v >= vth + 0.01`` in
units of the state, where from a mantissa of 4096 (a threshold of 64) on the 0.01 is lost in single
precision, which leaves ``v >= vth`` for the chip's ``v > vth``. Where none of these shows, the
spikes are equal. Other neurons take their own step.
"""

import time
from dataclasses import dataclass, field

import numpy as np

from hetlava.arrays import AnyArray, Bool, Int, Int64
from hetlava.delays import by_delay
from hetlava.events import Events, from_dense
from hetlava.fixedpoint import DECAY_BITS, STATE_BITS, STATE_SHIFT, bias_value, shift
from hetlava.graph import INPUT
from hetlava.neurons.cuba import CubaRegisters
from hetlava.quantised import QuantisedNetwork, QuantisedPopulation
from hetlava.recording import Recording, score
from hetlava.sim.reference import arriving, check_run
from hetlava.sim.synops import effective_synops

EPSILON = 0.01  # of SLAYER's thresholds, in units of the state
HALF = 1 << (STATE_BITS - 1)

AT_THRESHOLD = "SLAYER spikes where v equals the threshold, which single precision rounds; Lava not"
WRAPS = "SLAYER's current leaves 24 bits, where Lava's wraps to the other sign"
CLIPS = "SLAYER's voltage leaves 24 bits, where Lava's is clipped"
ROUNDS = "SLAYER's state is above 2**24, where single precision loses its lowest bits"


@dataclass(frozen=True)
class Shown:
    """A difference between SLAYER and Lava that a run came upon.

    Attributes
    ----------
    layer, what : str
    count : int
        Neurons times steps in which it showed.
    sample, step, neuron : int
        The first of them.
    """

    layer: str
    what: str
    count: int
    sample: int
    step: int
    neuron: int


@dataclass
class _Cuba:
    """CUBA neurons of a population, their state in integers without bounds."""

    population: QuantisedPopulation
    loops: bool
    u: Int64
    v: Int64
    trace: AnyArray
    shown: dict[str, Shown] = field(default_factory=dict)

    def step(self, a_in: Int64, t: int) -> Bool:
        """Advance one step; return the spikes."""
        r = self.population.cuba
        self.u = _kept(self.u, r.du.astype(np.int64) + 1) + (a_in << STATE_SHIFT)
        heard = _single(self.u) + _single(bias_value(r.bias_mant, r.bias_exp))
        v = _kept(self.v, r.dv.astype(np.int64)) + heard.astype(np.int64)
        threshold = r.vth.astype(np.int64) << STATE_SHIFT
        s: Bool = (_single(v) >= (threshold + EPSILON).astype(np.float32)) & r.spiking
        self._note(AT_THRESHOLD, s & (v <= threshold), t)
        self._note(WRAPS, (self.u > HALF) | (self.u <= -HALF), t)
        self._note(CLIPS, np.abs(v) >= HALF, t)
        self._note(ROUNDS, (_single(self.u) != self.u) | (_single(v) != v), t)
        if self.loops:  # a recurrent block keeps its states as it hands them on
            self.u, v = _single(self.u).astype(np.int64), _single(v).astype(np.int64)
        self.v = np.where(s, np.int64(0), v)
        self.trace = self.v
        return s

    def _note(self, what: str, where: Bool, t: int) -> None:
        count = int(np.count_nonzero(where))
        if not count:
            return
        sample, neuron = (int(k) for k in np.argwhere(where)[0])
        old = self.shown.get(what, Shown(self.population.name, what, 0, sample, t, neuron))
        first = (old.sample, old.step, old.neuron)
        self.shown[what] = Shown(self.population.name, what, old.count + count, *first)


@dataclass
class _Other:
    """Neurons of another model, by their own step."""

    population: QuantisedPopulation
    state: AnyArray
    trace: AnyArray
    shown: dict[str, Shown] = field(default_factory=dict)

    def step(self, a_in: AnyArray, t: int) -> AnyArray:
        """Advance one step; return what is sent."""
        self.state = self.population.registers.step(self.state, a_in)  # type: ignore[assignment]
        self.trace = self.state.v  # type: ignore[attr-defined]
        return self.state.s  # type: ignore[attr-defined,no-any-return]


def run(net: QuantisedNetwork, inputs: Events) -> tuple[Recording, tuple[Shown, ...]]:
    """Run a network of lava-dl as SLAYER does; return its spikes, and the differences met.

    Raises
    ------
    ValidationError
        If the input has another number of channels.
    """
    check_run(net.n_inputs, inputs, ())
    start = time.perf_counter()
    groups = {p.name: _group(net, p, inputs.n_samples) for p in net.populations}
    sent: dict[str, list[AnyArray]] = {INPUT: list(inputs.to_dense())}
    rest = {p.name: p.registers.rest(inputs.n_samples) for p in net.populations}
    sent |= {name: [] for name in groups}
    voltage: list[AnyArray] = []
    projections = [part for q in net.projections for part in by_delay(q)]
    for t in range(inputs.n_steps):
        a_in = {
            p.name: np.zeros((p.registers.n_ports, *rest[p.name].u.shape), np.int64)
            for p in net.populations
        }
        for q in projections if t else ():
            s = arriving(q, sent[q.source], t)
            a_in[q.target][q.port] += shift(
                q.product(s if q.message_bits else s != 0), q.weight_exp
            )
        for p in net.populations:
            spikes = rest[p.name].s
            if t >= p.start:
                spikes = _step(groups[p.name], a_in[p.name], t)
            sent[p.name].append(spikes)
        voltage.append(groups[net.output].trace)
    return (
        _recording(net, inputs, sent, np.stack(voltage), time.perf_counter() - start),
        tuple(shown for group in groups.values() for shown in group.shown.values()),
    )


def _group(net: QuantisedNetwork, p: QuantisedPopulation, n_samples: int) -> _Cuba | _Other:
    zero = np.zeros((n_samples, p.registers.n), np.int64)
    if isinstance(p.registers, CubaRegisters):
        loops = any(q.source == q.target == p.name for q in net.projections)
        return _Cuba(p, loops, zero, zero, zero)
    return _Other(p, p.registers.rest(n_samples), zero)  # type: ignore[arg-type]


def _step(group: _Cuba | _Other, a_in: Int64, t: int) -> AnyArray:
    if isinstance(group, _Cuba):
        return group.step(a_in[0], t)
    narrow: Int = a_in.astype(np.int32)
    return group.step(narrow, t)


def _kept(x: Int64, d: Int64) -> Int64:
    """Return ``x`` times ``1 - d / 2**12``, toward zero."""
    y: Int64 = np.sign(x) * (np.abs(x) * ((1 << DECAY_BITS) - d) >> DECAY_BITS)
    return y


def _single(x: AnyArray) -> AnyArray:
    return x.astype(np.float32)


def _recording(
    net: QuantisedNetwork,
    inputs: Events,
    sent: dict[str, list[AnyArray]],
    voltage: AnyArray,
    seconds: float,
) -> Recording:
    names = tuple(p.name for p in net.populations)
    spikes = {name: from_dense(np.stack(sent[name])) for name in names}
    return Recording(
        target="slayer",
        provenance="simulated",
        names=names,
        spikes=tuple(spikes.values()),
        scores=score(net.readout, spikes[net.output], voltage),
        seconds=seconds,
        synops=effective_synops(net.projections, {INPUT: inputs, **spikes}),
    )
