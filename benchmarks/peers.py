"""The same layers in other simulators: as many neurons and weights, time constants per neuron.

Weights are random: a dense step costs the same whatever fires. What a system lacks, such as
delays, it is spared; its name says so. Each function raises ImportError where its library is not
installed, and Lacking where the library has no such layer.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from measuring import System

from hetlava.convolution import QuantisedConvolution
from hetlava.events import Events
from hetlava.quantised import QuantisedNetwork

Forward = Callable[[Any], Any]


class Lacking(Exception):
    """The library has no such layer."""


def layers(net: QuantisedNetwork) -> Iterator[tuple[Any, bool]]:
    """Yield the forward projection of every population of a chain, and whether it loops."""
    for p in net.populations:
        wires = [q for q in net.projections if q.target == p.name]
        forward = [q for q in wires if q.source != p.name]
        if len(forward) != 1 or len(wires) > 2:
            raise Lacking("is no chain of layers")
        yield forward[0], len(wires) == 2


def steps_first(net: QuantisedNetwork) -> Callable[[Events], Any]:
    """Return what reads events as (n_steps, n_samples, ...) float32 for torch."""
    import torch

    first = net.projections[0]
    image = first.input_shape if isinstance(first, QuantisedConvolution) else (net.n_inputs,)

    def read(inputs: Events) -> Any:
        dense = torch.from_numpy(inputs.to_dense())
        return dense.float().view(*dense.shape[:2], *image)

    return read


def linear(wire: Any) -> Any:
    """Return torch's layer of the projection's shape."""
    import torch

    if isinstance(wire, QuantisedConvolution):
        c_out, per_group, *kernel = wire.weights.shape
        (top, _), (left, _) = wire.padding
        conv = torch.nn.Conv2d(
            per_group * wire.groups, c_out, tuple(kernel), wire.stride, (top, left),
            wire.dilation, wire.groups, bias=False,
        )  # fmt: skip
        return conv
    return torch.nn.Linear(wire.shape[1], wire.shape[0], bias=False)


def shape_of(wire: Any) -> tuple[int, ...]:
    """Return the axes of a layer's neurons."""
    return wire.output_shape if isinstance(wire, QuantisedConvolution) else wire.shape[:1]


def step_loop(net: QuantisedNetwork, steps: list[Forward]) -> Forward:
    """Return a pass over time that hands each layer's spikes to the next."""
    import torch

    flat = [not isinstance(wire, QuantisedConvolution) for wire, _ in layers(net)]

    def forward(x: Any) -> Any:
        states: list[Any] = [None] * len(steps)
        with torch.no_grad():
            for s in x:
                for k, step in enumerate(steps):
                    s, states[k] = step(s.flatten(1) if flat[k] else s, states[k])
        return states

    return forward


def norse(net: QuantisedNetwork, rng: np.random.Generator) -> Forward:
    """Return norse's LIFCell (LIFRecurrentCell for loops) in a loop over time."""
    import norse.torch as norse
    import torch

    def parameters(shape: tuple[int, ...]) -> Any:
        inverse = [
            torch.tensor(1 / rng.uniform(low, high, shape), dtype=torch.float32)
            for low, high in ((2e-3, 1e-2), (3e-3, 3e-2))
        ]
        return norse.LIFParameters(tau_syn_inv=inverse[0], tau_mem_inv=inverse[1])

    def step(wire: Any, loops: bool) -> Forward:
        shape = shape_of(wire)
        if loops:
            return norse.LIFRecurrentCell(
                wire.shape[1], wire.shape[0], p=parameters(shape), dt=1e-3
            )
        weights, cell = linear(wire), norse.LIFCell(parameters(shape), dt=1e-3)
        return lambda s, state: cell(weights(s), state)

    return step_loop(net, [step(*layer) for layer in layers(net)])


def snntorch(net: QuantisedNetwork, rng: np.random.Generator) -> Forward:
    """Return snntorch's Synaptic (RSynaptic for loops) in a loop over time."""
    import snntorch as snn
    import torch

    def step(wire: Any, loops: bool) -> Forward:
        shape, weights = shape_of(wire), linear(wire)
        alpha, beta = (torch.tensor(rng.uniform(0.6, 0.97, shape)).float() for _ in range(2))
        if loops:
            looped = snn.RSynaptic(alpha, beta, linear_features=wire.shape[0])

            def recur(s: Any, state: Any) -> Any:
                spikes, syn, mem = looped(weights(s), *(state or looped.init_rsynaptic()))
                return spikes, (spikes, syn, mem)

            return recur
        cell = snn.Synaptic(alpha, beta)

        def once(s: Any, state: Any) -> Any:
            spikes, syn, mem = cell(weights(s), *(state or cell.init_synaptic()))
            return spikes, (syn, mem)

        return once

    return step_loop(net, [step(*layer) for layer in layers(net)])


