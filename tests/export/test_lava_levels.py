"""Populations split by (du, dv, vth) are the same network."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from hetlava.convolution import QuantisedConvolution
from hetlava.errors import UnsupportedError
from hetlava.events import Events, from_dense
from hetlava.export import lava_levels
from hetlava.export.lava_levels import merge_levels, split_levels
from hetlava.neurons.cuba import CubaRegisters
from hetlava.quantised import QuantisedNetwork, QuantisedPopulation, QuantisedProjection
from hetlava.sim import reference

RandomNetwork = Callable[..., tuple[QuantisedNetwork, Events]]


def assert_same(net: QuantisedNetwork, inputs: Events) -> None:
    """Run a network and its split in the reference and compare every state."""
    levels = split_levels(net)
    expected = reference.run(net, inputs, probes=("u", "v"))
    found = reference.run(levels.net, inputs, probes=("u", "v"))
    records = {
        name: {"u": found.u[k], "v": found.v[k], "spikes": found.spikes[k].to_dense()}
        for k, name in enumerate(found.names)
    }
    merged = merge_levels(levels, records)
    for k, name in enumerate(expected.names):
        assert np.array_equal(merged[name]["u"], expected.u[k])
        assert np.array_equal(merged[name]["v"], expected.v[k])
        assert from_dense(merged[name]["spikes"]) == expected.spikes[k]


@pytest.mark.parametrize("extreme", [False, True])
@pytest.mark.parametrize("n", [1, 3, 10**6])
def test_a_split_network_computes_the_same(
    n: int, extreme: bool, random_network: RandomNetwork, few_levels: Callable
) -> None:
    for seed in range(10):
        rng = np.random.default_rng(seed)
        net, inputs = random_network(rng, extreme=extreme, max_neurons=10)
        assert_same(few_levels(net, rng, n), inputs)


def images(rng: np.random.Generator, *, groups: int = 1) -> QuantisedNetwork:
    """A kernel, a kernel and a matrix, late, between neurons of two levels, whole channels each."""
    first = QuantisedConvolution(
        source="input",
        target="a",
        weights=(2 * rng.integers(-60, 100, (4, 2, 3, 2))).astype(np.int16),
        input_shape=(2, 6, 5),
    )
    second = QuantisedConvolution(
        source="a",
        target="b",
        weights=(2 * rng.integers(-60, 100, (6, 4 // groups, 2, 2))).astype(np.int16),
        input_shape=first.output_shape,
        groups=groups,
    )
    last = QuantisedProjection(
        source="b",
        target="c",
        weights=(2 * rng.integers(-60, 100, (5, second.shape[0]))).astype(np.int16),
    )
    late = [
        replace(q, delays=rng.integers(0, 5, q.shape[1]).astype(np.int16))
        for q in (first, second, last)
    ]
    populations = []
    for q, channels in zip(late, (4, 6, 5), strict=True):
        level = np.repeat(np.arange(channels) % 2, q.shape[0] // channels)
        zero = np.zeros(level.size, np.int32)
        registers = CubaRegisters(
            du=np.array([900, 1800], np.int32)[level],
            dv=np.array([90, 30], np.int32)[level],
            vth=zero + 200,
            bias_mant=zero,
            bias_exp=zero,
        )
        populations.append(QuantisedPopulation(name=q.target, registers=registers))
    return QuantisedNetwork(
        chip="loihi2",
        dt=1e-3,
        n_inputs=60,
        n_steps=20,
        populations=tuple(populations),
        projections=tuple(late),
        output="c",
    )


def test_kernels_are_split_by_channels_and_delays_by_neurons(rng: np.random.Generator) -> None:
    net = images(rng)
    inputs = from_dense(rng.random((20, 2, 60)) < 0.2)
    assert min(events.n_events for events in reference.run(net, inputs).spikes) > 50
    assert len(split_levels(net).net.projections) == 2 + 4 + 4
    assert_same(net, inputs)


def test_kernels_that_levels_would_part_are_refused(rng: np.random.Generator) -> None:
    with pytest.raises(UnsupportedError, match="a -> b: levels that part channels, or a kernel of"):
        split_levels(images(rng, groups=2))
    net = images(rng)
    registers = net.populations[0].registers
    uneven = replace(registers, dv=np.arange(registers.n, dtype=np.int32) % 2)
    first = replace(net.populations[0], registers=uneven)
    with pytest.raises(UnsupportedError, match="input -> a: levels that part channels"):
        split_levels(replace(net, populations=(first, *net.populations[1:])))


def test_an_exponent_that_rounds_a_sum_over_inputs_stays(
    rng: np.random.Generator, random_network: RandomNetwork, few_levels: Callable
) -> None:
    net, inputs = random_network(rng)
    net = few_levels(net, rng)
    finer = [replace(q, weight_exp=-3) if q.source == "input" else q for q in net.projections]
    assert np.any(finer[0].weights % 8)
    assert_same(replace(net, projections=tuple(finer)), inputs)


def test_every_group_has_one_decay_and_threshold_and_every_neuron_one_group(
    rng: np.random.Generator, random_network: RandomNetwork, few_levels: Callable
) -> None:
    net = few_levels(random_network(rng, readout=False)[0], rng, 4)
    levels = split_levels(net)
    for p in levels.net.populations:
        words = [getattr(p.registers, name) for name in ("du", "dv", "vth")]
        assert all(np.unique(word).size == 1 for word in words)
    for p in net.populations:
        members = np.concatenate(list(levels.groups[p.name].values()))
        assert sorted(members) == list(range(p.registers.n))
        assert 1 < len(levels.groups[p.name]) <= 4


def test_thresholds_that_are_never_read_split_nothing(
    rng: np.random.Generator, random_network: RandomNetwork, few_levels: Callable
) -> None:
    net = few_levels(random_network(rng, max_neurons=8)[0], rng, 1)
    last = net.populations[-1]
    registers = replace(
        last.registers, vth=np.arange(last.registers.n, dtype=np.int32), spiking=False
    )
    net = replace(
        net,
        populations=(*net.populations[:-1], replace(last, registers=registers)),
        readout="max-voltage",
    )
    assert len(split_levels(net).groups[last.name]) == 1


def two_levels(weights: list[list[int]], weight_exp: int, base: tuple) -> QuantisedNetwork:
    """A population of two levels that projects onto itself."""
    net, _ = base
    p = net.populations[0]
    words = {name: np.array([1, 2], np.int32) for name in ("du", "dv", "vth")}
    words |= {name: np.zeros(2, np.int32) for name in ("bias_mant", "bias_exp")}
    population = replace(p, registers=replace(p.registers, spiking=True, **words))
    first = net.projections[0]
    loop = replace(
        first,
        source=p.name,
        target=p.name,
        weights=np.array(weights, np.int16),
        weight_exp=weight_exp,
    )
    return replace(
        net, populations=(population,), projections=(loop,), output=p.name, readout="spike-count"
    )


def test_an_exponent_that_rounds_a_sum_over_levels_is_refused(
    rng: np.random.Generator, random_network: RandomNetwork
) -> None:
    base = random_network(rng)
    with pytest.raises(UnsupportedError, match="weight_exp -2 rounds the sum over 2 levels"):
        split_levels(two_levels([[4, 8], [2, 4]], -2, base))
    assert len(split_levels(two_levels([[4, 8], [-4, 4]], -2, base)).net.projections) == 4


def test_more_processes_than_a_machine_starts_are_refused_with_the_count(
    rng: np.random.Generator, random_network: RandomNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = two_levels([[4, 8], [2, 4]], 0, random_network(rng))
    monkeypatch.setattr(lava_levels, "PROCESSES_MAX", 6)
    split_levels(net)
    monkeypatch.setattr(lava_levels, "PROCESSES_MAX", 5)
    with pytest.raises(UnsupportedError, match="2 LIF processes .* and 4 Dense are more than 5"):
        split_levels(net)
