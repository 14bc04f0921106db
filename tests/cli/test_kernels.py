"""Kernels and lists of float networks on the command line, from model.pt to the chip."""

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from hetlava.convolution import QuantisedConvolution
from hetlava.export.net_hdf5 import read
from hetlava.float_synapses import Convolution, FloatSynapses, Projection
from hetlava.network import Network, Population, with_matrices
from hetlava.neurons.cuba import CubaLIF
from hetlava.recording_file import read_recording
from hetlava.sparse_synapses import QuantisedSparse
from hetlava.synapse_forms import as_lists, sum_pool
from hetlava.synapses import QuantisedSynapses

GRID = 2 / 64  # [V] of the weights, which rounding keeps


def lif(n: int, rng: np.random.Generator) -> CubaLIF:
    return CubaLIF(
        tau_mem=rng.uniform(0.005, 0.05, n),
        tau_syn=rng.uniform(0.002, 0.02, n),
        v_leak=np.zeros(n),
        v_threshold=np.ones(n),
        v_reset=np.zeros(n),
    )


def on_grid(shape: tuple[int, ...], rng: np.random.Generator, mean: float) -> np.ndarray:
    return np.clip(np.rint(rng.normal(mean, 6, shape)), -128, 127) * GRID


def image_network(rng: np.random.Generator) -> Network:
    """Return a convolution of digits, pooling, and a matrix to the classes."""
    conv = Convolution(
        source="input",
        target="edges",
        weights=on_grid((4, 1, 3, 3), rng, 3),
        input_shape=(1, 8, 8),
        padding=((1, 1), (1, 1)),
        grid=GRID,
    )
    pool = replace(sum_pool("edges", "small", 8 * GRID, conv.output_shape, (2, 2)), grid=GRID)
    last = Projection(
        source="small", target="out", weights=on_grid((10, pool.shape[0]), rng, 1), grid=GRID
    )
    wires: tuple[FloatSynapses, ...] = (conv, pool, last)
    return Network(
        dt=1e-3,
        n_inputs=64,
        n_steps=32,
        populations=tuple(Population(name=q.target, neurons=lif(q.shape[0], rng)) for q in wires),
        projections=wires,
        output="out",
    )


def listed_network(rng: np.random.Generator) -> Network:
    """Return the same network in lists."""
    net = image_network(rng)
    return replace(net, projections=tuple(map(as_lists, net.projections)))


MADE: dict[str, tuple[Callable[..., Network], type[QuantisedSynapses]]] = {
    "kernel": (image_network, QuantisedConvolution),
    "lists": (listed_network, QuantisedSparse),
}


@pytest.fixture(params=MADE)
def kind(request):
    return request.param


@pytest.fixture
def models(kind, rng, tmp_path):
    """The network as model.pt, and with matrices as matrices.pt."""
    pytest.importorskip("torch")
    from hetlava.train.model_file import write_model

    net = MADE[kind][0](rng)
    write_model(tmp_path / "model.pt", net)
    write_model(tmp_path / "matrices.pt", with_matrices(net))
    return tmp_path / "model.pt", tmp_path / "matrices.pt"


def test_they_are_shown_with_what_arranges_them(hetlava, models, kind):
    outcome = hetlava("inspect", models[0])
    assert outcome.code == 0, outcome.err
    assert kind in outcome.out
    assert ("4x8x8 of 1x8x8" in outcome.out) == (kind == "kernel")


def test_a_float_run_gives_what_matrices_give(hetlava, models, tmp_path):
    pytest.importorskip("sklearn")
    found = []
    for path in models:
        out = tmp_path / f"{path.stem}.npz"
        outcome = hetlava("run", path, "--data", "digits", "--limit", "20", "--out", out)
        assert outcome.code == 0, outcome.err
        found.append(read_recording(out))
    assert found[0].spikes == found[1].spikes and found[0].spikes[2].n_events > 20
    assert np.array_equal(found[0].synops, found[1].synops)


def test_the_exported_file_keeps_them_and_runs_as_matrices_do(hetlava, models, kind, tmp_path):
    pytest.importorskip("sklearn")
    found = []
    for path in models:
        net, out = path.with_suffix(".net"), tmp_path / f"{path.stem}.npz"
        assert hetlava("export", path, "--target", "loihi2", "--out", net).code == 0
        outcome = hetlava("run", net, "--data", "digits", "--limit", "20", "--out", out)
        assert outcome.code == 0, outcome.err
        found.append((read(net), read_recording(out)))
    (kept, ran), (dense, expected) = found
    assert isinstance(kept.projections[0], MADE[kind][1])
    for q, matrix in zip(kept.projections, dense.projections, strict=True):
        assert np.array_equal(q.matrix(), matrix.weights) and q.weight_exp == matrix.weight_exp
    assert ran.spikes == expected.spikes and ran.spikes[2].n_events > 20


def test_they_are_placed_and_looked_after(hetlava, models, tmp_path):
    net = tmp_path / "model.net"
    assert hetlava("export", models[0], "--target", "loihi2", "--out", net).code == 0
    placed = hetlava("place", net)
    assert placed.code == 0 and "edges" in placed.out, placed.err
    assert hetlava("doctor", net).code in (0, 1)
    assert "edges" in hetlava("inspect", net).out


def test_verify_climbs_from_floats_to_integers(hetlava, models, tmp_path):
    """Weights are on the grid already, so that the first rung differs by decays alone."""
    pytest.importorskip("sklearn")
    outcomes = []
    for path in models:
        file = tmp_path / f"{path.stem}.json"
        outcome = hetlava(
            "verify", path, "--target", "loihi2", "--limit", "30", "--max-drop", "100",
            "--also", "loihi2-sim", "--json", file,
        )  # fmt: skip
        assert outcome.code == 0, outcome.err
        outcomes.append(json.loads(file.read_text())["rungs"])
    assert outcomes[0] == outcomes[1]
    assert min(layer["agreement"] for layer in outcomes[0][0]["layers"]) > 0.9


def test_they_go_to_lava_and_to_a_die(hetlava, models, tmp_path):
    pytest.importorskip("sklearn")
    folder = tmp_path / "lava"
    outcome = hetlava(
        "export", models[0], "--target", "loihi2", "--format", "lava", "--out", folder
    )
    assert outcome.code == 0, outcome.err
    outcome = hetlava("run", models[0], "--target", "bss2-sim", "--limit", "3")
    assert outcome.code == 0, outcome.err