def spikingjelly(net: QuantisedNetwork, rng: np.random.Generator) -> Forward:
    """Return SpikingJelly's parametric LIF over all steps at once; one time constant a layer."""
    import torch
    from spikingjelly.activation_based import functional, layer, neuron

    parts: list[Any] = []
    for wire, loops in layers(net):
        if not isinstance(wire, QuantisedConvolution):
            parts.append(layer.Flatten(step_mode="m"))
        parts.append(layer.SeqToANNContainer(linear(wire)))
        if loops:
            n = wire.shape[0]
            inner = neuron.ParametricLIFNode(step_mode="s")
            parts.append(layer.LinearRecurrentContainer(inner, n, n, step_mode="m"))
        else:
            parts.append(neuron.ParametricLIFNode(step_mode="m"))
    model = torch.nn.Sequential(*parts)

    def forward(x: Any) -> Any:
        with torch.no_grad():
            y = model(x)
        functional.reset_net(model)
        return y

    return forward


def lava_dl(net: QuantisedNetwork, rng: np.random.Generator) -> Forward:
    """Return lava-dl's quantised forward pass, one block per layer, a decay per channel."""
    import torch

    from hetlava.export.lava_import import slayer

    block = slayer().block.cuba
    parts: list[Any] = []
    for wire, loops in layers(net):
        neuron = {"threshold": 1.0, "current_decay": 0.2, "voltage_decay": 0.1}
        delays = {"delay": True} if wire.delays is not None else {}
        if isinstance(wire, QuantisedConvolution):
            c_out, per_group, *kernel = wire.weights.shape
            parts.append(
                block.Conv(
                    neuron, per_group * wire.groups, c_out, tuple(kernel), stride=wire.stride,
                    padding=(wire.padding[0][0], wire.padding[1][0]), dilation=wire.dilation,
                    groups=wire.groups, **delays,
                )
            )  # fmt: skip
            continue
        if parts and isinstance(parts[-1], block.Conv):
            parts.append(block.Flatten())
        kind = block.Recurrent if loops else block.Dense
        own = neuron | {"shared_param": False}
        parts.append(kind(own, wire.shape[1], wire.shape[0], **delays))

    def forward(x: Any) -> Any:
        with torch.no_grad():
            for part in parts:
                x = part(x)
        return x

    return forward


def samples_first(net: QuantisedNetwork) -> Callable[[Events], Any]:
    """Return what reads events as lava-dl's (n_samples, ..., n_steps) float32."""
    read = steps_first(net)
    return lambda inputs: read(inputs).movedim(0, -1).contiguous()


PEERS = {
    "lava-dl slayer, quantised forward": (lava_dl, samples_first),
    "norse, float": (norse, steps_first),
    "snntorch, float": (snntorch, steps_first),
    "SpikingJelly, float": (spikingjelly, steps_first),
}


def torch_systems(
    net: QuantisedNetwork, rng: np.random.Generator, batches: tuple[int, ...],
    threads: tuple[int, ...],
) -> tuple[list[System], dict[str, str]]:  # fmt: skip
    """Return every peer that runs on torch, and why the others are left out."""
    found, left_out = [], {}
    delayed = any(q.delays is not None for q in net.projections)
    for name, (build, reads) in PEERS.items():
        try:
            forward, read = build(net, rng), reads(net)
        except (ImportError, Lacking) as error:
            left_out[name] = f"{error}"
            continue
        spared = delayed and build is not lava_dl
        label = f"{name} (without the delays)" if spared else name
        found += [System(label, forward, read, b, t) for b in batches for t in threads]
    return found, left_out


@contextmanager
def lava_cpu(net: QuantisedNetwork, inputs: Events) -> Iterator[System]:
    """Give Lava's warm runtime, which runs on through the samples of its source."""
    from hetlava.export.lava_import import enable_lava
    from hetlava.export.lava_neurons import Course, neuron_process
    from hetlava.export.lava_synapses import connect, lava_synapses
    from hetlava.graph import INPUT

    enable_lava()
    from lava.magma.core.run_conditions import RunSteps
    from lava.magma.core.run_configs import Loihi2SimCfg
    from lava.proc.io.source import RingBuffer

    rows = inputs.to_dense().transpose(2, 1, 0).reshape(net.n_inputs, -1)
    root = RingBuffer(data=rows.astype(np.int32))
    course = Course(inputs.n_steps * inputs.n_samples, 1)
    made = {p.name: neuron_process(p, "stock", course) for p in net.populations}
    senders = {INPUT: root.s_out} | {name: m.process.s_out for name, m in made.items()}
    for q in net.projections:
        port = made[q.target].ports[q.port]
        connect(lava_synapses(q), senders[q.source], port)
    config = Loihi2SimCfg(select_tag="fixed_pt")
    root.run(condition=RunSteps(num_steps=1), run_cfg=config)
    try:
        yield System(
            "Lava CPU fixed_pt, warm",
            lambda _: root.run(condition=RunSteps(num_steps=inputs.n_steps), run_cfg=config),
        )
    finally:
        root.stop()
