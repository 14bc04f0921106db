"""Currents that come near the ends of their word, where the engine's shortest update ends."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hetlava.events import from_dense
from hetlava.neurons.cuba import CubaRegisters
from hetlava.quantised import QuantisedNetwork, QuantisedPopulation, QuantisedProjection
from hetlava.sim import engine, reference, streaming
from hetlava.sim.vectors import HALF

PROBES = ("u", "v")
N, N_INPUTS = 70, 24  # more than a word of neurons


def layer(rng, exponent, du, vth, bias=0):
    """Return a network of one layer, of neurons that decay by ``du`` or at once."""
    zeros = np.zeros(N, np.int32)
    words = CubaRegisters(
        du=np.where(rng.random(N) < 0.8, du, 4095).astype(np.int32),
        dv=rng.integers(0, 4097, N, np.int32),
        vth=np.full(N, vth, np.int32),
        bias_mant=zeros + bias,
        bias_exp=zeros,
    )
    # some neurons hear one sign only, so that their currents grow
    signs = rng.choice([-1, 1], (N, N_INPUTS))
    signs[::3], signs[1::3] = 1, -1
    weights = (signs * 2 * rng.integers(0, 128, signs.shape)).astype(np.int16)
    return QuantisedNetwork(
        chip="loihi2",
        dt=1e-3,
        n_inputs=N_INPUTS,
        n_steps=60,
        populations=(QuantisedPopulation(name="p", registers=words),),
        projections=(
            QuantisedProjection(source="input", target="p", weights=weights, weight_exp=exponent),
        ),
        output="p",
    )


def assert_equal(found, expected):
    assert found.spikes == expected.spikes
    for a, b in zip(found.u + found.v, expected.u + expected.v, strict=True):
        assert np.array_equal(a, b)


@settings(max_examples=80)
@given(
    seed=st.integers(0, 2**32 - 1),
    exponent=st.integers(0, 6),
    du=st.sampled_from([0, 1, 100, 1000]),
    vth=st.sampled_from([0, 1, 3000, (1 << 17) - 1, 1 << 17]),
    bias=st.sampled_from([0, 0, 4000]),
    rate=st.sampled_from([0.05, 0.3, 1.0]),
)
def test_currents_of_any_size_agree(seed, exponent, du, vth, bias, rate):
    rng = np.random.default_rng(seed)
    net = layer(rng, exponent, du, vth, bias)
    inputs = from_dense(rng.random((60, 3, N_INPUTS)) < rate)
    assert_equal(
        engine.run(net, inputs, probes=PROBES, mode="events", threads=2),
        reference.run(net, inputs, probes=PROBES),
    )


@pytest.mark.parametrize("vth", [3000, (1 << 17) - 1])
def test_currents_that_grow_step_by_step_wrap_where_they_should(vth):
    net = layer(np.random.default_rng(0), 2, 0, vth)
    inputs = from_dense(np.ones((60, 2, N_INPUTS), bool))
    expected = reference.run(net, inputs, probes=PROBES)
    u = expected.u[0].astype(np.int64)
    assert (np.abs(np.diff(u, axis=0)) > HALF).any()  # they do wrap, and not at once
    assert not (np.abs(np.diff(u[:8], axis=0)) > HALF).any()
    assert_equal(engine.run(net, inputs, probes=PROBES, mode="events"), expected)


def test_large_currents_are_remembered_between_chunks():
    rng = np.random.default_rng(1)
    net = layer(rng, 2, 0, 3000)
    inputs = rng.random((60, 2, N_INPUTS)) < 0.9
    whole = reference.run(net, from_dense(inputs), probes=PROBES)
    simulator, start = streaming.Simulator(net, n_samples=2, probes=PROBES), 0
    for length in (1, 15, 16, 28):
        found = simulator.step(from_dense(inputs[start : start + length]))
        for a, b in zip(found.u + found.v, whole.u + whole.v, strict=True):
            assert np.array_equal(a, b[start : start + length])
        start += length
    assert start == 60
