"""Runs an integer network as a Lava process graph, with Lava's own bit-accurate models."""

import time
from collections.abc import Collection, Iterator
from typing import Any, get_args

import numpy as np

from hetlava.arrays import AnyArray, Int64
from hetlava.errors import ValidationError
from hetlava.events import Events, from_dense
from hetlava.export.lava_import import enable_lava, lava_module
from hetlava.export.lava_levels import merge_levels, split_levels
from hetlava.export.lava_models import Lif
from hetlava.export.lava_neurons import Course, check_neurons, neuron_process
from hetlava.export.lava_runtime import PATIENCE, run_graphs, shared, supervise
from hetlava.export.lava_synapses import all_lava_synapses, connect
from hetlava.graph import INPUT
from hetlava.quantised import QuantisedNetwork
from hetlava.recording import Recording, join, score
from hetlava.sim.reference import check_run
from hetlava.sim.synops import effective_synops

MODULES = (
    "lava.magma.compiler.compiler",
    "lava.magma.core.run_configs",
    "lava.proc.conv.models",
    "lava.proc.dense.models",
    "lava.proc.lif.models",
    "lava.proc.rf.models",
    "lava.proc.rf_iz.models",
    "lava.proc.sdn.models",
    "lava.proc.sparse.models",
)


def run(
    net: QuantisedNetwork,
    inputs: Events,
    *,
    probes: Collection[str] = (),
    lif: Lif = "stock",
    patience: float = PATIENCE,
) -> Recording:
    """Run every sample from rest, one after the other, in one run of Lava's CPU runtime.

    Parameters
    ----------
    net : QuantisedNetwork
    inputs : Events
        Input spikes of ``net.n_inputs`` channels.
    probes : collection of ``"u"`` and ``"v"``
        Traces to keep; each costs a message per population and step.
    lif : str
        ``stock`` for Lava's own LIF, ``vector`` for hetlava's, whose registers are real Vars,
        ``levels`` for one of Lava's own with scalars per distinct (du, dv, vth).
    patience : float
        Longest time [s] without a finished step before Lava is given up.

    Raises
    ------
    ValidationError
        If the input has another number of channels, or a probe or ``lif`` is unknown.
    UnsupportedError
        If Lava has no such neurons, holds a projection in no way, or ``levels`` cannot split the
        network.
    MissingPackageError
        If Lava or a package that it imports is not installed.
    TargetError
        If Lava fails or hangs.
    """
    check_run(net.n_inputs, inputs, probes)
    if lif not in get_args(Lif):
        raise ValidationError(f"lif {lif!r} is unknown; known: {', '.join(get_args(Lif))}")
    levels = split_levels(net) if lif == "levels" else None
    graph, wanted = (levels.net if levels else net), _wanted(net, probes)
    if levels:
        wanted = {g: wanted[name] for name, groups in levels.groups.items() for g in groups}
    for projection in graph.projections:
        all_lava_synapses(projection)
    for population in graph.populations:
        check_neurons(population)
    if inputs.n_samples > 1 and lif != "vector" and _stock_resets(net):
        # Lava's own neurons know one interval, not a second one for the end of a sample
        parts = (inputs.samples(k, k + 1) for k in range(inputs.n_samples))
        return join([run(net, part, probes=probes, lif=lif, patience=patience) for part in parts])
    versions = enable_lava()
    start = time.perf_counter()
    apart = with_silence(inputs, _silence(net) if inputs.n_samples > 1 else 0)
    records = _records(graph, apart, wanted)
    _run_graph(graph, apart, inputs.n_steps, records, lif, patience)
    records = {
        name: {state: values[: inputs.n_steps] for state, values in states.items()}
        for name, states in records.items()
    }
    seconds = time.perf_counter() - start
    details = {"lava-nc": versions.nc, "lif": lif}
    if levels:
        records = merge_levels(levels, records)
    return _recording(net, inputs, records, probes, seconds, details)


def _stock_resets(net: QuantisedNetwork) -> bool:
    return any(p.reset_interval for p in net.cuba_populations)


def with_silence(inputs: Events, n_steps: int) -> Events:
    """Return the events with steps without any after each sample."""
    lengths = np.diff(inputs.indptr).reshape(inputs.n_samples, inputs.n_steps)
    ends = np.cumsum(np.pad(lengths, ((0, 0), (0, n_steps))))
    return Events(
        n_samples=inputs.n_samples,
        n_steps=inputs.n_steps + n_steps,
        n_neurons=inputs.n_neurons,
        indptr=np.concatenate([np.zeros(1, np.int64), ends.astype(np.int64)]),
        index=inputs.index,
        values=inputs.values,
    )


