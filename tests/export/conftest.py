"""Fixtures of the tests of files."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hetlava.events import Events
from hetlava.export.lava_import import netx as import_netx
from hetlava.export.lava_runtime import shared, supervise
from hetlava.export.net_hdf5 import netx_differences, write
from hetlava.quantised import QuantisedNetwork

Spikes = list[np.ndarray]
RandomNetwork = Callable[..., tuple[QuantisedNetwork, Events]]


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
def run_netx() -> Callable[[Path, np.ndarray], Spikes]:
    """``run_netx(path, x)`` gives the spikes (n_steps, n) int32 of every layer of stock netx.

    The input is (n_steps, n) or (n_steps, channels, height, width).
    """

    def run(path: Path, x: np.ndarray) -> Spikes:
        import_netx()
        from lava.lib.dl.netx.hdf5 import Network

        sizes = [int(np.prod(layer.out.shape)) for layer in Network(net_config=str(path)).layers]
        spikes = [shared((len(x), n), np.int32) for n in sizes]
        supervise(lambda: _run_netx(path, x, spikes), shared((1,), np.int64), patience=60)
        return spikes

    return run


def _run_netx(path: Path, x: np.ndarray, spikes: Spikes) -> None:
    from lava.lib.dl.netx.hdf5 import Network
    from lava.magma.core.run_conditions import RunSteps
    from lava.magma.core.run_configs import Loihi2SimCfg
    from lava.proc.io.sink import RingBuffer as Sink
    from lava.proc.io.source import RingBuffer as Source

    net = Network(net_config=str(path))
    # Lava has the time last and images turned round: (width, height, channels, step)
    source = Source(data=x.T.astype(np.int32))
    sinks = [Sink(shape=layer.out.shape, buffer=len(x)) for layer in net.layers]
    source.s_out.connect(net.inp)
    for layer, sink in zip(net.layers, sinks, strict=True):
        layer.out.connect(sink.a_in)
    net.run(RunSteps(num_steps=len(x)), run_cfg=Loihi2SimCfg(select_tag="fixed_pt"))
    for kept, sink in zip(spikes, sinks, strict=True):
        kept[:] = sink.data.get().T.reshape(len(x), -1)
    net.stop()
