"""Networks for virtual dies."""

from collections.abc import Callable

import numpy as np
import pytest

from hetlava.network import Network, Population, Projection
from hetlava.neurons.cuba import CubaLI, CubaLIF

FloatNetwork = Callable[..., Network]


@pytest.fixture
def float_network(rng: np.random.Generator) -> FloatNetwork:
    """``float_network(n_hidden=30, readout=..., tau_mem=...)``: two layers that fire."""

    def lif(n: int, tau_mem: float | None) -> CubaLIF:
        return CubaLIF(
            tau_mem=rng.uniform(0.005, 0.05, n) if tau_mem is None else np.full(n, tau_mem),
            tau_syn=rng.uniform(0.002, 0.02, n),
            v_leak=rng.normal(0, 0.02, n),
            v_threshold=rng.uniform(0.9, 1.1, n),
            v_reset=rng.normal(0, 0.02, n),
        )

    def build(
        n_hidden: int = 30, readout: str = "spike-count", tau_mem: float | None = None
    ) -> Network:
        hidden, last = lif(n_hidden, tau_mem), lif(5, tau_mem)
        if readout != "spike-count":
            last = CubaLI(tau_mem=last.tau_mem, tau_syn=last.tau_syn, v_leak=last.v_leak)
        weights = rng.normal(0.02, 0.1, (n_hidden, 12)), rng.normal(0, 0.15, (5, n_hidden))
        return Network(
            dt=1e-3,
            n_inputs=12,
            n_steps=40,
            populations=(
                Population(name="hidden", neurons=hidden),
                Population(name="out", neurons=last),
            ),
            projections=(
                Projection(source="input", target="hidden", weights=weights[0]),
                Projection(source="hidden", target="out", weights=weights[1]),
            ),
            output="out",
            readout=readout,
        )

    return build
