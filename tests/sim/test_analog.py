"""Networks in continuous time: the reference's clock, finer clocks, jitter."""

from dataclasses import replace

import numpy as np
import pytest

from hetlava.errors import TargetError, UnsupportedError, ValidationError
from hetlava.events import from_coordinates, from_dense
from hetlava.network import Network, Population, Projection
from hetlava.neurons.cuba import CubaLI, CubaLIF
from hetlava.sim import analog, analog_groups, floating
from hetlava.sim.analog import Analog
from hetlava.sim.analog_network import step_gain, to_analog
from hetlava.sim.spike_times import SpikeTimes, times_of

N_STEPS, N_SAMPLES = 40, 37


def lif(rng, n):
    return CubaLIF(
        tau_mem=rng.uniform(0.005, 0.05, n),
        tau_syn=rng.uniform(0.002, 0.02, n),
        v_leak=rng.normal(0, 0.1, n),
        v_threshold=rng.uniform(0.9, 1.2, n),
        v_reset=rng.normal(-0.1, 0.1, n),
    )


def network(rng, *, loops=False, readout="spike-count", discretisation="exponential"):
    last = lif(rng, 5)
    if readout != "spike-count":
        last = CubaLI(tau_mem=last.tau_mem, tau_syn=last.tau_syn, v_leak=last.v_leak)
    ends = [("input", "a", 0.0), ("a", "b", 0.0), ("input", "b", 0.0)]
    ends += [("b", "a", -0.05), ("a", "a", -0.05)] if loops else []
    sizes = {"input": 12, "a": 20, "b": 5}
    return Network(
        dt=1e-3,
        n_inputs=12,
        n_steps=N_STEPS,
        populations=(
            Population(name="b", neurons=last),
            Population(name="a", neurons=lif(rng, 20)),
        ),
        projections=tuple(
            Projection(source=s, target=t, weights=rng.normal(m, 0.1, (sizes[t], sizes[s])))
            for s, t, m in ends
            if s != "b" or readout == "spike-count"
        ),
        output="b",
        readout=readout,
        discretisation=discretisation,
    )


def spikes(rng, n_samples=N_SAMPLES):
    return from_dense(rng.random((N_STEPS, n_samples, 12)) < 0.3)


def with_all(net, **values):
    """Set parameters of every neuron."""
    populations = (
        replace(p, **{k: np.full(p.n, v) for k, v in values.items()}) for p in net.populations
    )
    return replace(net, populations=tuple(populations))


@pytest.mark.parametrize("loops", [False, True])
@pytest.mark.parametrize("discretisation", ["exponential", "euler"])
@pytest.mark.parametrize("readout", ["spike-count", "mean-voltage"])
def test_on_its_clock_it_is_the_float_reference(rng, loops, discretisation, readout):
    net = network(rng, loops=loops, readout=readout, discretisation=discretisation)
    x = spikes(rng)
    expected = floating.run(net, x, probes=("u", "v"))
    found = analog.run(to_analog(net), x, Analog(clocked=True), probes=("u", "v")).recording
    assert found.spikes == expected.spikes and found.names == expected.names
    assert expected.of("a").n_events > 500
    # two orders of the same sums in double precision
    for traces in ("u", "v"):
        for a, b in zip(getattr(found, traces), getattr(expected, traces), strict=True):
            assert np.allclose(a, b, rtol=1e-9, atol=1e-11)
    assert np.allclose(found.scores, expected.scores, rtol=1e-9)
    assert np.array_equal(found.synops, expected.synops)


def finer(net, factor):
    """The same network in steps that are ``factor`` times shorter."""
    gain = {
        p.name: step_gain(p.neurons.tau_mem, p.neurons.tau_syn, net.dt)
        / step_gain(p.neurons.tau_mem, p.neurons.tau_syn, net.dt / factor)
        for p in net.populations
    }
    projections = (
        Projection(source=q.source, target=q.target, weights=q.weights * gain[q.target][:, None])
        for q in net.projections
    )
    return replace(
        net, dt=net.dt / factor, n_steps=net.n_steps * factor, projections=tuple(projections)
    )


def slower(x, factor):
    """The same spikes in shorter steps, at the same times."""
    times = times_of(x, 1.0)
    return from_coordinates(
        times.sample,
        times.time.astype(np.int64) * factor - 1,
        times.neuron.astype(np.int64),
        n_samples=x.n_samples,
        n_steps=x.n_steps * factor,
        n_neurons=x.n_neurons,
    )


def test_finer_steps_converge_to_continuous_time(rng):
    net, x = network(rng), spikes(rng, 8)
    net = replace(net, populations=net.populations[1:], projections=net.projections[:1], output="a")
    exact = analog.run(to_analog(net), x).times[0]
    errors = []
    for factor in (4, 16, 64, 256):
        fine = floating.run(finer(net, factor), slower(x, factor)).spikes[0]
        errors.append(np.abs(fine.counts() - exact.counts()).sum() / exact.counts().sum())
        steps = times_of(fine, net.dt / factor)
        for b in range(8):
            mine, theirs = (first_times(s, b) for s in (exact, steps))
            both = np.isfinite(mine) & np.isfinite(theirs)
            # no reset came before: the finer clock is late by less than one of its steps
            assert np.all(theirs[both] - mine[both] >= -1e-12)
            assert np.all(theirs[both] - mine[both] <= net.dt / factor * (1 + 1e-9))
    assert errors[0] > errors[1] > errors[2] > errors[3] and errors[3] < 0.01


