"""Lists that are summed side by side, where there are many sums, give what the reference gives."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hetlava.events import from_dense
from hetlava.neurons.cuba import CubaRegisters
from hetlava.quantised import QuantisedNetwork, QuantisedPopulation
from hetlava.sim import engine, reference, synapse_lists
from hetlava.sim.list_sums import ABREAST, NEAR
from hetlava.sim.placing import place
from hetlava.sparse_synapses import QuantisedSparse, from_coordinates

PROBES = ("u", "v")


def network(rng, wire):
    n = wire.shape[0]
    words = {"du": (400, 3000), "dv": (50, 1000), "vth": (5, 60), "bias_mant": (0, 30)}
    drawn = {name: rng.integers(*ends, n).astype(np.int32) for name, ends in words.items()}
    neurons = CubaRegisters(**drawn, bias_exp=np.full(n, 3, np.int32))
    return QuantisedNetwork(
        chip="loihi2",
        dt=1e-3,
        n_inputs=wire.shape[1],
        n_steps=4,
        populations=(QuantisedPopulation(name="a", registers=neurons),),
        projections=(wire,),
        output="a",
    )


def listed(rng, lengths, n_post, within=None):
    """Draw lists of those lengths, to places anywhere or to the first few only."""
    posts = [rng.choice(within or n_post, k, replace=False) for k in lengths]
    return from_coordinates(
        source="input",
        target="a",
        shape=(n_post, len(lengths)),
        post=np.concatenate(posts),
        pre=np.repeat(np.arange(len(lengths)), lengths),
        weights=2 * rng.integers(-128, 128, sum(lengths)),
    )


def bits_of(wire: QuantisedSparse) -> int:
    return synapse_lists.lists(wire, place(wire.shape[0], [wire], [True]), wire.span()).bits


def assert_engine_is_right(rng, wire, rate):
    net = network(rng, wire)
    inputs = from_dense(rng.random((net.n_steps, 2, net.n_inputs)) < rate)
    found = engine.run(net, inputs, probes=PROBES, threads=1)
    expected = reference.run(net, inputs, probes=PROBES)
    assert found.spikes == expected.spikes
    for name in PROBES:
        for a, b in zip(getattr(found, name), getattr(expected, name), strict=True):
            np.testing.assert_array_equal(a, b)


@settings(max_examples=25)
@given(
    seed=st.integers(0, 2**32 - 1),
    lengths=st.lists(st.integers(0, 70), min_size=1, max_size=3 * ABREAST),
    n_post=st.sampled_from([NEAR // 2, NEAR, NEAR + 1, 3 * NEAR]),
    rate=st.sampled_from([0.1, 0.6, 1.0]),
)
def test_lists_of_any_length_are_summed(seed, lengths, n_post, rate):
    rng = np.random.default_rng(seed)
    assert_engine_is_right(rng, listed(rng, lengths, n_post), rate)


@pytest.mark.parametrize(("n_post", "bits"), [(NEAR, 13), (NEAR + 64, 13), (1 << 16, 16)])
@pytest.mark.parametrize("length", [4, 5, 8, 9, 20])
def test_lists_of_one_length_are_summed(rng, n_post, bits, length):
    wire = listed(rng, [length] * (2 * ABREAST + 3) + [3], n_post)
    assert bits_of(wire) == bits
    assert_engine_is_right(rng, wire, 1.0)


@pytest.mark.parametrize("n_post", [NEAR, 2 * NEAR])
def test_sums_that_leave_16_bits_are_made_in_parts(rng, n_post):
    wire = listed(rng, [100] * 600, n_post, within=101)
    wire = from_coordinates(
        source="input",
        target="a",
        shape=wire.shape,
        post=wire.post,
        pre=np.repeat(np.arange(600), 100),
        weights=np.full(wire.post.size, -256),
    )
    assert_engine_is_right(rng, wire, 1.0)
