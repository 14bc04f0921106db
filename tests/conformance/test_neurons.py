"""Every listed neuron model: Lava's own arithmetic is the judge, at every step."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from hetlava.convolution import QuantisedConvolution
from hetlava.events import Events, from_dense
from hetlava.export import lava_graph
from hetlava.export.lava_neurons import MODELS
from hetlava.neurons.registers import NEURONS, NeuronRegisters
from hetlava.quantised import QuantisedNetwork, QuantisedPopulation
from hetlava.recording import Recording
from hetlava.sim import engine, reference

RandomNetwork = Callable[..., tuple[QuantisedNetwork, Events]]
IN_LAVA = [name for name in NEURONS if name in MODELS]


def assert_equal(found: Recording, expected: Recording) -> None:
    for state in ("u", "v"):
        pairs = zip(getattr(found, state), getattr(expected, state), strict=True)
        for name, (a, b) in zip(expected.names, pairs, strict=True):
            assert a.dtype == b.dtype == np.int32
            wrong = np.argwhere(a != b)
            assert not wrong.size, f"{found.target}: {state} of {name} at {wrong[0]}"
    assert found.spikes == expected.spikes
    assert np.array_equal(found.scores, expected.scores)
    assert np.array_equal(found.synops, expected.synops)


def assert_lava_agrees(net: QuantisedNetwork, inputs: Events, lif: str = "stock") -> Recording:
    expected = reference.run(net, inputs, probes=("u", "v"))
    assert_equal(lava_graph.run(net, inputs, probes=("u", "v"), lif=lif), expected)  # type: ignore[arg-type]
    return expected


@pytest.mark.parametrize("extreme", [False, True])
@pytest.mark.parametrize("model", NEURONS)
def test_the_engine_agrees_with_the_reference(
    model: str, extreme: bool, mixed_network: RandomNetwork
) -> None:
    for seed in range(4):
        rng = np.random.default_rng(seed)
        net, inputs = mixed_network(rng, models=(model,), extreme=extreme)
        expected = reference.run(net, inputs, probes=("u", "v"))
        assert_equal(engine.run(net, inputs, probes=("u", "v"), threads=1), expected)


@pytest.mark.parametrize("model", NEURONS)
def test_the_engine_agrees_on_kernels_into_every_model(
    model: str, rng: np.random.Generator, random_neurons: Callable[..., NeuronRegisters]
) -> None:
    registers = random_neurons(rng, model, 18)
    kernels = tuple(
        QuantisedConvolution(
            source="input",
            target="p",
            weights=rng.integers(-20, 60, (2, 1, 3, 3)).astype(np.int16),
            input_shape=(1, 5, 5),
            port=port,
            message_bits=bits,
        )
        for port in range(registers.n_ports)
        for bits in (0, 8)
    )
    net = QuantisedNetwork(
        chip="loihi2",
        dt=1e-3,
        n_inputs=25,
        n_steps=20,
        populations=(QuantisedPopulation(name="p", registers=registers),),
        projections=kernels,
        output="p",
    )
    inputs = from_dense(rng.integers(-3, 4, (20, 2, 25)).astype(np.int32))
    expected = reference.run(net, inputs, probes=("u", "v"))
    assert_equal(engine.run(net, inputs, probes=("u", "v"), threads=1), expected)


@pytest.mark.lava
@pytest.mark.parametrize("model", IN_LAVA)
def test_lava_agrees_on_every_model(model: str, mixed_network: RandomNetwork) -> None:
    """One sample without resets: Lava's very own processes where they hold the numbers."""
    net, inputs = mixed_network(np.random.default_rng(0), models=(model,), extreme=True)
    bare = [replace(p, reset_interval=0) for p in net.populations]
    assert_lava_agrees(replace(net, populations=tuple(bare)), inputs.samples(0, 1))


@pytest.mark.lava
@pytest.mark.parametrize(("seed", "lif", "extreme"), [(10, "stock", False), (11, "vector", True)])
def test_lava_agrees_on_mixed_networks_with_resets(
    seed: int, lif: str, extreme: bool, mixed_network: RandomNetwork
) -> None:
    rng = np.random.default_rng(seed)
    net, inputs = mixed_network(rng, extreme=extreme, models=tuple(MODELS))
    late = [replace(p, start=k % 3) for k, p in enumerate(net.populations)]
    assert_lava_agrees(replace(net, populations=tuple(late)), inputs, lif)


@pytest.mark.lava
@pytest.mark.slow
@pytest.mark.parametrize("extreme", [False, True])
@pytest.mark.parametrize("seed", range(1000, 1006))
def test_lava_agrees_on_many_mixed_networks(
    seed: int, extreme: bool, mixed_network: RandomNetwork
) -> None:
    rng = np.random.default_rng(seed)
    net, inputs = mixed_network(rng, extreme=extreme, models=tuple(MODELS))
    assert_lava_agrees(net, inputs, str(rng.choice(["stock", "vector"])))


def test_the_mixed_networks_are_worth_comparing(mixed_network: RandomNetwork) -> None:
    """All models send, messages are negative and large, neurons are reset in the middle."""
    sent = dict.fromkeys(NEURONS, 0)
    resets, lowest = 0, 0
    for seed in range(40):
        net, inputs = mixed_network(np.random.default_rng(seed))
        recording = reference.run(net, inputs)
        for p, events in zip(net.populations, recording.spikes, strict=True):
            sent[p.registers.model] += events.n_events
            resets += sum(p.resets_before(t) for t in range(1, inputs.n_steps))
            if events.values is not None:
                lowest = min(lowest, int(events.values.min()))
    assert min(sent.values()) > 10
    assert resets > 50 and lowest < -(1 << 20)