def first_times(spikes: SpikeTimes, sample: int):
    first = np.full(spikes.n_neurons, np.inf)
    part = slice(spikes.indptr[sample], spikes.indptr[sample + 1])
    np.minimum.at(first, spikes.neuron[part], spikes.time[part])
    return first


def test_the_batch_and_the_threads_do_not_matter(rng):
    net, x = to_analog(network(rng, loops=True)), spikes(rng, 70)
    how = Analog(jitter=2e-4, seed=7)
    together = analog.run(net, x, replace(how, threads=2)).recording
    alone = analog.run(net, x.samples(31, 45), how).recording
    assert alone.spikes == tuple(s.samples(31, 45) for s in together.spikes)


def test_jitter_moves_spikes_by_what_was_asked(rng):
    net, x = to_analog(network(rng)), spikes(rng)
    net = replace(net, populations=net.populations[1:], projections=net.projections[:1], output="a")
    still = analog.run(net, x).times[0]
    moved = analog.run(net, x, Analog(jitter=1e-5, seed=1)).times[0]
    order = [np.lexsort((t.time, t.neuron, t.sample)) for t in (still, moved)]
    shift = moved.time[order[1]] - still.time[order[0]]
    # thousands of spikes: 3 standard errors
    assert abs(shift.mean()) < 3e-5 / np.sqrt(shift.size)
    assert shift.std() == pytest.approx(1e-5, rel=0.05)
    other = analog.run(net, x, Analog(jitter=1e-5, seed=2)).times[0]
    assert not np.array_equal(other.time, moved.time)


def test_a_refractory_neuron_waits(rng):
    net, x = to_analog(network(rng, loops=True)), spikes(rng)
    run = analog.run(with_all(net, refractory=3e-3), x)
    for times in run.times:
        order = np.lexsort((times.time, times.neuron, times.sample))
        same = np.diff(times.sample[order] * times.n_neurons + times.neuron[order]) == 0
        assert np.diff(times.time[order])[same].min() >= 3e-3 * (1 - 1e-12)


def test_a_current_is_bounded(rng):
    net, x = to_analog(network(rng)), spikes(rng)
    u = analog.run(with_all(net, current_max=20.0), x, probes=("u",)).recording.u
    free = analog.run(net, x, probes=("u",)).recording.u
    for bounded, unbounded, p in zip(u, free, net.populations, strict=True):
        assert np.abs(bounded * p.slope).max() <= 20.0 < np.abs(unbounded * p.slope).max()


def test_every_spike_counts_for_the_score_and_one_per_step_for_the_events(rng):
    net, x = to_analog(network(rng)), spikes(rng)
    run = analog.run(net, x)
    counts = run.times[0].counts()
    assert np.array_equal(run.recording.scores, counts)
    doubled = sum(t.time.size for t in run.times) - sum(e.n_events for e in run.recording.spikes)
    assert run.recording.details["spikes beyond one per step"] == doubled > 0


def test_a_network_that_fires_without_bound_is_stopped(rng, monkeypatch):
    monkeypatch.setattr(analog_groups, "ROOM", 1 << 10)
    monkeypatch.setattr(analog_groups, "ROOM_MAX", 1 << 14)
    net = network(rng, loops=True)
    loop = replace(net.projections[-1], weights=np.full((20, 20), 0.5))
    net = replace(net, projections=(*net.projections[:-1], loop))
    with pytest.raises(TargetError, match="fires without bound: lower its weights"):
        analog.run(to_analog(net), spikes(rng, 2))


def test_what_no_continuous_decay_does_is_refused(rng):
    net = network(rng, discretisation="euler")
    short = replace(net.populations[1].neurons, tau_syn=np.full(20, 1e-3))
    short = replace(net.populations[1], neurons=short)
    with pytest.raises(UnsupportedError, match="a: tau_syn of neuron 0 is not above a step"):
        to_analog(replace(net, populations=(net.populations[0], short)))


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("refractory", -1.0, "below 0"),
        ("current_max", 0.0, "not above 0"),
        ("v_leak", np.nan, "not numbers"),
        ("v_reset", 2.0, "not above v_reset"),
    ],
)
def test_impossible_neurons_are_refused(rng, name, value, message):
    with pytest.raises(ValidationError, match=message):
        with_all(to_analog(network(rng)), **{name: value})


def test_impossible_ways_to_run_are_refused():
    with pytest.raises(ValidationError, match="jitter is nan"):
        Analog(jitter=np.nan)
    with pytest.raises(ValidationError, match="threads is 0"):
        Analog(threads=0)
