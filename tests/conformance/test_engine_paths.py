"""Every way in which the engine can run: every neuron model, kind of synapse and reset gives the
bits of the reference on each of them, and by loops where loops are said to run it."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest

from hetlava.convolution import QuantisedConvolution, pooling
from hetlava.errors import UnsupportedError
from hetlava.events import Events, concatenate, from_dense
from hetlava.neurons.registers import NEURONS, NeuronRegisters, neuron_model
from hetlava.quantised import QuantisedNetwork, QuantisedPopulation, QuantisedProjection
from hetlava.recording import Recording
from hetlava.sim import engine, reference, runs
from hetlava.sim.streaming import Simulator
from hetlava.sparse_synapses import from_matrix
from hetlava.synapses import QuantisedSynapses

SHAPE = (2, 6, 6)
N_PRE, N_STEPS, N_SAMPLES = 72, 12, 3
PROBES = ("u", "v")
Neurons = Callable[..., NeuronRegisters]
Path = Callable[[QuantisedNetwork, Events], Recording]


def matrix(rng: np.random.Generator) -> QuantisedProjection:
    weights = 2 * rng.integers(-40, 60, (20, N_PRE))
    return QuantisedProjection(source="input", target="p", weights=weights.astype(np.int16))


def odd(rng: np.random.Generator) -> QuantisedProjection:
    weights = rng.integers(-90, 120, (20, N_PRE)).astype(np.int16)
    return replace(matrix(rng), weights=weights, weight_exp=-2)


def halved(rng: np.random.Generator) -> QuantisedProjection:
    weights = rng.integers(-40, 60, (20, N_PRE)).astype(np.int8)
    return replace(matrix(rng), weights=weights, halved=True)


def lists(rng: np.random.Generator) -> QuantisedSynapses:
    whole = matrix(rng)
    thinned = whole.weights * (rng.random(whole.shape) < 0.3)
    return from_matrix(replace(whole, weights=thinned.astype(np.int16)))


def kernel(rng: np.random.Generator) -> QuantisedConvolution:
    weights = rng.integers(-20, 60, (3, 2, 3, 3)).astype(np.int16)
    return QuantisedConvolution(source="input", target="p", weights=weights, input_shape=SHAPE)


def odd_kernel(rng: np.random.Generator) -> QuantisedConvolution:
    """Moves by other than 1, over a border, with holes, and sees half of the channels."""
    return QuantisedConvolution(
        source="input",
        target="p",
        weights=rng.integers(-60, 90, (4, 1, 3, 2)).astype(np.int16),
        input_shape=SHAPE,
        stride=(2, 1),
        padding=((1, 2), (0, 1)),
        dilation=(1, 2),
        groups=2,
    )


def pool(rng: np.random.Generator) -> QuantisedConvolution:
    return pooling("input", "p", 40, SHAPE, (2, 2))


def late(make: Callable[[np.random.Generator], QuantisedSynapses]) -> Callable[..., object]:
    def made(rng: np.random.Generator) -> QuantisedSynapses:
        return replace(make(rng), delays=rng.integers(0, 5, N_PRE).astype(np.int16))

    return made


SYNAPSES = {
    "matrix": matrix,
    "odd weights": odd,
    "halves in bytes": halved,
    "lists": lists,
    "kernel": kernel,
    "kernel with stride, padding, dilation, groups": odd_kernel,
    "pool": pool,
    "late matrix": late(matrix),
    "late lists": late(lists),
    "late kernel": late(kernel),
}
MATRICES = ("matrix", "odd weights", "halves in bytes", "late matrix")
RESETS = {
    "none": {},
    "interval": {"reset_interval": 5, "reset_offset": 2},
    "late start": {"start": 3},
}


def networks(
    model: str, neurons: Neurons, *, loops: bool | None = None
) -> Iterator[tuple[str, QuantisedNetwork, Events]]:
    """Yield a network for each kind of synapse and reset, with plain and with graded input.

    Every other one has the population on a loop, if ``loops`` does not say.

    The input and the population lead to two that are joined again (concatenation), one of which
    hears the population through lists.
    """
    for number, (kind, make) in enumerate(SYNAPSES.items()):
        for k, (reset, words) in enumerate(RESETS.items()):
            rng = np.random.default_rng([number, k])
            first = make(rng)
            assert isinstance(first, QuantisedSynapses)
            n, graded = first.shape[0], k == 1
            registers = neurons(rng, model, n)
            bits = 8 if registers.graded else 0

            def wire(source: str, target: str, n_post: int, n_pre: int) -> QuantisedProjection:
                weights = 2 * rng.integers(-30, 50, (n_post, n_pre))  # noqa: B023
                return QuantisedProjection(
                    source=source, target=target, weights=weights.astype(np.int16)
                )

            wires: list[QuantisedSynapses] = [
                replace(first, message_bits=4 if graded else 0),
                replace(from_matrix(wire("p", "a", 6, n)), message_bits=bits),
                wire("input", "b", 4, N_PRE),
                wire("a", "out", 5, 6),
                wire("b", "out", 5, 4),
            ]
            if registers.n_ports > 1:
                wires.append(replace(first, port=1))
            looped = (number + k) % 2 == 1 if loops is None else loops
            if looped:
                wires.append(replace(wire("p", "p", n, n), message_bits=bits))
            sizes = {"a": 6, "b": 4, "out": 5}
            cuba = [
                QuantisedPopulation(name=name, registers=neurons(rng, "cuba", m), **words)
                for name, m in sizes.items()
            ]
            net = QuantisedNetwork(
                chip="loihi2",
                dt=1e-3,
                n_inputs=N_PRE,
                n_steps=N_STEPS,
                populations=(
                    QuantisedPopulation(name="p", registers=registers, **words), *cuba
                ),
                projections=tuple(wires),
                output="out",
            )  # fmt: skip
            x = rng.random((N_STEPS, N_SAMPLES, N_PRE)) < 0.25
            inputs = from_dense(x * rng.integers(-7, 8, x.shape, np.int32) if graded else x)
            yield f"{kind}, reset {reset}, loops {looped}", net, inputs


def stream(net: QuantisedNetwork, inputs: Events) -> Recording:
    simulator = Simulator(net, n_samples=inputs.n_samples, probes=PROBES, threads=2)
    x, ends = inputs.to_dense(), (0, 1, 6, N_STEPS)
    parts = [
        simulator.step(from_dense(x[a:b])) for a, b in zip(ends, ends[1:], strict=False)
    ]  # fmt: skip
    spikes = [
        from_dense(np.concatenate([part.spikes[k].to_dense() for part in parts]))
        for k in range(len(net.populations))
    ]
    return replace(
        parts[0],
        spikes=tuple(spikes),
        scores=np.sum([part.scores for part in parts], 0),
        synops=np.sum([part.synops for part in parts], 0),
        **{
            name: tuple(
                np.concatenate(kept)
                for kept in zip(*(getattr(p, name) for p in parts), strict=True)
            )
            for name in PROBES
        },
    )


def one_by_one(net: QuantisedNetwork, inputs: Events) -> Recording:
    """Sample by sample, each in slices of a few steps."""
    made = engine.prepare(net)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "SLICE_BYTES", 200)
        parts = [
            made.run(inputs.samples(k, k + 1), probes=PROBES, threads=1)
            for k in range(inputs.n_samples)
        ]
    joined = zip(*(part.spikes for part in parts), strict=True)
    return replace(
        parts[0],
        spikes=tuple(concatenate(some) for some in joined),
        scores=np.concatenate([part.scores for part in parts]),
        synops=np.concatenate([part.synops for part in parts]),
        **{
            name: tuple(
                np.concatenate(kept, 1)
                for kept in zip(*(getattr(p, name) for p in parts), strict=True)
            )
            for name in PROBES
        },
    )


def by_torch(net: QuantisedNetwork, inputs: Events) -> Recording:
    pytest.importorskip("torch")
    from hetlava.sim import torch_engine

    return torch_engine.run(net, inputs, probes=PROBES, device="cpu")


def in_mode(mode: str, threads: int) -> Path:
    return lambda net, inputs: engine.run(net, inputs, probes=PROBES, mode=mode, threads=threads)


PATHS: dict[str, Path] = {
    "events, one thread": in_mode("events", 1),
    "auto, three threads": in_mode("auto", 3),
    "dense": in_mode("dense", 2),
    "numpy": in_mode("numpy", 1),
    "streaming": stream,
    "slices": one_by_one,
    "torch on the CPU": by_torch,
}


def refused(path: str, net: QuantisedNetwork) -> str:
    """Return what a path is to say that it cannot run, nothing if it must run it."""
    model = net.population("p").registers
    if path == "torch on the CPU":
        return "order in which messages arrive" if model.in_order else ""
    if path != "dense":
        return ""
    return "the dense engine lacks" if model.in_order else "the dense engine takes no"


def assert_equal(found: Recording, expected: Recording, name: str) -> None:
    assert found.names == expected.names
    for trace in PROBES:
        pairs = zip(getattr(found, trace), getattr(expected, trace), strict=True)
        assert all(a.dtype == b.dtype and np.array_equal(a, b) for a, b in pairs), (name, trace)
    assert found.spikes == expected.spikes, name
    assert np.array_equal(found.scores, expected.scores), name
    assert np.array_equal(found.synops, expected.synops), name


@pytest.mark.parametrize("model", NEURONS)
def test_every_path_gives_the_bits_of_the_reference(model: str, random_neurons: Neurons) -> None:
    spikes = 0
    for name, net, inputs in networks(model, random_neurons):
        expected = reference.run(net, inputs, probes=PROBES)
        spikes += expected.spikes[0].n_events
        for path, run in PATHS.items():
            said = refused(path, net)
            if said:
                with pytest.raises(UnsupportedError, match=said):
                    run(net, inputs)
                continue
            found = run(net, inputs)
            assert_equal(found, expected, f"{path}: {name}")
            interpreted = "by-reference" in found.details
            late_in_order = neuron_model(model).in_order and name.startswith("late")
            assert interpreted == (path == "numpy" or late_in_order) or "torch" in path, name
    assert spikes > 100


@pytest.mark.parametrize("model", [name for name in NEURONS if not neuron_model(name).in_order])
def test_the_dense_path_multiplies_every_matrix(
    model: str, random_neurons: Neurons, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of matrices alone, without loops: what the dense path must run."""
    from hetlava.sim import dense

    multiplied, sums = [], dense.Products.sums

    def noted(self: dense.Products, w: int, spikes: np.ndarray) -> np.ndarray:
        multiplied.append(w)
        return sums(self, w, spikes)

    monkeypatch.setattr(dense.Products, "sums", noted)
    for name, net, inputs in networks(model, random_neurons, loops=False):
        if name.split(",")[0] not in MATRICES:
            continue
        n = net.population("p").registers.n
        weights = np.full((6, n), 20, np.int16)
        plain = QuantisedProjection(source="p", target="a", weights=weights)
        wires = tuple(plain if q.target == "a" else q for q in net.projections)
        net = replace(net, projections=wires)
        multiplied.clear()
        found = engine.run(net, inputs, probes=PROBES, mode="dense", threads=1)
        assert_equal(found, reference.run(net, inputs, probes=PROBES), name)
        assert set(multiplied) == set(range(len(wires)))
