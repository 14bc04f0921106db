"""Every listed target of integers agrees with the reference on the same networks, bit for bit."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from hetlava.chip_spec import ChipSpec
from hetlava.convolution import QuantisedConvolution
from hetlava.errors import ValidationError
from hetlava.events import Events, from_dense
from hetlava.hardware.interface import Target
from hetlava.hardware.targets import TARGETS, target
from hetlava.quantised import QuantisedNetwork, QuantisedPopulation, QuantisedProjection
from hetlava.sim import reference
from hetlava.sparse_synapses import from_matrix

RandomNetwork = Callable[..., tuple[QuantisedNetwork, Events]]


# of CUBA neurons: chips of others have a judge and a file of their own
INTEGERS = [
    name
    for name in TARGETS
    if target(name).takes == "integers" and isinstance(target(name).spec, ChipSpec | None)
]


@pytest.fixture(params=INTEGERS)
def candidate(request: pytest.FixtureRequest) -> Target:
    found = target(request.param)
    missing = found.unavailable()
    if missing:
        pytest.skip(f"{found.name}: {missing}")
    return found


@pytest.mark.parametrize("extreme", [False, True])
@pytest.mark.parametrize("seed", range(2))
def test_targets_agree_with_reference(
    candidate: Target, seed: int, extreme: bool, random_network: RandomNetwork
) -> None:
    net, inputs = random_network(np.random.default_rng(seed), extreme=extreme)
    net = replace(net, chip=candidate.chip or net.chip)
    expected = reference.run(net, inputs, probes=("u", "v"))
    found = candidate.run(net, inputs, probes=("u", "v"), threads=2)
    assert found.spikes == expected.spikes
    for traces in ("u", "v"):
        pairs = zip(getattr(found, traces), getattr(expected, traces), strict=True)
        assert all(a.dtype == b.dtype and np.array_equal(a, b) for a, b in pairs)
    assert np.array_equal(found.scores, expected.scores)
    assert np.array_equal(found.synops, expected.synops)
    assert found.names == expected.names


def test_targets_agree_on_kernels_and_delays(
    candidate: Target,
    rng: np.random.Generator,
    random_network: RandomNetwork,
    random_convolution: Callable[..., QuantisedConvolution],
) -> None:
    net, _ = random_network(rng, loops=False, readout=False)
    kernel = random_convolution(rng, target=net.populations[0].name)
    size = kernel.shape[0] // net.populations[0].registers.n + 1
    first = net.populations[0].registers
    words = ("du", "dv", "vth", "bias_mant", "bias_exp")
    tiled = {w: np.tile(getattr(first, w), size)[: kernel.shape[0]] for w in words}
    population = replace(net.populations[0], registers=replace(first, **tiled))
    last = QuantisedPopulation(name="last", registers=first)
    delayed = QuantisedProjection(
        source=population.name,
        target="last",
        weights=(2 * rng.integers(-128, 128, (first.n, kernel.shape[0]))).astype(np.int16),
        delays=rng.integers(0, 9, kernel.shape[0]).astype(np.int16),
    )
    net = replace(
        net,
        chip=candidate.chip or net.chip,
        n_inputs=kernel.shape[1],
        populations=(population, last),
        projections=(kernel, delayed),
        output="last",
    )
    inputs = from_dense(rng.random((20, 2, net.n_inputs)) < 0.4)
    expected = reference.run(net, inputs)
    assert candidate.run(net, inputs).spikes == expected.spikes
    assert all(events.n_events > 10 for events in expected.spikes)


@pytest.mark.parametrize("late", [False, True])
def test_targets_agree_on_lists(
    candidate: Target, late: bool, random_network: RandomNetwork
) -> None:
    rng = np.random.default_rng(0)
    net, inputs = random_network(rng)
    projections = []
    for q in net.projections:
        thinned = q.weights * (rng.random(q.shape) < 0.5)
        q = from_matrix(replace(q, weights=thinned.astype(np.int16)))
        delays = rng.integers(0, 9, q.shape[1]).astype(np.int16)
        projections.append(replace(q, delays=delays if late else None))
    net = replace(net, chip=candidate.chip or net.chip, projections=tuple(projections))
    expected = reference.run(net, inputs, probes=("u", "v"))
    found = candidate.run(net, inputs, probes=("u", "v"))
    assert found.spikes == expected.spikes
    assert all(map(np.array_equal, found.u + found.v, expected.u + expected.v))
    assert sum(events.n_events for events in expected.spikes) > 10


@pytest.mark.parametrize("lists", [False, True])
def test_targets_agree_on_delays_of_synapses(
    candidate: Target, lists: bool, random_network: RandomNetwork
) -> None:
    rng = np.random.default_rng(16)
    net, inputs = random_network(rng, max_neurons=15)
    projections = []
    for q in net.projections:
        late = rng.integers(0, 9, q.shape).astype(np.int8)
        q = replace(q, synaptic_delays=late)
        projections.append(from_matrix(q) if lists else q)
    net = replace(net, chip=candidate.chip or net.chip, projections=tuple(projections))
    expected = reference.run(net, inputs, probes=("u", "v"))
    found = candidate.run(net, inputs, probes=("u", "v"))
    assert found.spikes == expected.spikes
    assert all(map(np.array_equal, found.u + found.v, expected.u + expected.v))
    assert np.array_equal(found.synops, expected.synops)
    assert any(q.weight_exp < 0 for q in net.projections)
    assert sum(events.n_events for events in expected.spikes) > 10


def test_targets_say_who_they_are_and_how_they_ran(
    candidate: Target, rng: np.random.Generator, random_network: RandomNetwork
) -> None:
    net, inputs = random_network(rng, max_neurons=5)
    recording = candidate.run(replace(net, chip=candidate.chip or net.chip), inputs)
    assert recording.target == candidate.name
    assert recording.provenance in ("simulated", "emulated", "hardware")
    assert recording.seconds > 0
    assert recording.u == recording.v == ()


def test_targets_refuse_what_does_not_fit_the_network(
    candidate: Target, rng: np.random.Generator, random_network: RandomNetwork
) -> None:
    net, inputs = random_network(rng)
    net = replace(net, chip=candidate.chip or net.chip)
    wide = from_dense(np.zeros((2, 1, net.n_inputs + 1), bool))
    with pytest.raises(ValidationError, match=f"the network takes {net.n_inputs}"):
        candidate.run(net, wide)
    with pytest.raises(ValidationError, match="probe 'w' is unknown; known: u, v"):
        candidate.run(net, inputs, probes=("w",))
