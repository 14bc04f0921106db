"""The exported folder with neurons that are not LIF."""

import ast
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hetlava.errors import UnsupportedError
from hetlava.events import Events
from hetlava.export.lava_folder import program, write_folder
from hetlava.neurons.registers import NeuronRegisters
from hetlava.quantised import QuantisedNetwork

RandomNetwork = Callable[..., tuple[QuantisedNetwork, Events]]


def run_program(python: Path, folder: Path) -> subprocess.CompletedProcess:
    command = [str(python), "graph.py"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)


@pytest.mark.lava
@pytest.mark.parametrize("seed", [10, 12])  # between them they have every model
def test_the_folder_runs_neurons_of_other_models(
    seed: int, tmp_path: Path, lava_python: Path, mixed_network: RandomNetwork
) -> None:
    net, inputs = mixed_network(np.random.default_rng(seed), models=OTHERS, max_neurons=9)
    plain = [replace(p, reset_interval=0) for p in net.populations]
    net = replace(net, populations=tuple(plain))
    expected = write_folder(tmp_path / "out", net, inputs)
    done = run_program(lava_python, tmp_path / "out")
    n_spikes = sum(events.n_events for events in expected.spikes)
    assert done.stdout == f"{n_spikes} spikes, 0 differences\n" and n_spikes > 100, done.stderr
    assert len({p.registers.model for p in net.populations}) > 2
    assert any(events.values is not None for events in expected.spikes)


def test_the_program_has_other_models_only_where_they_are_needed(
    random_network: RandomNetwork, mixed_network: RandomNetwork
) -> None:
    rng = np.random.default_rng(10)
    net, _ = mixed_network(rng, models=OTHERS)
    plain = [replace(p, reset_interval=0) for p in net.populations]
    text = program(replace(net, populations=tuple(plain)))
    tree = ast.parse(text, feature_version=(3, 10))
    classes = {node.name for node in tree.body if isinstance(node, ast.ClassDef)}
    assert {"VectorLIF", "VectorDelta", "VectorRF"} <= classes
    assert "VectorDelta" not in program(random_network(rng)[0])


def test_neurons_that_lava_lacks_are_refused(
    random_neurons: Callable[..., NeuronRegisters], random_network: RandomNetwork
) -> None:
    registers = random_neurons(np.random.default_rng(0), "alif", 1)
    net, _ = random_network(np.random.default_rng(0), max_neurons=2)
    while net.populations[0].registers.n > 1:
        net, _ = random_network(np.random.default_rng(net.n_inputs), max_neurons=2)
    others = (replace(net.populations[0], registers=registers), *net.populations[1:])
    net = replace(net, populations=others)
    with pytest.raises(UnsupportedError, match="'p0': Lava has no 'alif' neurons"):
        program(net)


OTHERS = ("cuba", "delta", "sigma", "sigma_delta", "rf", "rf_iz")
