"""The command line called in this process, and small files for it."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from hetlava.network import Network, Population, Projection
from hetlava.neurons.cuba import CubaLIF


class Outcome(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def hetlava(monkeypatch, capsys) -> Callable[..., Outcome]:
    """Run ``hetlava ARGS`` as a user would and return exit code, stdout and stderr."""
    from hetlava.cli import main

    def call(*args: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["hetlava", *map(str, args)])
        monkeypatch.setenv("COLUMNS", "200")
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return call


@pytest.fixture
def digits_network(rng) -> Network:
    """An untrained network of digits' shape that fires."""

    def lif(n: int) -> CubaLIF:
        return CubaLIF(
            tau_mem=rng.uniform(0.005, 0.05, n),
            tau_syn=rng.uniform(0.002, 0.02, n),
            v_leak=np.zeros(n),
            v_threshold=np.ones(n),
            v_reset=np.zeros(n),
        )

    return Network(
        dt=1e-3,
        n_inputs=64,
        n_steps=40,
        populations=(
            Population(name="hidden", neurons=lif(32)),
            Population(name="out", neurons=lif(10)),
        ),
        projections=(
            Projection(source="input", target="hidden", weights=rng.normal(0, 0.1, (32, 64))),
            Projection(source="hidden", target="out", weights=rng.normal(0, 0.2, (10, 32))),
        ),
        output="out",
    )


@pytest.fixture
def model(tmp_path, digits_network) -> Path:
    """That network as model.pt."""
    pytest.importorskip("torch")
    from hetlava.train.model_file import write_model

    write_model(tmp_path / "model.pt", digits_network)
    return tmp_path / "model.pt"


@pytest.fixture
def net_file(tmp_path, digits_network) -> Path:
    """That network quantised, as model.net."""
    from hetlava.chips import LOIHI2
    from hetlava.export.net_hdf5 import write
    from hetlava.quantisation import quantise

    write(tmp_path / "model.net", quantise(digits_network, LOIHI2))
    return tmp_path / "model.net"
