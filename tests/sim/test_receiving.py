"""Kernels and late spikes in the engine, equal to the reference bit for bit."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hetlava.convolution import pooling
from hetlava.events import from_dense
from hetlava.neurons.cuba import CubaRegisters
from hetlava.quantised import QuantisedNetwork, QuantisedPopulation, QuantisedProjection
from hetlava.sim import columns as col
from hetlava.sim import engine, reference
from hetlava.sim.placing import LANES
from hetlava.sim.wiring import lay_out
from hetlava.synapses import DELAY_MAX

PROBES = ("u", "v")


def registers(n, rng=None):
    draw = rng.integers if rng else lambda low, high, size: np.full(size, low)
    words = {"du": (400, 3000), "dv": (50, 1000), "vth": (5, 60), "bias_mant": (0, 30)}
    drawn = {name: draw(*ends, n).astype(np.int32) for name, ends in words.items()}
    return CubaRegisters(**drawn, bias_exp=np.full(n, 3, np.int32))


def network(n_inputs, projections, rng=None, n_steps=20):
    sizes = {q.target: q.shape[0] for q in projections}
    return QuantisedNetwork(
        chip="loihi2",
        dt=1e-3,
        n_inputs=n_inputs,
        n_steps=n_steps,
        populations=tuple(
            QuantisedPopulation(name=name, registers=registers(n, rng)) for name, n in sizes.items()
        ),
        projections=tuple(projections),
        output=projections[-1].target,
    )


def assert_engine_equals_reference(net, inputs, threads=1):
    expected = reference.run(net, inputs, probes=PROBES)
    found = engine.run(net, inputs, probes=PROBES, threads=threads)
    assert found.spikes == expected.spikes
    for a, b in zip(found.u + found.v, expected.u + expected.v, strict=True):
        assert np.array_equal(a, b)
    assert np.array_equal(found.synops, expected.synops)
    return expected


def late(q, rng):
    delays = rng.integers(0, DELAY_MAX + 1, q.shape[1]) * (rng.random(q.shape[1]) < 0.7)
    return replace(q, delays=delays.astype(np.int16))


def dense(rng, source, target, shape, **fields):
    weights = 2 * rng.integers(-128, 128, shape) + rng.integers(0, 2)
    return QuantisedProjection(
        source=source, target=target, weights=weights.clip(-256, 255).astype(np.int16), **fields
    )


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32 - 1), delayed=st.booleans())
def test_networks_of_kernels_and_matrices_agree(random_convolution, seed, delayed):
    rng = np.random.default_rng(seed)
    first = random_convolution(rng, "input", "p0")
    second = random_convolution(rng, "p0", "p1", input_shape=first.output_shape)
    chain = [
        first,
        second,
        dense(rng, "p1", "p2", (5, second.shape[0]), weight_exp=int(rng.integers(-3, 4))),
        dense(rng, "p2", "p0", (first.shape[0], 5)),  # a loop around two kernels
    ]
    net = network(first.shape[1], [late(q, rng) for q in chain] if delayed else chain, rng, 70)
    inputs = from_dense(rng.random((70, 3, net.n_inputs)) < 0.3)
    assert_engine_equals_reference(net, inputs, threads=2)


def test_networks_of_kernels_are_worth_comparing(random_convolution):
    """In most of them every population spikes, and silence is no accident of the draw."""
    active = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        first = random_convolution(rng, "input", "p0")
        second = random_convolution(rng, "p0", "p1", input_shape=first.output_shape)
        net = network(first.shape[1], [first, second], rng)
        recording = reference.run(net, from_dense(rng.random((20, 3, net.n_inputs)) < 0.3))
        active += all(events.n_events > 20 for events in recording.spikes)
    assert active >= 10


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32 - 1))
def test_random_networks_with_delays_agree(random_network, seed):
    rng = np.random.default_rng(seed)
    net, inputs = random_network(rng)
    net = replace(net, projections=tuple(late(q, rng) for q in net.projections))
    assert_engine_equals_reference(net, inputs)


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_kernel_does_what_its_matrix_does(random_convolution, seed):
    rng = np.random.default_rng(seed)
    q = late(random_convolution(rng), rng)
    matrix = QuantisedProjection(
        source=q.source,
        target=q.target,
        weights=q.matrix(),
        weight_exp=q.weight_exp,
        delays=q.delays,
    )
    net = network(q.shape[1], [q], rng)
    inputs = from_dense(rng.random((20, 2, net.n_inputs)) < 0.3)
    kernel = engine.run(net, inputs, probes=PROBES)
    whole = engine.run(replace(net, projections=(matrix,)), inputs, probes=PROBES)
    assert kernel.spikes == whole.spikes and np.array_equal(kernel.synops, whole.synops)
    assert all(map(np.array_equal, kernel.u + kernel.v, whole.u + whole.v))


@pytest.mark.parametrize("run", [reference.run, engine.run])
def test_spikes_arrive_a_step_and_their_delay_later(run):
    q = QuantisedProjection(
        source="input",
        target="a",
        weights=np.diag([1, 2, 3]).astype(np.int16),
        delays=np.array([0, 1, 62], np.int16),
    )
    net = network(3, [q], n_steps=70)
    no_memory = replace(registers(3), du=np.full(3, 4095, np.int32))
    net = replace(net, populations=(replace(net.populations[0], registers=no_memory),))
    spikes = np.zeros((70, 1, 3), bool)
    spikes[4] = True
    step, neuron = np.nonzero(run(net, from_dense(spikes), probes=("u",)).u[0][:, 0])
    assert sorted(zip(neuron, step, strict=True)) == [(0, 5), (1, 6), (2, 67)]


@pytest.mark.parametrize("run", [reference.run, engine.run])
def test_delayed_spikes_are_floored_with_those_that_they_meet(run):
    """Half a unit now and half a unit late make a whole one where they meet."""
    q = QuantisedProjection(
        source="input",
        target="a",
        weights=np.array([[1, 1]], np.int16),
        weight_exp=-1,
        delays=np.array([0, 1], np.int16),
    )
    spikes = np.zeros((5, 1, 2), bool)
    spikes[0, 0, 1] = spikes[1, 0, 0] = True
    u = run(network(2, [q], n_steps=5), from_dense(spikes), probes=("u",)).u[0]
    assert np.flatnonzero(u[:, 0, 0])[0] == 2


def test_samples_do_not_hear_the_delayed_spikes_of_the_one_before(rng):
    q = late(dense(rng, "input", "a", (6, 9)), rng)
    net = network(9, [q], rng, n_steps=12)
    inputs = from_dense(rng.random((12, 40, 9)) < 0.4)
    together = assert_engine_equals_reference(net, inputs)
    alone = engine.run(net, inputs.samples(7, 8), threads=1)
    assert alone.spikes == (together.spikes[0].samples(7, 8),)


@pytest.mark.parametrize("sign", [-1, 1])
def test_kernels_at_full_scale_are_summed_as_by_the_reference(sign):
    kernel = np.full((2, 40, 5, 5), 255 if sign > 0 else -256, np.int16)
    q = replace(
        pooling("input", "a", 1, (40, 9, 9), (5, 5)),
        weights=kernel,
        groups=1,
        stride=(1, 1),
        weight_exp=13,
    )
    net = network(q.shape[1], [q])
    assert_engine_equals_reference(net, from_dense(np.ones((6, 1, q.shape[1]), bool)))


@pytest.mark.parametrize("vth", [0, 7])
@pytest.mark.parametrize("biased", [False, True])
def test_thresholds_equal_for_all_are_held_once_and_wake_nobody_beyond_the_edge(
    random_convolution, biased, vth
):
    rng = np.random.default_rng(3)
    kernel = random_convolution(rng, "input", "p0")
    net = network(kernel.shape[1], [kernel, dense(rng, "p0", "p1", (5, kernel.shape[0]))])
    bias = [np.arange(p.cuba.n, dtype=np.int32) % 3 * biased for p in net.populations]
    words = [{"vth": np.full_like(b, vth), "bias_mant": b} for b in bias]
    same = [replace(p, registers=replace(p.cuba, **w))
            for p, w in zip(net.populations, words, strict=True)]  # fmt: skip
    net = replace(net, populations=tuple(same))
    row = lay_out(net).source_table[1]
    own = int(biased and row[col.SIZE] > LANES)
    assert row[[col.OWN, col.OWN + 1]].tolist() == [-own, 0]
    inputs = from_dense(rng.random((20, 2, kernel.shape[1])) < 0.4)
    assert assert_engine_equals_reference(net, inputs).spikes[0].n_events


def test_a_bias_above_the_threshold_makes_nobody_fire_but_the_neuron():
    wire = QuantisedProjection(source="input", target="p0", weights=np.zeros((1, 1), np.int16))
    net = network(1, [wire])
    word = net.populations[0].cuba
    busy = replace(word, bias_mant=word.vth + np.int32(1), bias_exp=np.full(1, 6, np.int32))
    net = replace(net, populations=(replace(net.populations[0], registers=busy),))
    found = assert_engine_equals_reference(net, from_dense(np.zeros((9, 1, 1), bool)))
    assert found.spikes[0].n_events == 9
