"""The networks that are timed, with thresholds at which their layers spike at a few per cent."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from measuring import random_events

from hetlava.arrays import Int
from hetlava.convolution import QuantisedConvolution
from hetlava.events import Events
from hetlava.fixedpoint import STATE_SHIFT, decay, decay_word, saturate
from hetlava.neurons.cuba import CubaRegisters
from hetlava.quantised import QuantisedNetwork, QuantisedPopulation, QuantisedProjection
from hetlava.recording import Recording
from hetlava.sim import engine
from hetlava.sparse_synapses import QuantisedSparse
from hetlava.synapses import QuantisedSynapses

DT = 1e-3
RATE = 0.05  # spikes of a neuron and step, that thresholds are set for

Build = Callable[[np.random.Generator], QuantisedNetwork]


def neurons(rng: np.random.Generator, n: int) -> CubaRegisters:
    """Draw time constants of 2 to 10 and 3 to 30 steps for every neuron."""
    zero = np.zeros(n, np.int32)
    return CubaRegisters(
        du=decay_word(rng.uniform(2 * DT, 10 * DT, n), DT) - 1,
        dv=decay_word(rng.uniform(3 * DT, 30 * DT, n), DT),
        vth=np.full(n, 1 << 12, np.int32),
        bias_mant=zero,
        bias_exp=zero,
    )


def even_weights(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Draw even 8-bit weights of both signs."""
    return (2 * rng.integers(-128, 128, shape, np.int16)).astype(np.int16)


def network(
    rng: np.random.Generator,
    layers: dict[str, list[QuantisedSynapses]],
    *,
    n_inputs: int,
    n_steps: int,
    rate: float,
) -> QuantisedNetwork:
    """Return a network of the layers' projections, thresholds set for an input of that rate."""
    populations = tuple(
        QuantisedPopulation(name=name, registers=neurons(rng, wires[0].shape[0]))
        for name, wires in layers.items()
    )
    net = QuantisedNetwork(
        chip="loihi2",
        dt=DT,
        n_inputs=n_inputs,
        n_steps=n_steps,
        populations=populations,
        projections=tuple(wire for wires in layers.values() for wire in wires),
        output=populations[-1].name,
    )
    return with_thresholds(net, rng, rate)


def with_thresholds(
    net: QuantisedNetwork, rng: np.random.Generator, rate: float
) -> QuantisedNetwork:
    """Set one threshold for each population, one after the other, so that it spikes at RATE.

    A current does not depend on the threshold, except in a loop, which is run again for each.
    """
    inputs = random_events(rng, min(net.n_steps, 60), 1, net.n_inputs, rate)
    for k, population in enumerate(net.populations):
        loops = any(q.source == q.target == population.name for q in net.projections)
        currents = None if loops else _run_up_to(net, k, inputs).u[k]
        low, high = 0.0, 17.0  # powers of two
        for _ in range(10):
            middle = (low + high) / 2
            net = _with_threshold(net, k, int(2**middle))
            registers = net.populations[k].cuba
            if currents is None:
                busy = _run_up_to(net, k, inputs).spikes[k].n_events
            else:
                busy = _spikes(registers, currents)
            low, high = (
                (middle, high) if busy > RATE * inputs.n_steps * registers.n else (low, middle)
            )
    return net


def _run_up_to(net: QuantisedNetwork, k: int, inputs: Events) -> Recording:
    names = {"input", *(p.name for p in net.populations[: k + 1])}
    part = replace(
        net,
        populations=net.populations[: k + 1],
        projections=tuple(q for q in net.projections if {q.source, q.target} <= names),
        output=net.populations[k].name,
    )
    return engine.run(part, inputs, probes=("u",), threads=1)


def _spikes(registers: CubaRegisters, currents: Int) -> int:
    """Count the spikes that currents (n_steps, 1, n) give."""
    v, total = np.zeros_like(currents[0]), 0
    for u in currents:
        v = saturate(decay(v, registers.dv) + u)
        fired = v > registers.vth << STATE_SHIFT
        v, total = np.where(fired, np.int32(0), v), total + int(fired.sum())
    return total


def _with_threshold(net: QuantisedNetwork, k: int, vth: int) -> QuantisedNetwork:
    population = net.populations[k]
    words = replace(population.cuba, vth=np.full(population.registers.n, vth, np.int32))
    changed = replace(population, registers=words)
    return replace(net, populations=(*net.populations[:k], changed, *net.populations[k + 1 :]))


