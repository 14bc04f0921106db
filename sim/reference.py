"""The judge: the integer equations in plain numpy, slow and obvious."""

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from hetlava.arrays import AnyArray, Int
from hetlava.connectivity import Synapses
from hetlava.delays import by_delay
from hetlava.errors import ValidationError
from hetlava.events import Events, from_dense
from hetlava.fixedpoint import shift, wrap_int32
from hetlava.graph import INPUT
from hetlava.neurons.registers import NeuronRegisters, NeuronState
from hetlava.quantised import QuantisedNetwork
from hetlava.recording import PROBES, Recording, score
from hetlava.sim.synops import effective_synops
from hetlava.synapses import DELAY_MAX, QuantisedSynapses


@dataclass(kw_only=True)
class Past:
    """What samples remember between two runs.

    Attributes
    ----------
    states : dict of NeuronState
        Of every population.
    sent : dict of list of arrays
        What every source sent in the last steps, as many as delays can need.
    n_steps : int
        Steps since rest.
    """

    states: dict[str, NeuronState]
    sent: dict[str, list[AnyArray]]
    n_steps: int = 0


def at_rest(net: QuantisedNetwork, n_samples: int) -> Past:
    """Return the past of samples that begin."""
    names = [p.name for p in net.populations]
    states = {p.name: p.registers.rest(n_samples) for p in net.populations}
    return Past(states=states, sent={name: [] for name in (INPUT, *names)})


def run(
    net: QuantisedNetwork,
    inputs: Events,
    *,
    probes: Collection[str] = (),
    past: Past | None = None,
) -> Recording:
    """Run the network step by step.

    Parameters
    ----------
    net : QuantisedNetwork
    inputs : Events
        Input spikes of ``net.n_inputs`` channels.
    probes : collection of ``"u"`` and ``"v"``
        Traces to keep.
    past : Past, optional
        Where to go on from, changed by the run; from rest if not given.

    Raises
    ------
    ValidationError
        If the input has another number of channels or a probe is unknown.
    """
    check_run(net.n_inputs, inputs, probes)
    start = time.perf_counter()
    x = inputs.to_dense()
    rest = {p.name: p.registers.rest(inputs.n_samples) for p in net.populations}
    before = past or at_rest(net, inputs.n_samples)
    states, first = dict(before.states), len(before.sent[INPUT])
    in_order = {p.name: p.registers for p in net.populations if p.registers.in_order}
    history: dict[str, list[NeuronState]] = {p.name: [] for p in net.populations}
    sent = {name: list(messages) for name, messages in before.sent.items()}
    # as words, also where all are 1: a delay may reach back from a graded chunk to one that is not
    sent[INPUT] += list(x.astype(np.int32, copy=False))
    projections = [part for q in net.projections for part in by_delay(q)]
    for t in range(inputs.n_steps):
        a_in = {p.name: _silence(p.registers.n_ports, rest[p.name]) for p in net.populations}
        for p in net.populations:
            if p.resets_before(before.n_steps + t):
                states[p.name] = rest[p.name]
        for projection in projections if first + t else ():
            s, name = arriving(projection, sent[projection.source], first + t), projection.target
            if name in in_order:
                states[name] = _receive(in_order[name], states[name], projection, s)
            else:
                a_in[name][projection.port] += synaptic_input(projection, s)
        for p in net.populations:
            if before.n_steps + t >= p.start:
                states[p.name] = p.registers.step(states[p.name], a_in[p.name])
            else:  # what came before is lost
                states[p.name] = rest[p.name]
            history[p.name].append(states[p.name])
            sent[p.name].append(states[p.name].s)
    before.states, before.n_steps = states, before.n_steps + inputs.n_steps
    before.sent = {name: messages[-1 - DELAY_MAX :] for name, messages in sent.items()}
    return _recording(net, inputs, history, probes, time.perf_counter() - start)


def arriving(projection: Synapses, sent: Sequence[AnyArray], t: int) -> AnyArray:
    """Return what arrives at step ``t`` of what was sent at each step, (n_samples, n_pre)."""
    if projection.delays is None:
        return sent[t - 1]
    s = np.zeros_like(sent[0])
    for delay in range(min(t, int(projection.delays.max()) + 1)):
        late = projection.delays == delay
        s[:, late] = sent[t - 1 - delay][:, late]
    return s


def synaptic_input(projection: QuantisedSynapses, s: AnyArray) -> Int:
    """Return what messages (n_samples, n_pre) give to the target, (n_samples, n_post) int32."""
    if not projection.message_bits:
        s = s != 0
    # the sum is a word of 32 bits before it is shifted; of ones it never leaves that
    total = wrap_int32(projection.product(s)).astype(np.int64)
    return wrap_int32(shift(total, projection.weight_exp))


def _receive(
    registers: NeuronRegisters, state: NeuronState, projection: QuantisedSynapses, s: AnyArray
) -> NeuronState:
    """Hand messages one by one to neurons to which their order matters."""
    weights = shift(projection.matrix().astype(np.int64), projection.weight_exp)
    sent = s if projection.message_bits else s != 0
    return registers.receive(state, weights, sent, projection.source == INPUT)


def check_run(n_inputs: int, inputs: Events, probes: Collection[str]) -> None:
    """Check that the input fits the network and the probes exist."""
    if not isinstance(inputs, Events):
        raise ValidationError(
            f"the input is of type {type(inputs).__name__}, expected Events; "
            "hetlava.events.from_dense makes them of an array"
        )
    if inputs.n_neurons != n_inputs:
        raise ValidationError(
            f"the input has {inputs.n_neurons} channels, the network takes {n_inputs}"
        )
    unknown = sorted(set(probes) - set(PROBES))
    if unknown:
        raise ValidationError(f"probe {unknown[0]!r} is unknown; known: {', '.join(PROBES)}")


def _silence(n_ports: int, rest: NeuronState) -> Int:
    return np.zeros((n_ports, *rest.u.shape), np.int32)


def _recording(
    net: QuantisedNetwork,
    inputs: Events,
    history: dict[str, list[NeuronState]],
    probes: Collection[str],
    seconds: float,
) -> Recording:
    names = tuple(p.name for p in net.populations)
    u = {n: np.stack([state.u for state in history[n]]) for n in names}
    v = {n: np.stack([state.v for state in history[n]]) for n in names}
    spikes = {n: from_dense(np.stack([state.s for state in history[n]])) for n in names}
    return Recording(
        target="reference",
        provenance="simulated",
        names=names,
        spikes=tuple(spikes[n] for n in names),
        u=tuple(u[n] for n in names) if "u" in probes else (),
        v=tuple(v[n] for n in names) if "v" in probes else (),
        scores=score(net.readout, spikes[net.output], v[net.output]),
        seconds=seconds,
        synops=effective_synops(net.projections, {INPUT: inputs, **spikes}),
    )
