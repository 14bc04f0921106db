"""Fixtures of the tests of files."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hetlava.events import Events
from hetlava.export.net_hdf5 import netx_differences, write
from hetlava.quantised import QuantisedNetwork

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
