"""Chunk by chunk, in slices and interrupted: a run in parts gives the bits of a run in one."""

import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hetlava.errors import ValidationError
from hetlava.events import Events, from_dense
from hetlava.neurons.registers import NEURONS
from hetlava.sim import engine, reference, runs
from hetlava.sim.streaming import Simulator

PROBES = ("u", "v")
COMPILED = tuple(NEURONS)


def with_delays(net, rng):
    late = [
        replace(q, delays=rng.integers(0, 7, q.shape[1]).astype(np.int16))
        if rng.random() < 0.5
        else q
        for q in net.projections
    ]
    return replace(net, projections=tuple(late))


def steps(inputs: Events, start: int, stop: int) -> Events:
    return from_dense(inputs.to_dense()[start:stop])


def assert_chunks_equal_the_whole(net, inputs, ends, threads=1):
    whole = engine.run(net, inputs, probes=PROBES, threads=1)
    simulator = Simulator(net, n_samples=inputs.n_samples, probes=PROBES, threads=threads)
    parts = [
        simulator.step(steps(inputs, a, b)) for a, b in zip([0, *ends], ends, strict=False) if b > a
    ]
    for name in PROBES:
        for k, trace in enumerate(getattr(whole, name)):
            joined = np.concatenate([getattr(part, name)[k] for part in parts])
            assert np.array_equal(joined, trace), (name, k)
    for k, spikes in enumerate(whole.spikes):
        joined = np.concatenate([part.spikes[k].to_dense() for part in parts])
        assert np.array_equal(joined, spikes.to_dense())
    assert np.array_equal(sum(part.synops for part in parts), whole.synops)


@settings(max_examples=40)
@example(seed=394, extreme=False, threads=1)  # late input of sizes, after chunks without any
@given(seed=st.integers(0, 2**32 - 1), extreme=st.booleans(), threads=st.integers(1, 3))
def test_chunks_of_any_length_give_the_bits_of_one_run(mixed_network, seed, extreme, threads):
    rng = np.random.default_rng(seed)
    net, inputs = mixed_network(rng, models=COMPILED, extreme=extreme)
    cuts = sorted(rng.integers(0, inputs.n_steps + 1, int(rng.integers(0, 6))).tolist())
    assert_chunks_equal_the_whole(with_delays(net, rng), inputs, [*cuts, inputs.n_steps], threads)


def test_kernels_stream_too(random_convolution, mixed_network, rng):
    for _ in range(5):
        kernel = random_convolution(rng)
        net, _ = mixed_network(rng, models=("cuba",), loops=False)
        p = net.populations[0]
        words = {
            name: np.resize(getattr(p.registers, name), kernel.shape[0])
            for name in p.registers.words
        }
        net = replace(
            net,
            n_inputs=kernel.shape[1],
            populations=(replace(p, registers=replace(p.registers, **words)),),
            projections=(kernel,),
            output=p.name,
        )
        inputs = from_dense(rng.random((9, 3, kernel.shape[1])) < 0.4)
        assert_chunks_equal_the_whole(net, inputs, [1, 4, 9])


@settings(max_examples=20)
@given(seed=st.integers(0, 2**32 - 1))
def test_slices_of_a_long_run_give_the_bits_of_the_reference(mixed_network, seed):
    rng = np.random.default_rng(seed)
    net, inputs = mixed_network(rng, models=COMPILED)
    net = with_delays(net, rng)
    expected = reference.run(net, inputs, probes=PROBES)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "SLICE_BYTES", int(rng.integers(1, 300)))
        found = engine.run(net, inputs, probes=PROBES, threads=2)
    assert found.spikes == expected.spikes
    assert all(map(np.array_equal, found.u + found.v, expected.u + expected.v))
    assert np.array_equal(found.synops, expected.synops)
    assert np.array_equal(found.scores, expected.scores)


def test_a_reset_simulator_begins_anew(mixed_network):
    net, inputs = mixed_network(np.random.default_rng(3), models=COMPILED)
    simulator = Simulator(net, n_samples=inputs.n_samples, probes=PROBES)
    first = simulator.step(inputs)
    simulator.reset()
    again = simulator.step(inputs)
    assert first.spikes == again.spikes
    assert all(map(np.array_equal, first.u + first.v, again.u + again.v))


