"""Delays of single synapses in every simulator: a queue of what arrives when is the judge."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hetlava.errors import UnsupportedError
from hetlava.events import from_dense
from hetlava.neurons.registers import NEURONS
from hetlava.sim import engine, reference
from hetlava.sim.limit import traffic
from hetlava.sim.profiling import profile
from hetlava.sim.streaming import Simulator
from hetlava.sparse_synapses import from_matrix
from hetlava.synapses import QuantisedProjection

SEEDS = st.integers(0, 2**32 - 1)
PROBES = ("u", "v")


def late(q, rng, *, listed=0.3):
    """Give a delay to every synapse, of few or of many distinct ones."""
    longest = int(rng.choice([1, 5, 62]))
    delays = rng.integers(0, longest, q.weights.shape, endpoint=True).astype(np.int8)
    q = replace(q, synaptic_delays=delays)
    is_matrix = isinstance(q, QuantisedProjection)
    return from_matrix(q) if is_matrix and rng.random() < listed else q


def delayed(net, rng, **fields):
    """Return the network with delays of synapses, some of its projections as lists."""
    return replace(net, projections=tuple(late(q, rng, **fields) for q in net.projections))


def longer(inputs, rng, n_steps=70):
    """Return random input of as many samples and channels that outlasts every delay."""
    shape = n_steps, inputs.n_samples, inputs.n_neurons
    return from_dense(rng.random(shape) < rng.uniform(0.05, 0.3))


def assert_same(found, expected):
    assert found.spikes == expected.spikes
    for a, b in zip(found.u + found.v, expected.u + expected.v, strict=True):
        assert np.array_equal(a, b)
    assert np.array_equal(found.synops, expected.synops)
    assert np.array_equal(found.scores, expected.scores)


def queued(q, x):
    """Return what a matrix gives at every step, by a queue that a loop over synapses fills."""
    n_steps, n_post = len(x), q.shape[0]
    weights, steps = q.matrix().astype(int).tolist(), all_delays(q).tolist()
    # by step, then by delay, since each delay's sum is shifted for itself
    queue = [[{} for _ in range(n_post)] for _ in range(n_steps + 64)]
    for t, row in enumerate(x.tolist()):
        for i in range(n_post):
            for j, spike in enumerate(row):
                if spike:
                    d = steps[i][j]
                    slot = queue[t + 1 + d][i]
                    slot[d] = slot.get(d, 0) + weights[i][j]
    e = q.weight_exp
    return [
        [sum(s << e if e >= 0 else s >> -e for s in slot.values()) for slot in row]
        for row in queue[:n_steps]
    ]


def all_delays(q):
    if q.synaptic_delays is None:
        return np.broadcast_to(0 if q.delays is None else q.delays, q.shape)
    return q.synaptic_delays


@settings(max_examples=25)
@given(seed=SEEDS)
def test_what_arrives_is_what_a_queue_holds(random_network, seed):
    rng = np.random.default_rng(seed)
    net, inputs = random_network(rng, loops=False, readout=False, max_neurons=8)
    first = late(net.projections[0], rng, listed=0)
    # an integrator of one step shows its input: nothing decays away, nothing is kept
    registers = net.populations[0].registers
    zero, n = np.zeros(registers.n, np.int32), registers.n
    bare = replace(
        registers, du=np.full(n, 4095, np.int32), dv=zero + 4096, bias_mant=zero, spiking=False
    )
    shown = replace(net.populations[0], registers=bare)
    net = replace(
        net,
        populations=(shown,),
        projections=(first,),
        output=shown.name,
        readout="last-voltage",
    )
    inputs = longer(inputs, rng)
    found = reference.run(net, inputs, probes=("u",)).u[0]
    x = inputs.to_dense()
    for sample in range(inputs.n_samples):
        assert (found[:, sample] >> 6).tolist() == queued(first, x[:, sample])


@settings(max_examples=15)
@given(seed=SEEDS, extreme=st.booleans())
def test_the_engine_agrees_with_the_reference(random_network, seed, extreme):
    rng = np.random.default_rng(seed)
    net, inputs = random_network(rng, extreme=extreme)
    net, inputs = delayed(net, rng), longer(inputs, rng)
    expected = reference.run(net, inputs, probes=PROBES)
    for mode, threads in (("auto", 1), ("events", 2)):
        found = engine.run(net, inputs, probes=PROBES, mode=mode, threads=threads)
        assert_same(found, expected)


@settings(max_examples=10)
@given(seed=SEEDS)
def test_products_agree_with_the_reference(random_network, seed):
    rng = np.random.default_rng(seed)
    net, inputs = random_network(rng, loops=False)
    net, inputs = delayed(net, rng, listed=0), longer(inputs, rng)
    found = engine.run(net, inputs, probes=PROBES, mode="dense")
    assert_same(found, reference.run(net, inputs, probes=PROBES))


@settings(max_examples=12)
@given(seed=SEEDS, extreme=st.booleans())
def test_every_model_hears_late_messages(mixed_network, seed, extreme):
    rng = np.random.default_rng(seed)
    models = tuple(name for name in NEURONS if name != "xylo")
    net, inputs = mixed_network(rng, models=models, extreme=extreme)
    net = delayed(net, rng)
    found = engine.run(net, inputs, probes=PROBES, threads=1)
    assert_same(found, reference.run(net, inputs, probes=PROBES))


@settings(max_examples=10)
@given(seed=SEEDS)
def test_kernels_have_delays_of_their_weights(random_convolution, random_network, seed):
    rng = np.random.default_rng(seed)
    kernel = late(random_convolution(rng), rng)
    net, inputs = random_network(rng, loops=False, readout=False)
    first = net.populations[0]
    tile = np.arange(kernel.shape[0]) % first.registers.n
    words = {w: getattr(first.registers, w)[tile] for w in first.registers.words}
    net = replace(
        net,
        n_inputs=kernel.shape[1],
        populations=(replace(first, registers=replace(first.registers, **words)),),
        projections=(kernel,),
        output=first.name,
    )
    inputs = from_dense(rng.random((70, 2, net.n_inputs)) < 0.3)
    found = engine.run(net, inputs, probes=PROBES, threads=1)
    assert_same(found, reference.run(net, inputs, probes=PROBES))


@settings(max_examples=10)
@given(seed=SEEDS, numpy=st.booleans())
def test_chunks_give_the_bits_of_one_run(random_network, seed, numpy):
    rng = np.random.default_rng(seed)
    net, inputs = random_network(rng)
    net, inputs = delayed(net, rng), longer(inputs, rng)
    expected = reference.run(net, inputs, probes=("v",))
    mode = "numpy" if numpy else "auto"
    simulator = Simulator(
        engine.prepare(net, mode=mode), n_samples=inputs.n_samples, probes=("v",), threads=2
    )
    x, start, parts = inputs.to_dense(), 0, []
    while start < len(x):
        stop = start + int(rng.integers(1, 30))
        parts.append(simulator.step(from_dense(x[start:stop])))
        start = stop
    for k in range(len(net.populations)):
        spikes = np.concatenate([part.spikes[k].to_dense() for part in parts])
        assert np.array_equal(spikes, expected.spikes[k].to_dense())
        assert np.array_equal(np.concatenate([part.v[k] for part in parts]), expected.v[k])


@settings(max_examples=10)
@given(seed=SEEDS)
def test_the_torch_engine_agrees(random_network, seed):
    pytest.importorskip("torch")
    from hetlava.sim import torch_engine

    rng = np.random.default_rng(seed)
    net, inputs = random_network(rng)
    net, inputs = delayed(net, rng), longer(inputs, rng)
    found = torch_engine.run(net, inputs, probes=PROBES)
    assert_same(found, reference.run(net, inputs, probes=PROBES))


def test_the_reference_runs_neurons_to_which_the_order_matters(mixed_network):
    rng = np.random.default_rng(4)
    net, inputs = mixed_network(rng, models=("xylo",))
    net = delayed(net, rng)
    prepared = engine.prepare(net)
    assert "delays that differ" in prepared.beyond
    assert_same(prepared.run(inputs, probes=PROBES), reference.run(net, inputs, probes=PROBES))


def test_products_of_lists_are_refused_by_the_users_name(random_network):
    rng = np.random.default_rng(0)
    net, _ = random_network(rng, loops=False)
    with pytest.raises(UnsupportedError, match="projection input -> p0.*lists of synapses"):
        engine.prepare(delayed(net, rng, listed=1), mode="dense")


@pytest.mark.parametrize(("longest", "most"), [(1, 2.1), (7, 3.2), (62, 4.5)])
def test_a_late_synapse_takes_few_bytes(random_network, longest, most):
    rng = np.random.default_rng(0)
    net, _ = random_network(rng, loops=False, readout=False)
    n = 512
    first = net.populations[0]
    words = {w: np.resize(getattr(first.registers, w), n) for w in first.registers.words}
    weights = (2 * rng.integers(1, 100, (n, n))).astype(np.int16)
    delays = rng.integers(0, longest, (n, n), endpoint=True).astype(np.int8)
    q = replace(net.projections[0], weights=weights, synaptic_delays=delays)
    net = replace(
        net,
        n_inputs=n,
        populations=(replace(first, registers=replace(first.registers, **words)),),
        projections=(q,),
        output=first.name,
    )
    prepared = engine.prepare(net).prepared
    assert sum(array.nbytes for array in prepared.kept) < most * n * n
    # lists are copies by delay, which nothing needs once they are stored
    assert all(type(q) is QuantisedProjection for q in prepared.products._wires.values())


def test_a_profile_shows_the_users_layers(random_network):
    rng = np.random.default_rng(0)
    net, inputs = random_network(rng)
    late_net = delayed(net, rng)
    spikes = reference.run(late_net, inputs)
    needs = traffic(late_net, inputs, dict(zip(spikes.names, spikes.spikes, strict=True)))
    assert {name for layer in profile(late_net, inputs) for name in layer.names} == set(needs)
    plain = traffic(net, inputs, dict(zip(spikes.names, spikes.spikes, strict=True)))
    for name, need in needs.items():
        assert need.events == plain[name].events
