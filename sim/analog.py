"""The analog simulator: networks in continuous time, spikes found to the spacing of doubles.

Events in, events out: between two events every neuron follows its closed form
(:mod:`hetlava.sim.analog_neuron`), so there is no step and no step error. ``clocked`` compares
with thresholds at the ends of steps only; that is the discrete network, spike for spike, and the
way to see what the step of a discrete network costs.
"""

import time
from collections.abc import Collection
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from hetlava.arrays import Float, Int64
from hetlava.events import Events
from hetlava.graph import INPUT, groups_in_order
from hetlava.recording import Recording, score
from hetlava.sim.analog_groups import Analog, Members, run_group
from hetlava.sim.analog_network import AnalogNetwork
from hetlava.sim.reference import check_run
from hetlava.sim.spike_times import SpikeTimes, times_of
from hetlava.sim.synops import effective_synops

MASK = (1 << 63) - 1

__all__ = ["Analog", "AnalogRun", "run", "sample_keys"]


class AnalogRun(NamedTuple):
    """A recording, and the exact times of the spikes of each of its populations."""

    recording: Recording
    times: tuple[SpikeTimes, ...]


def run(
    net: AnalogNetwork,
    inputs: Events,
    how: Analog | None = None,
    *,
    probes: Collection[str] = (),
) -> AnalogRun:
    """Run a batch in continuous time; an input spike of step t arrives at ``(t + 1) dt``.

    Parameters
    ----------
    net : AnalogNetwork
    inputs : Events
        Steps of ``net.dt`` seconds.
    probes : collection of ``"u"`` and ``"v"``
        Traces to keep, sampled at the ends of steps as a converter would: u in the unit of the
        discrete network [V], v [V] after the reset.

    Returns
    -------
    AnalogRun
        The recording holds spikes by step, several of a neuron in a step as one; scores count all.

    Raises
    ------
    ValidationError
        If the input has another number of channels or a probe is unknown.
    TargetError
        If neurons fire without bound.
    """
    check_run(net.n_inputs, inputs, probes)
    how = how or Analog()
    started = time.perf_counter()
    sources = {INPUT: times_of(inputs, net.dt)}
    key = sample_keys(sources[INPUT], how.seed)
    traces: dict[str, tuple[Float, Float]] = {}
    names = [p.name for p in net.populations]
    for members in groups_in_order(names, net.projections):
        group = Members(net, members)
        wanted = bool(probes) or (net.output in members and net.readout != "spike-count")
        spikes, (u, v) = run_group(group, sources, inputs, key, how, traced=wanted)
        sources |= group.split(spikes)
        traces |= {n: (u[..., at], v[..., at]) for n, at in group.slices.items()}
    times = tuple(sources[name] for name in names)
    recording = _recording(net, inputs, dict(zip(names, times, strict=True)), traces, probes)
    return AnalogRun(replace(recording, seconds=time.perf_counter() - started), times)


def sample_keys(inputs: SpikeTimes, seed: int) -> Int64:
    """Return a number per sample that follows from its own spikes and the seed, (n_samples,)."""
    x = (inputs.time * 1e9).astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    x ^= (inputs.neuron.astype(np.uint64) + np.uint64(seed % 2**32)) * np.uint64(0xD1342543DE82EF95)
    x ^= x >> np.uint64(29)
    x *= np.uint64(0xBF58476D1CE4E5B9)
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(x, dtype=np.uint64)])[inputs.indptr]
    keys = np.diff(sums) + np.uint64(seed * 0x94D049BB133111EB % 2**64)
    return (keys & np.uint64(MASK)).astype(np.int64)


def _recording(
    net: AnalogNetwork,
    inputs: Events,
    times: dict[str, SpikeTimes],
    traces: dict[str, tuple[Float, Float]],
    probes: Collection[str],
) -> Recording:
    spikes = {name: t.binned(net.dt, inputs.n_steps) for name, t in times.items()}
    counts = {name: t.counts() for name, t in times.items()}
    if net.readout == "spike-count":
        scores = counts[net.output].astype(np.float64)
    else:
        scores = score(net.readout, spikes[net.output], traces[net.output][1])
    doubled = sum(int(c.sum()) for c in counts.values())
    doubled -= sum(e.n_events for e in spikes.values())
    return Recording(
        target="analog",
        provenance="simulated",
        names=tuple(times),
        spikes=tuple(spikes.values()),
        u=tuple(traces[name][0] for name in times) if "u" in probes else (),
        v=tuple(traces[name][1] for name in times) if "v" in probes else (),
        scores=scores,
        seconds=0.0,
        synops=effective_synops(net.projections, {INPUT: inputs, **spikes}),
        details={"spikes beyond one per step": doubled},
    )