def _silence(net: QuantisedNetwork) -> int:
    """Return after how many steps nothing of a sample is on its way any more."""
    longest = max((q.longest_delay for q in net.projections), default=0)
    return 1 + longest if longest else 0


def _run_graph(
    net: QuantisedNetwork,
    inputs: Events,
    n_sent: int,
    records: dict[str, dict[str, AnyArray]],
    lif: Lif,
    patience: float,
) -> None:
    steps_done = shared((len(net.populations),), np.int64)
    n_steps = inputs.n_steps * inputs.n_samples
    if not n_steps:
        return
    # imported here, so that the forked children find it loaded
    for module in MODULES:
        lava_module(module)
    supervise(
        lambda: run_graphs(_roots(net, inputs, n_sent, records, steps_done, lif), n_steps),
        steps_done,
        patience,
    )


def _wanted(net: QuantisedNetwork, probes: Collection[str]) -> dict[str, set[str]]:
    """The states to record of each population."""
    wanted = {p.name: {"spikes", *probes} for p in net.populations}
    if net.readout != "spike-count":
        wanted[net.output].add("v")
    return wanted


def _records(
    net: QuantisedNetwork, inputs: Events, wanted: dict[str, set[str]]
) -> dict[str, dict[str, AnyArray]]:
    return {
        p.name: {
            state: shared((inputs.n_steps, inputs.n_samples, p.registers.n), kind)
            for state in sorted(wanted[p.name])
            for kind in [np.bool_ if state == "spikes" and not p.registers.graded else np.int32]
        }
        for p in net.populations
    }


def _roots(
    net: QuantisedNetwork,
    inputs: Events,
    n_sent: int,
    records: dict[str, dict[str, AnyArray]],
    steps_done: Int64,
    lif: Lif,
) -> Iterator[Any]:
    """Build the graph and yield one process of each of its connected parts."""
    from hetlava.export.lava_processes.io import EventSource, SpikeTap, TraceProbe

    neurons, inward = dict[str, Any](), dict[str, tuple[Any, ...]]()
    senders: dict[str, Any] = {INPUT: EventSource(events=inputs)}
    course = Course(inputs.n_steps, inputs.n_samples)
    probes = []  # a process that nobody holds is stopped by Lava
    for i, p in enumerate(net.populations):
        process, ports, states = neuron_process(p, lif, course)
        record = records[p.name]
        tap = SpikeTap(record=record["spikes"], n_sent=n_sent, steps_done=steps_done[i : i + 1])
        process.s_out.connect(tap.s_in)
        neurons[p.name], senders[p.name], inward[p.name] = process, tap, ports
        for state in record.keys() - {"spikes"}:
            probes.append(TraceProbe(record=record[state]))
            probes[-1].state.connect_var(getattr(process, states[state]))
    for projection in net.projections:
        port = inward[projection.target][projection.port]
        for synapses in all_lava_synapses(projection):
            connect(synapses, senders[projection.source].s_out, port)
    for names in connected_parts(net):
        yield neurons[names[0]]


def connected_parts(net: QuantisedNetwork) -> list[tuple[str, ...]]:
    """Return the names of the populations in groups that no projection joins."""
    part = {name: i for i, name in enumerate((INPUT, *(p.name for p in net.populations)))}
    for projection in net.projections:
        old, new = part[projection.source], part[projection.target]
        part = {name: new if i == old else i for name, i in part.items()}
    names = [p.name for p in net.populations]
    groups = {part[name]: tuple(n for n in names if part[n] == part[name]) for name in names}
    return list(groups.values())


def _recording(
    net: QuantisedNetwork,
    inputs: Events,
    records: dict[str, dict[str, AnyArray]],
    probes: Collection[str],
    seconds: float,
    details: dict[str, str],
) -> Recording:
    names = tuple(p.name for p in net.populations)
    spikes = {name: from_dense(records[name]["spikes"]) for name in names}
    return Recording(
        target="lava-cpu",
        provenance="emulated",
        names=names,
        spikes=tuple(spikes.values()),
        u=tuple(records[n]["u"] for n in names) if "u" in probes else (),
        v=tuple(records[n]["v"] for n in names) if "v" in probes else (),
        scores=score(net.readout, spikes[net.output], records[net.output].get("v")),
        seconds=seconds,
        synops=effective_synops(net.projections, {INPUT: inputs, **spikes}),
        details=details,
    )
