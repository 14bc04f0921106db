"""Layers as products of matrices: chosen where it pays, never another bit."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hetlava.convolution import QuantisedConvolution
from hetlava.errors import UnsupportedError, ValidationError
from hetlava.events import from_dense
from hetlava.neurons.registers import NEURONS, neuron_model
from hetlava.sim import crossover, dense, dense_layers, engine, reference
from hetlava.sim.modes import MODES
from hetlava.sim.streaming import Simulator

PROBES = ("u", "v")
COMPILED = tuple(name for name in NEURONS if not neuron_model(name).in_order)


@pytest.fixture
def multiplied(monkeypatch):
    """Return the wires that were multiplied so far."""
    calls, sums = [], dense.Products.sums

    def noted(self, w, spikes):
        calls.append(w)
        return sums(self, w, spikes)

    monkeypatch.setattr(dense.Products, "sums", noted)
    return calls


def layered(mixed_network, rng, models=COMPILED):
    """Return a network without loops, some spikes late, and messages whose sums floats hold."""
    net, inputs = mixed_network(rng, models=models, loops=False)
    late = [
        replace(
            q, message_bits=0, delays=rng.integers(0, 4 * rng.integers(2), q.shape[1], np.int16,
            endpoint=True),
        )
        for q in net.projections
    ]  # fmt: skip
    if rng.random() < 0.5:  # halves in a byte each
        late = [replace(q, weights=(q.weights // 2).astype(np.int8), halved=True) for q in late]
    return replace(net, projections=tuple(late)), inputs


def assert_same(a, b):
    assert a.spikes == b.spikes
    assert all(map(np.array_equal, a.u + a.v, b.u + b.v))
    assert np.array_equal(a.scores, b.scores) and np.array_equal(a.synops, b.synops)


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32 - 1), mode=st.sampled_from(MODES), threads=st.integers(1, 2))
def test_every_mode_gives_the_bits_of_the_reference(mixed_network, seed, mode, threads):
    rng = np.random.default_rng(seed)
    net, inputs = layered(mixed_network, rng)
    expected = reference.run(net, inputs, probes=PROBES)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dense, "BYTES", int(rng.integers(1, 2000)))  # some steps at a time
        patch.setattr(dense_layers, "QUIET", 0.0)
        patch.setattr(crossover, "crossover", lambda: 0.3)
        found = engine.run(net, inputs, probes=PROBES, threads=threads, mode=mode)
    assert_same(found, expected)


@settings(max_examples=15)
@given(seed=st.integers(0, 2**32 - 1))
def test_products_stream_too(mixed_network, seed):
    rng = np.random.default_rng(seed)
    net, inputs = layered(mixed_network, rng)
    whole = reference.run(net, inputs, probes=PROBES)
    simulator = Simulator(
        engine.prepare(net, mode="dense"), n_samples=inputs.n_samples, probes=PROBES, threads=1
    )
    x, cut = inputs.to_dense(), int(rng.integers(0, inputs.n_steps))
    parts = [simulator.step(from_dense(part)) for part in (x[:cut], x[cut:]) if len(part)]
    for k, spikes in enumerate(whole.spikes):
        joined = np.concatenate([part.spikes[k].to_dense() for part in parts])
        assert np.array_equal(joined, spikes.to_dense())


def test_messages_of_any_size_are_multiplied_where_floats_hold_the_sums(mixed_network, multiplied):
    rng = np.random.default_rng(5)
    net, inputs = layered(mixed_network, rng, models=("cuba",))
    net = replace(net, projections=tuple(replace(q, message_bits=8) for q in net.projections))
    sizes = inputs.to_dense().astype(np.int32) * rng.integers(-50, 50, inputs.n_neurons, np.int32)
    expected = reference.run(net, from_dense(sizes), probes=PROBES)
    assert_same(engine.run(net, from_dense(sizes), probes=PROBES, mode="dense"), expected)
    assert multiplied
    large = np.full_like(sizes, 1 << 20)
    with pytest.raises(UnsupportedError, match=r"input -> .*takes no sums of 2\*\*24 or more"):
        engine.run(net, from_dense(large), mode="dense")
    assert_same(engine.run(net, from_dense(large)), reference.run(net, from_dense(large)))


@pytest.mark.parametrize(("activity", "expected"), [(0.02, 0), (0.2, 0), (0.6, 1)])
def test_auto_multiplies_only_above_the_crossover(
    random_network, monkeypatch, multiplied, rng, activity, expected
):
    asked = []
    monkeypatch.setattr(crossover, "crossover", lambda: asked.append(1) or 0.4)
    net, _ = random_network(rng, loops=False, readout=False)
    first = net.populations[0].name
    net = replace(
        net, populations=net.populations[:1], output=first, readout="spike-count",
        projections=tuple(q for q in net.projections if (q.source, q.target) == ("input", first)),
    )  # fmt: skip
    net = replace(net, n_inputs=100, projections=tuple(
        replace(q, weights=np.resize(q.weights, (q.shape[0], 100)), delays=None)
        for q in net.projections
    ))  # fmt: skip
    spikes = np.zeros((50, 1, 100), bool)
    spikes[:, :, : int(100 * activity)] = True
    engine.run(net, from_dense(spikes), threads=1)
    assert len(multiplied) == expected * len(net.projections)
    assert bool(asked) == (activity > dense_layers.QUIET)


def test_the_crossover_is_measured_once_and_above_nothing():
    assert 0 < crossover.crossover() == crossover.crossover()


def test_what_cannot_be_multiplied_is_refused_by_name(random_network, mixed_network):
    loops, _ = random_network(np.random.default_rng(0), readout=False)
    ring = replace(loops.projections[0], source=loops.projections[0].target, delays=None)
    n = ring.shape[0]
    ring = replace(ring, weights=np.ones((n, n), np.int16))
    with pytest.raises(UnsupportedError, match="the dense engine takes no loops"):
        engine.prepare(replace(loops, projections=(*loops.projections, ring)), mode="dense")
    kernel = QuantisedConvolution(
        source="input", target="p", weights=np.ones((1, 1, 3, 3), np.int16), input_shape=(1, 4, 4)
    )
    p = replace(loops.populations[0], name="p")
    words = {w: np.resize(getattr(p.registers, w), 4) for w in p.registers.words}
    p = replace(p, registers=replace(p.registers, **words))
    net = replace(loops, n_inputs=16, populations=(p,), projections=(kernel,), output="p")
    with pytest.raises(UnsupportedError, match="input -> p: the dense engine takes no kernels"):
        engine.prepare(net, mode="dense")
    slow, _ = mixed_network(np.random.default_rng(0), models=tuple({*NEURONS} - {*COMPILED}))
    with pytest.raises(UnsupportedError, match="the dense engine lacks xylo"):
        engine.prepare(slow, mode="dense")


def test_an_unknown_mode_is_refused(random_network):
    net, _ = random_network(np.random.default_rng(0))
    with pytest.raises(
        ValidationError, match="'fast' is unknown; known: auto, events, dense, numpy"
    ):
        engine.prepare(net, mode="fast")
