"""The float reference: the discrete equations in double precision, nothing rounded."""

import time
from collections.abc import Collection

import numpy as np

from hetlava.arrays import AnyArray
from hetlava.delays import by_delay
from hetlava.events import Events, from_dense
from hetlava.graph import INPUT
from hetlava.network import Network
from hetlava.neurons.cuba import CubaFloatState, coefficients, step_float
from hetlava.recording import Recording, join, score
from hetlava.sim.reference import arriving, check_run
from hetlava.sim.synops import effective_synops

CHUNK = 128  # samples held densely at a time


def run(net: Network, inputs: Events, *, probes: Collection[str] = ()) -> Recording:
    """Run a float network step by step in float64.

    Parameters
    ----------
    net : Network
    inputs : Events
        Input spikes of ``net.n_inputs`` channels.
    probes : collection of ``"u"`` and ``"v"``
        Traces to keep [V].

    Raises
    ------
    ValidationError
        If the input has another number of channels or a probe is unknown.
    """
    check_run(net.n_inputs, inputs, probes)
    starts = range(0, inputs.n_samples, CHUNK)
    return join([_run_chunk(net, inputs.samples(i, i + CHUNK), probes) for i in starts])


def _run_chunk(net: Network, inputs: Events, probes: Collection[str]) -> Recording:
    start = time.perf_counter()
    x = inputs.to_dense()
    rule = {p.name: coefficients(p.neurons, net.dt, net.discretisation) for p in net.populations}
    rest = {name: np.zeros((inputs.n_samples, c.alpha.size)) for name, c in rule.items()}
    state = {
        name: CubaFloatState(zero, zero + rule[name].reset, zero > 0) for name, zero in rest.items()
    }
    history: dict[str, list[CubaFloatState]] = {name: [] for name in rule}
    sent: dict[str, list[AnyArray]] = {INPUT: list(x)} | {name: [] for name in rule}
    projections = [part for q in net.projections for part in by_delay(q)]
    for t in range(inputs.n_steps):
        drive = dict(rest)
        for p in projections if t else ():
            drive[p.target] = drive[p.target] + p.product(arriving(p, sent[p.source], t))
        state = {name: step_float(rule[name], state[name], drive[name]) for name in rule}
        for name in rule:
            history[name].append(state[name])
            sent[name].append(state[name].s)
    return _recording(net, inputs, history, probes, time.perf_counter() - start)


def _recording(
    net: Network,
    inputs: Events,
    history: dict[str, list[CubaFloatState]],
    probes: Collection[str],
    seconds: float,
) -> Recording:
    names = tuple(history)
    u = {n: np.stack([s.u for s in history[n]]) for n in names if "u" in probes}
    v = {
        n: np.stack([s.v for s in history[n]])
        for n in names
        if "v" in probes or (n == net.output and net.readout != "spike-count")
    }
    spikes = {n: from_dense(np.stack([s.s for s in history[n]])) for n in names}
    return Recording(
        target="float",
        provenance="reference",
        names=names,
        spikes=tuple(spikes.values()),
        u=tuple(u.values()),
        v=tuple(v.values()) if "v" in probes else (),
        scores=score(net.readout, spikes[net.output], v.get(net.output)),
        seconds=seconds,
        synops=effective_synops(net.projections, {INPUT: inputs, **spikes}),
    )
