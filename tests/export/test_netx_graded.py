"""Sigma-delta and resonate-and-fire networks that are written: what netx makes of them."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hetlava.convolution import QuantisedConvolution
from hetlava.events import Events, from_dense
from hetlava.export.net_hdf5 import netx_differences, read, write
from hetlava.export.netx_decays import netx_decays, netx_way, netx_words
from hetlava.neurons.cuba import CubaRegisters
from hetlava.neurons.registers import NeuronRegisters
from hetlava.neurons.resonate import RFIzhikevichRegisters, RFRegisters
from hetlava.neurons.sigma_delta import DeltaRegisters, SigmaDeltaRegisters, SigmaRegisters
from hetlava.quantised import QuantisedNetwork, QuantisedPopulation, QuantisedProjection
from hetlava.sim import reference
from hetlava.synapses import QuantisedSynapses

RunNetx = Callable[[Path, np.ndarray], list[np.ndarray]]
SIZES = (6, 9, 7)


def ints(*values: int, n: int) -> np.ndarray:
    return np.resize(np.array(values, np.int32), n)


def dense(rng: np.random.Generator, ends: tuple[str, str], shape: tuple[int, int], **fields: int):
    weights = (2 * rng.integers(-40, 60, shape)).astype(np.int16)
    return QuantisedProjection(source=ends[0], target=ends[1], weights=weights, **fields)


def network(
    populations: dict[str, NeuronRegisters], projections: list[QuantisedSynapses]
) -> QuantisedNetwork:
    return QuantisedNetwork(
        chip="loihi2",
        dt=1e-3,
        n_inputs=projections[0].shape[1],
        n_steps=30,
        populations=tuple(
            QuantisedPopulation(name=name, registers=registers)
            for name, registers in populations.items()
        ),
        projections=tuple(projections),
        output=projections[-1].target,
    )


def resonators(
    rng: np.random.Generator, kind: type[RFRegisters] | type[RFIzhikevichRegisters], n: int
) -> NeuronRegisters:
    angle, size = rng.uniform(0.1, 1.5, n), rng.uniform(2500, 4090, n)
    sin, cos = ((f(angle) * size).astype(np.int32) for f in (np.sin, np.cos))
    return kind(sin_decay=sin, cos_decay=cos, vth=ints(30, n=n))


@pytest.fixture
def resonating(rng: np.random.Generator) -> QuantisedNetwork:
    """Resonators of both kinds behind a population of CUBA neurons."""
    a, b, c = SIZES
    words = {"du": 1000, "dv": 300, "vth": 60, "bias_mant": 0, "bias_exp": 6}
    cuba = CubaRegisters(**{name: ints(value, n=a) for name, value in words.items()})
    populations = {
        "a": cuba,
        "b": resonators(rng, RFRegisters, b),
        "c": resonators(rng, RFIzhikevichRegisters, c),
    }
    projections = [dense(rng, ("input", "a"), (a, 5))]
    for ends, shape in ((("a", "b"), (b, a)), (("b", "c"), (c, b))):
        projections += [dense(rng, ends, shape, port=port) for port in (0, 1)]
    return network(populations, projections)


@pytest.fixture
def sigma_delta(rng: np.random.Generator) -> QuantisedNetwork:
    """Deltas, two layers of sigma-deltas with biases, and sums of what they say."""
    a, b, c = SIZES
    populations = {
        "a": DeltaRegisters(vth=ints(3 << 6, n=a), spike_exp=0, state_exp=6),
        "b": SigmaDeltaRegisters(vth=ints(5, n=b), bias=ints(1, -3, 0, 40, n=b)),
        "c": SigmaDeltaRegisters(vth=ints(0, n=c), bias=ints(0, n=c)),
        "d": SigmaRegisters(start=ints(0, n=2)),
    }
    one_by_one = QuantisedConvolution(
        source="input",
        target="a",
        weights=np.full((1, 1, 1, 1), 64, np.int16),
        input_shape=(1, 1, a),
        message_bits=16,
    )
    chain = [
        dense(rng, ends, shape, message_bits=16)
        for ends, shape in ((("a", "b"), (b, a)), (("b", "c"), (c, b)), (("c", "d"), (2, c)))
    ]
    return network(populations, [one_by_one, *chain])


@pytest.mark.parametrize("which", ["resonating", "sigma_delta"])
def test_what_is_written_is_read_again(
    which: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    net = request.getfixturevalue(which)
    assert netx_differences(net) == []
    write(tmp_path / "a.net", net)
    assert read(tmp_path / "a.net") == net


@pytest.mark.lava
def test_netx_runs_resonators_as_hetlava_does(
    resonating: QuantisedNetwork, rng: np.random.Generator, tmp_path: Path, run_netx: RunNetx
) -> None:
    write(tmp_path / "a.net", resonating)
    inputs = from_dense(rng.random((60, 1, 5)) < 0.4)
    expected = reference.run(resonating, inputs).spikes
    assert min(events.n_events for events in expected) > 10
    assert_same(run_netx(tmp_path / "a.net", inputs.to_dense()[:, 0]), expected)


@pytest.mark.lava
def test_netx_runs_sigma_deltas_as_hetlava_does(
    sigma_delta: QuantisedNetwork, rng: np.random.Generator, tmp_path: Path, run_netx: RunNetx
) -> None:
    write(tmp_path / "a.net", sigma_delta)
    x = np.cumsum(rng.integers(-8, 9, (60, 1, SIZES[0])), axis=0).astype(np.int32)
    late = np.concatenate([np.zeros_like(x[:1]), x[:-1]])
    # netx hands deltas their input without a synapse, that is a step earlier than hetlava
    expected = reference.run(sigma_delta, from_dense(x)).spikes
    assert min(events.n_events for events in expected) > 100
    assert_same(run_netx(tmp_path / "a.net", late[:, 0]), expected)


def assert_same(found: list[np.ndarray], expected: tuple[Events, ...]) -> None:
    for a, b in zip(found, expected, strict=True):
        assert np.array_equal(a, b.to_dense()[:, 0])


@pytest.mark.parametrize(
    ("name", "words", "reason"),
    [
        ("b", {"vth": ints(5, 6, n=9)}, "vth differs between neurons"),
        ("b", {"rectify": False}, "not rectified"),
        ("b", {"spike_exp": 5}, "exponents other than 6"),
        ("c", {"cum_error": True}, "cumulative errors"),
        ("a", {"vth": ints(65, n=6)}, "no multiple of 64"),
        ("d", {"start": ints(1, n=2)}, "do not start at 0"),
    ],
)
def test_neurons_that_netx_does_not_have_are_told(
    name: str, words: dict[str, object], reason: str, sigma_delta: QuantisedNetwork
) -> None:
    (told,) = netx_differences(with_registers(sigma_delta, name, words))
    assert told.startswith(f"{name}: ") and reason in told


def with_registers(net: QuantisedNetwork, name: str, words: dict[str, object]) -> QuantisedNetwork:
    populations = [
        replace(p, registers=replace(p.registers, **words)) if p.name == name else p
        for p in net.populations
    ]
    return replace(net, populations=tuple(populations))


def with_projection(net: QuantisedNetwork, k: int, **fields: object) -> QuantisedNetwork:
    projections = list(net.projections)
    projections[k] = replace(projections[k], **fields)
    return replace(net, projections=tuple(projections))


def test_wiring_that_netx_does_not_have_is_told(
    sigma_delta: QuantisedNetwork, resonating: QuantisedNetwork
) -> None:
    for net, reason in (
        (with_projection(sigma_delta, 0, weights=np.full((1, 1, 1, 1), 32, np.int16)), "of 64"),
        (with_projection(sigma_delta, 2, message_bits=0), "graded messages taken as spikes"),
        (with_projection(resonating, 0, message_bits=8), "graded input"),
        (with_projection(resonating, 1, delays=np.ones(6, np.int16)), "delays of complex"),
        (replace(resonating, projections=resonating.projections[:-1]), "input from nothing"),
        (with_projection(resonating, 4, port=0), "one source"),
    ):
        told = netx_differences(net)
        assert any(reason in text for text in told), told


def test_decays_survive_netx_as_they_are_written(rng: np.random.Generator) -> None:
    angle, size = rng.uniform(0, 2 * np.pi, 20000), rng.uniform(0, 4096, 20000)
    sin, cos = (np.rint(f(angle) * size).astype(np.int32) for f in (np.sin, np.cos))
    registers = RFRegisters(sin_decay=sin, cos_decay=cos, vth=sin)
    lost = [np.mean(a != b) for a, b in zip(netx_decays(registers), (sin, cos), strict=True)]
    assert min(lost) > 0.1  # the reason for what follows
    back = netx_way(*netx_words(registers))
    assert all(np.array_equal(a.astype(np.int32), b) for a, b in zip(back, (sin, cos), strict=True))


@pytest.mark.lava
def test_the_decays_of_netx_are_those_that_hetlava_says(rng: np.random.Generator) -> None:
    from hetlava.export.lava_import import netx

    netx()
    from lava.lib.dl.slayer.neuron.rf import neuron_params
    from lava.proc.rf.process import RF

    sin, cos = rng.integers(1, 4000, (2, 500))
    said = netx_decays(
        RFRegisters(
            sin_decay=sin.astype(np.int32), cos_decay=cos.astype(np.int32), vth=sin.astype(np.int32)
        )
    )
    words = neuron_params({"sinDecay": sin, "cosDecay": cos, "vThMant": 64})
    lava = RF(shape=(500,), period=words["period"], alpha=words["decay"], decay_bits=12)
    assert np.array_equal(lava.sin_decay.init, said[0])
    assert np.array_equal(lava.cos_decay.init, said[1])