def matrix(rng: np.random.Generator, source: str, target: str, n_post: int, n_pre: int,
           **options: object) -> QuantisedProjection:  # fmt: skip
    """Return all-to-all synapses."""
    weights = even_weights(rng, (n_post, n_pre))
    return QuantisedProjection(source=source, target=target, weights=weights, **options)  # type: ignore[arg-type]


def chain(
    rng: np.random.Generator, sizes: tuple[int, ...], n_steps: int, rate: float
) -> QuantisedNetwork:
    """Return dense layers one behind the other."""
    names = ["input", *(f"hidden{k}" for k in range(1, len(sizes) - 1)), "output"]
    layers: dict[str, list[QuantisedSynapses]] = {
        b: [matrix(rng, a, b, n_post, n_pre)]
        for a, b, n_pre, n_post in zip(names, names[1:], sizes, sizes[1:], strict=False)
    }
    return network(rng, layers, n_inputs=sizes[0], n_steps=n_steps, rate=rate)


def convolutional(rng: np.random.Generator) -> QuantisedNetwork:
    """Return 2x34x34, 16 kernels 5x5 of stride 2, 32 kernels 3x3, 10 outputs."""
    first = QuantisedConvolution(
        source="input", target="conv1", weights=even_weights(rng, (16, 2, 5, 5)),
        input_shape=(2, 34, 34), stride=(2, 2), padding=((2, 2), (2, 2)),
    )  # fmt: skip
    second = QuantisedConvolution(
        source="conv1", target="conv2", weights=even_weights(rng, (32, 16, 3, 3)),
        input_shape=first.output_shape, padding=((1, 1), (1, 1)),
    )  # fmt: skip
    last = matrix(rng, "conv2", "output", 10, second.shape[0])
    layers = {"conv1": [first], "conv2": [second], "output": [last]}
    return network(rng, layers, n_inputs=first.shape[1], n_steps=100, rate=0.01)  # type: ignore[arg-type]


def recurrent(rng: np.random.Generator) -> QuantisedNetwork:
    """Return 700-256-20 with a loop of the hidden layer, input spikes up to 15 steps late."""
    late = rng.integers(0, 16, 700).astype(np.int16)
    layers: dict[str, list[QuantisedSynapses]] = {
        "hidden": [
            matrix(rng, "input", "hidden", 256, 700, delays=late),
            # weaker, or the layer keeps itself awake whatever the threshold
            QuantisedProjection(
                source="hidden", target="hidden", weights=even_weights(rng, (256, 256)) // 16 * 2
            ),
        ],
        "output": [matrix(rng, "hidden", "output", 20, 256)],
    }
    return network(rng, layers, n_inputs=700, n_steps=250, rate=0.01)


def sparse(rng: np.random.Generator, n: int, fan_in: int, n_steps: int) -> QuantisedNetwork:
    """Return one layer of n neurons, each with lists of ``fan_in`` synapses from n inputs.

    A few less where one input was drawn twice.
    """
    pairs = rng.integers(0, n, (n, fan_in)) * n + np.arange(n)[:, None]
    pre, post = np.divmod(np.unique(pairs), n)  # by source neuron, then by target
    magnitude = rng.integers(1, 128, post.size, np.int16)
    wire = QuantisedSparse(
        source="input",
        target="output",
        weights=(2 * magnitude * rng.choice(np.array([-1, 1], np.int16), post.size)),
        post=post.astype(np.int32),
        indptr=np.searchsorted(pre, np.arange(n + 1)).astype(np.int64),
        n_post=n,
    )
    return network(rng, {"output": [wire]}, n_inputs=n, n_steps=n_steps, rate=0.01)


def field(rng: np.random.Generator, side: int, n_steps: int) -> QuantisedNetwork:
    """Return one layer of 16 x side x side neurons, each with 256 synapses: a kernel of 16x4x4."""
    wire = QuantisedConvolution(
        source="input", target="output", weights=even_weights(rng, (16, 16, 4, 4)),
        input_shape=(16, side, side), padding=((2, 1), (2, 1)),
    )  # fmt: skip
    return network(rng, {"output": [wire]}, n_inputs=16 * side * side, n_steps=n_steps, rate=0.01)
