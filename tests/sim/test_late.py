"""Late events: sorted by their arrival where they are sent in the run, kept from before it."""

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from hetlava.sim import engine, reference
from hetlava.sim.streaming import Simulator


def delayed(net, rng, most):
    late = [
        replace(q, delays=rng.integers(0, most + 1, q.shape[1]).astype(np.int16))
        for q in net.projections
    ]
    return replace(net, projections=tuple(late))


def assert_same(found, expected):
    for name, a, b in zip(found.names, found.spikes, expected.spikes, strict=True):
        assert a == b, name
    for a, b in zip((*found.u, *found.v), (*expected.u, *expected.v), strict=True):
        np.testing.assert_array_equal(a, b)


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32 - 1), most=st.sampled_from([0, 1, 5, 62]), loops=st.booleans())
def test_events_arrive_when_the_reference_says(mixed_network, seed, most, loops):
    rng = np.random.default_rng(seed)
    net, inputs = mixed_network(rng, models=("cuba", "delta", "sigma"), loops=loops)
    net = delayed(net, rng, most)
    probes = ("u", "v")
    whole = engine.run(net, inputs, probes=probes, threads=1)
    past = reference.at_rest(net, inputs.n_samples)
    assert_same(whole, reference.run(net, inputs, probes=probes, past=past))
    again = Simulator(net, n_samples=inputs.n_samples, probes=probes, threads=1)
    assert_same(again.step(inputs), whole)
    # what is still on its way then arrives in the next chunk
    assert_same(again.step(inputs), reference.run(net, inputs, probes=probes, past=past))
