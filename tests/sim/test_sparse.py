"""Lists of synapses, equal to the matrix of the same weights on every simulator."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hetlava.convolution import QuantisedConvolution
from hetlava.events import Events, from_dense
from hetlava.neurons.cuba import CubaRegisters
from hetlava.quantised import QuantisedNetwork, QuantisedPopulation
from hetlava.sim import engine, reference, synapse_lists
from hetlava.sim.placing import place
from hetlava.sim.wiring import lay_out
from hetlava.sparse_synapses import QuantisedSparse, as_matrix, from_coordinates, from_matrix
from hetlava.synapses import QuantisedProjection

PROBES = ("u", "v")


def registers(rng, n):
    words = {"du": (400, 3000), "dv": (50, 1000), "vth": (5, 60), "bias_mant": (0, 30)}
    drawn = {name: rng.integers(*ends, n).astype(np.int32) for name, ends in words.items()}
    return CubaRegisters(**drawn, bias_exp=np.full(n, 3, np.int32))


def network(rng, projections, n_steps=30):
    sizes = {q.target: q.shape[0] for q in projections}
    return QuantisedNetwork(
        chip="loihi2",
        dt=1e-3,
        n_inputs=next(q.shape[1] for q in projections if q.source == "input"),
        n_steps=n_steps,
        populations=tuple(
            QuantisedPopulation(name=name, registers=registers(rng, n)) for name, n in sizes.items()
        ),
        projections=tuple(projections),
        output=projections[-1].target,
    )


def sparse(rng, source, target, shape, **fields):
    """Draw lists of any density and of weights of every kind."""
    weights = rng.integers(-256, 256, shape) & -rng.integers(1, 3)
    weights = rng.choice([weights, abs(weights).clip(max=255), weights.clip(-128, 127)])
    weights[rng.random(shape) > rng.random()] = 0
    matrix = QuantisedProjection(
        source=source, target=target, weights=weights.astype(np.int16), **fields
    )
    return from_matrix(matrix)


def dense(net):
    """Return the network with matrices for lists."""
    made = [as_matrix(q) if isinstance(q, QuantisedSparse) else q for q in net.projections]
    return replace(net, projections=tuple(made))


def assert_same(found, expected):
    assert found.spikes == expected.spikes
    for a, b in zip(found.u + found.v, expected.u + expected.v, strict=True):
        assert np.array_equal(a, b)
    assert np.array_equal(found.synops, expected.synops)


def draw(seed, n_steps=30):
    """Return lists in a chain and a loop, late or not, of spikes or messages, and an input."""
    rng = np.random.default_rng(seed)
    n, m, k = rng.integers(1, 100, 3)
    bits = int(rng.choice([0, 0, 8, 32]))
    projections = [
        sparse(rng, "input", "a", (m, n), weight_exp=int(rng.integers(-3, 4)), message_bits=bits),
        sparse(rng, "a", "a", (m, m), weight_exp=int(rng.integers(-2, 1))),
        sparse(rng, "a", "b", (k, m), weight_exp=int(rng.integers(-3, 4))),
    ]
    if rng.random() < 0.5:
        projections = [
            replace(q, delays=rng.integers(0, 9, q.shape[1]).astype(np.int16)) for q in projections
        ]
    x = rng.random((n_steps, 3, n)) < 0.2
    sizes = rng.integers(-(1 << 20), 1 << 20, x.shape).astype(np.int32)
    return network(rng, projections, n_steps), from_dense(x * sizes if bits else x)


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32 - 1), threads=st.integers(1, 2))
def test_lists_give_what_matrices_give_on_the_reference_and_the_engine(seed, threads):
    net, inputs = draw(seed)
    expected = reference.run(dense(net), inputs, probes=PROBES)
    assert_same(reference.run(net, inputs, probes=PROBES), expected)
    assert_same(engine.run(net, inputs, probes=PROBES, threads=threads), expected)


@settings(max_examples=15)
@given(seed=st.integers(0, 2**32 - 1))
def test_lists_run_on_torch(seed):
    torch_engine = pytest.importorskip("hetlava.sim.torch_engine")
    net, inputs = draw(seed, n_steps=12)
    found = torch_engine.run(net, inputs, device="cpu", probes=PROBES)
    assert_same(found, reference.run(net, inputs, probes=PROBES))


def test_several_chunks_of_targets_are_listed_apart(monkeypatch, rng):
    monkeypatch.setattr("hetlava.sim.placing.SPARSE_CHUNK", 64)
    net = network(rng, [sparse(rng, "input", "a", (300, 40)), sparse(rng, "a", "a", (300, 300))])
    inputs = from_dense(rng.random((20, 2, 40)) < 0.3)
    assert_same(engine.run(net, inputs, probes=PROBES), reference.run(net, inputs, probes=PROBES))


def test_lists_lead_to_every_pixel_of_an_image_of_many(rng):
    kernel = QuantisedConvolution(
        source="input",
        target="a",
        weights=np.full((1, 1, 3, 3), 8, np.int16),
        input_shape=(1, 280, 280),
        padding=((1, 1), (1, 1)),
    )
    n = kernel.shape[0]
    post = rng.permutation(n)[:5000]
    lists = from_coordinates(
        source="input",
        target="a",
        shape=(n, n),
        post=post,
        pre=rng.integers(0, n, 5000),
        weights=2 * rng.integers(1, 100, 5000),
    )
    assert post.max() > synapse_lists.PLACES
    net = network(rng, [kernel, lists], n_steps=3)
    inputs = from_dense(rng.random((3, 1, n)) < 0.3)
    assert_same(engine.run(net, inputs), reference.run(net, inputs))


def test_no_matrix_is_made_of_lists(monkeypatch, rng):
    """As many neurons as a matrix of which would take 8 GiB."""
    n, fan = 1 << 16, 4
    post = (np.arange(n * fan) * 7919) % n
    wire = from_coordinates(
        source="input",
        target="a",
        shape=(n, n),
        post=post,
        pre=np.repeat(np.arange(n), fan),
        weights=2 * (rng.integers(0, 128, n * fan) - 128),
    )
    monkeypatch.setattr(QuantisedSparse, "matrix", None)
    net = network(rng, [wire], n_steps=3)
    inputs = from_dense(rng.random((3, 1, n)) < 0.1)
    assert_same(engine.run(net, inputs), reference.run(net, inputs))
    tables = lay_out(net).kept
    stored = sum(a.nbytes for a in tables if a.dtype == np.uint8)
    assert stored == 3 * wire.post.size + synapse_lists.SPARE


@pytest.mark.parametrize("mode", ["events", "dense"])
def test_weights_in_halves_of_bytes_run_as_whole_ones(monkeypatch, rng, mode):
    weights = 2 * rng.integers(-128, 128, (90, 40))
    wire = QuantisedProjection(source="input", target="a", weights=weights.astype(np.int16))
    net = network(rng, [wire])
    halved = replace(wire, weights=(weights // 2).astype(np.int8), halved=True)
    monkeypatch.setattr("hetlava.synapses.BLOCK", 100)
    monkeypatch.setattr("hetlava.connectivity.BLOCK", 100)
    inputs = from_dense(rng.random((30, 2, 40)) < 0.3)
    found = engine.run(replace(net, projections=(halved,)), inputs, probes=PROBES, mode=mode)
    assert_same(found, reference.run(net, inputs, probes=PROBES))


@pytest.mark.parametrize("listed", [True, False])
@pytest.mark.parametrize(("odd", "planes"), [(0, 1), (1, 2)])
def test_what_weights_will_take_is_known_before(monkeypatch, rng, listed, odd, planes):
    weights = 2 * rng.integers(-128, 127, (100, 700)) + odd
    if listed:
        weights[rng.random(weights.shape) < 0.9] = 0
    asked = []
    monkeypatch.setattr("hetlava.sim.wiring.require_memory", lambda n, what: asked.append(n))
    wire = QuantisedProjection(source="input", target="a", weights=weights.astype(np.int16))
    kept = lay_out(network(rng, [from_matrix(wire) if listed else wire])).kept
    kinds = (np.uint8, np.uint32)
    assert asked == [sum(a.nbytes for a in kept if a.dtype in kinds)]
    assert asked[0] >= planes * np.count_nonzero(weights)


def test_nothing_but_empty_lists_runs(rng):
    nothing = np.zeros(0, int)
    wire = from_coordinates(
        source="input", target="a", shape=(5, 3), post=nothing, pre=nothing, weights=nothing
    )
    net = network(rng, [wire])
    inputs: Events = from_dense(rng.random((30, 1, 3)) < 0.5)
    assert_same(engine.run(net, inputs, probes=PROBES), reference.run(net, inputs, probes=PROBES))


@pytest.mark.parametrize(("fan", "bits"), [(8, 16), (1024, 13)])
def test_a_group_tells_places_apart_that_are_as_far_as_its_synapses_are_rare(rng, fan, bits):
    n = 1 << 16
    post = np.sort(rng.permuted(np.tile(np.arange(n), (3, 1)), axis=1)[:, :fan], axis=1)
    wire = from_coordinates(
        source="input",
        target="a",
        shape=(n, 3),
        post=post.ravel(),
        pre=np.repeat(np.arange(3), fan),
        weights=rng.choice([-256, 254], 3 * fan),
    )
    made = synapse_lists.lists(wire, place(n, [wire], [True]), wire.span())
    size = 3 * fan // 4 * (12 if bits == 16 else 11) + synapse_lists.SPARE
    assert (made.bits, made.groups.size) == (bits, size)
    net = network(rng, [wire], n_steps=4)
    inputs = from_dense(np.ones((4, 1, 3), bool))
    assert_same(engine.run(net, inputs), reference.run(net, inputs))


@pytest.mark.parametrize("weight", [-256, 254])
def test_sums_of_many_sources_leave_16_bits(rng, weight):
    matrix = np.full((64, 700), weight, np.int16)
    wire = from_matrix(QuantisedProjection(source="input", target="a", weights=matrix))
    net = network(rng, [wire], n_steps=4)
    inputs = from_dense(np.ones((4, 1, 700), bool))
    assert_same(engine.run(net, inputs, probes=PROBES), reference.run(net, inputs, probes=PROBES))