@pytest.mark.parametrize("wrong", ["samples", "channels"])
def test_a_chunk_that_does_not_fit_changes_nothing(random_network, wrong):
    net, inputs = random_network(np.random.default_rng(6), readout=False)
    simulator = Simulator(net, n_samples=inputs.n_samples)
    more = (0, wrong == "samples", wrong == "channels")
    shape = np.add((inputs.n_steps, inputs.n_samples, inputs.n_neurons), more)
    with pytest.raises(ValidationError, match=wrong):
        simulator.step(from_dense(np.ones(shape, bool)))
    assert simulator.n_steps == 0
    assert simulator.step(inputs).spikes == engine.run(net, inputs).spikes


@pytest.mark.parametrize("options", [{"n_samples": 0}, {"threads": 0}])
def test_nothing_to_run_or_to_run_on_is_refused(random_network, options):
    net, _ = random_network(np.random.default_rng(6))
    with pytest.raises(ValidationError, match="at least 1"):
        Simulator(net, **options)


@settings(max_examples=10)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_reference_streams_what_is_not_compiled(mixed_network, seed):
    rng = np.random.default_rng(seed)
    net, inputs = mixed_network(rng)
    net = with_delays(net, rng)
    whole = reference.run(net, inputs, probes=PROBES)
    simulator = Simulator(
        engine.prepare(net, mode="numpy"), n_samples=inputs.n_samples, probes=PROBES
    )
    cut = int(rng.integers(0, inputs.n_steps))
    ends = [end for end in (cut, inputs.n_steps) if end]
    parts = [simulator.step(steps(inputs, a, b)) for a, b in zip([0, *ends], ends, strict=False)]
    assert simulator.n_steps == inputs.n_steps
    for k, spikes in enumerate(whole.spikes):
        joined = np.concatenate([part.spikes[k].to_dense() for part in parts])
        assert np.array_equal(joined, spikes.to_dense())
        assert np.array_equal(np.concatenate([part.v[k] for part in parts]), whole.v[k])


def test_delays_that_differ_are_left_to_the_reference_where_order_matters(mixed_network):
    net, inputs = mixed_network(np.random.default_rng(1), models=("xylo",))
    late = [replace(q, delays=np.arange(q.shape[1], dtype=np.int16) % 3) for q in net.projections]
    net = replace(net, projections=tuple(late))
    found = engine.run(net, inputs)
    assert "delays that differ" in found.details["by-reference"]
    assert found.spikes == reference.run(net, inputs).spikes


LONG_RUN = """
import numpy as np
from hetlava.events import from_dense
from hetlava.neurons.cuba import CubaRegisters
from hetlava.quantised import QuantisedNetwork, QuantisedPopulation, QuantisedProjection
from hetlava.sim import engine

n = 2048
word = lambda value: np.full(n, value, np.int32)
registers = CubaRegisters(du=word(9), dv=word(9), vth=word(9), bias_mant=word(9), bias_exp=word(6))
loop = QuantisedProjection(source="a", target="a", weights=np.full((n, n), 2, np.int16))
net = QuantisedNetwork(
    chip="loihi2", dt=1e-3, n_inputs=1, n_steps=1, output="a",
    populations=(QuantisedPopulation(name="a", registers=registers),), projections=(loop,),
)
engine.run(net, from_dense(np.zeros((3, 1, 1), bool)), threads=1)
print("begins", flush=True)
engine.run(net, from_dense(np.zeros((10_000_000, 1, 1), bool)), threads=1)
"""


def test_an_interrupt_ends_a_run_of_many_minutes():
    child = subprocess.Popen(
        [sys.executable, "-c", LONG_RUN], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert child.stdout is not None and child.stdout.readline() == "begins\n"
        child.send_signal(signal.SIGINT)
        _, error = child.communicate(timeout=60)
    finally:
        child.kill()
    assert "KeyboardInterrupt" in error
