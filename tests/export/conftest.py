"""Fixtures of the tests of files."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from hetlava.events import Events, from_dense
from hetlava.export.lava_import import netx as import_netx
from hetlava.export.lava_runtime import shared, supervise
from hetlava.export.net_hdf5 import netx_differences, read, write
from hetlava.neurons.cuba import CubaRegisters
from hetlava.quantised import QuantisedNetwork, QuantisedPopulation, QuantisedProjection

Spikes = list[np.ndarray]
RandomNetwork = Callable[..., tuple[QuantisedNetwork, Events]]


@pytest.fixture
def loops(random_network: RandomNetwork) -> tuple:
    """A network of loops with an integrator as output, and a batch that makes it spike."""
    return random_network(np.random.default_rng(0))


@pytest.fixture(scope="session")
def named() -> Callable[[str], QuantisedNetwork]:
    """``named(name)`` has one population of one neuron, of this name."""
    return one_neuron


def one_neuron(name: str) -> QuantisedNetwork:
    zeros = np.zeros(1, np.int32)
    registers = CubaRegisters(**dict.fromkeys(("du", "dv", "vth", "bias_mant", "bias_exp"), zeros))
    projection = QuantisedProjection(source="input", target=name, weights=np.ones((1, 1), np.int16))
    return QuantisedNetwork(
        chip="loihi2",
        dt=1e-3,
        n_inputs=1,
        n_steps=2,
        populations=(QuantisedPopulation(name=name, registers=registers),),
        projections=(projection,),
        output=name,
    )


@pytest.fixture
def chain_net(rng: np.random.Generator, random_network: RandomNetwork) -> QuantisedNetwork:
    """A network that netx can represent."""
    while True:
        net, _ = random_network(rng, loops=False, readout=False, max_neurons=8)
        n = len(net.populations)
        net = replace(
            net,
            projections=tuple(replace(p, weight_exp=0) for p in net.projections[:n]),
            populations=tuple(
                replace(p, registers=replace(p.registers, bias_exp=np.full(p.registers.n, 6, "i4")))
                for p in net.populations
            ),
        )
        if n == 2 and not netx_differences(net):
            return net


@pytest.fixture
def net_file(chain_net: QuantisedNetwork, tmp_path: Path) -> Path:
    path = tmp_path / "a.net"
    write(path, chain_net)
    return path


@pytest.fixture
def run_netx() -> Callable[..., Spikes]:
    """``run_netx(path, x)`` gives the spikes (n_steps, n) int32 of every layer of stock netx.

    Further options are those of its ``Network``.

    The input is (n_steps, n) or (n_steps, channels, height, width); neurons at the input hear it
    themselves, as netx leads nothing to them.
    """

    def run(path: Path, x: np.ndarray, **options: int) -> Spikes:
        import_netx()
        from lava.lib.dl.netx.hdf5 import Network

        sizes = [int(np.prod(layer.out.shape)) for layer in Network(net_config=str(path)).layers]
        spikes = [shared((len(x), n), np.int32) for n in sizes]
        supervise(lambda: _run_netx(path, x, spikes, options), shared((1,), np.int64), patience=60)
        return spikes

    return run


def _run_netx(path: Path, x: np.ndarray, spikes: Spikes, options: dict[str, int]) -> None:
    from lava.lib.dl.netx.hdf5 import Network
    from lava.magma.core.run_conditions import RunSteps
    from lava.magma.core.run_configs import Loihi2SimCfg
    from lava.proc.io.sink import RingBuffer as Sink
    from lava.proc.io.source import RingBuffer as Source

    net = Network(net_config=str(path), **options)
    # Lava has the time last and images turned round: (width, height, channels, step)
    source = Source(data=x.T.astype(np.int32))
    sinks = [Sink(shape=layer.out.shape, buffer=len(x)) for layer in net.layers]
    first = net.in_layer
    source.s_out.connect(first.neuron.a_in if first.block == "Input" else net.inp)
    for layer, sink in zip(net.layers, sinks, strict=True):
        layer.out.connect(sink.a_in)
    net.run(RunSteps(num_steps=len(x)), run_cfg=Loihi2SimCfg(select_tag="fixed_pt"))
    for kept, sink in zip(spikes, sinks, strict=True):
        kept[:] = sink.data.get().T.reshape(len(x), -1)
    net.stop()


@pytest.fixture
def exported(tmp_path: Path) -> Callable[..., tuple[QuantisedNetwork, Events, list[np.ndarray]]]:
    """``exported(blocks, shape)`` trains blocks of SLAYER, exports them and reads the file.

    Returns the network, an input and what each block makes of it, (n_steps, n_samples, n) each.
    ``backward=False`` leaves out the training, for blocks of which SLAYER has no gradient.
    """

    def make(
        blocks: list[Any], shape: tuple[int, ...], *, backward: bool = True, **options: Any
    ) -> tuple[QuantisedNetwork, Events, list[np.ndarray]]:
        import torch

        torch.manual_seed(11)
        x = (torch.rand(3, *shape, 30) < 0.3).float()
        made = _outputs(blocks, x)  # SLAYER makes shapes and delays as it first runs
        for block in blocks if backward else ():
            if getattr(block, "delay", None) is not None:
                block.delay.delay.data.mul_(9.0)
        parameters = [p for block in blocks for p in block.parameters() if p.requires_grad]
        for _ in range(2 if backward else 0):
            optimiser = torch.optim.Adam(parameters, lr=0.02)
            optimiser.zero_grad()
            (made[-1].mean(dim=-1) - torch.rand(1)).pow(2).sum().backward()
            optimiser.step()
            _rest(blocks)
            made = _outputs(blocks, x)
        path = tmp_path / "exported.net"
        with h5py.File(path, "w") as file:
            file.create_dataset("layer/0/type", (1,), "S10", [b"input"])
            file["layer/0/shape"] = np.array(shape)
            for k, block in enumerate(blocks, start=1):
                _export(block, file.create_group(f"layer/{k}"))
        net = read(path, dt=1e-3, n_steps=30, **options)
        rows = [y.detach().numpy().reshape(3, -1, 30).transpose(2, 0, 1) for y in (x, *made)]
        return net, from_dense(rows[0] > 0), rows[1:]

    return make


def _outputs(blocks: list[Any], signal: Any) -> list[Any]:
    made = []
    for block in blocks:
        signal = block(signal)
        made.append(signal)
    return made


def _rest(blocks: list[Any]) -> None:
    """Forget where recurrent blocks stopped; a state of one value is made anew."""
    for block in blocks:
        if hasattr(block, "spike_state"):
            for name, state in block.neuron.named_buffers():
                level = block.neuron.threshold if name == "threshold_state" else 0.0
                state.fill_(level)


def _export(block: Any, group: h5py.Group) -> None:
    if hasattr(block, "num_outputs"):  # lava-dl's own export of an average fails
        group.create_dataset("type", (1,), "S10", [b"average"])
        group["shape"] = np.array(block.shape)
    else:
        block.export_hdf5(group)
