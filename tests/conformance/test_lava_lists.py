"""Lava's own ``Sparse`` is the judge of lists of synapses, in u, v and spikes at every step."""

import subprocess
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from hetlava.errors import UnsupportedError
from hetlava.events import from_dense
from hetlava.export import lava_graph
from hetlava.export.lava_folder import program, write_folder
from hetlava.export.lava_lists import SparsePart
from hetlava.export.lava_synapses import lava_synapses
from hetlava.quantised import QuantisedNetwork
from hetlava.sim import engine, reference
from hetlava.sparse_synapses import QuantisedSparse, from_matrix
from hetlava.synapses import QuantisedProjection

pytestmark = pytest.mark.lava

Draw = Callable[..., QuantisedNetwork]
STEPS = 20


def lists(
    rng: np.random.Generator, source: str, target: str, shape: tuple[int, int], **fields: object
) -> QuantisedSparse:
    """Draw lists of weights of one sign or both, even or odd."""
    weights = rng.integers(-128, 128, shape)
    weights = (weights, 2 * weights, abs(2 * weights).clip(max=255), -abs(weights))[rng.integers(4)]
    weights[rng.random(shape) < 0.6] = 0
    matrix = QuantisedProjection(
        source=source,
        target=target,
        weights=weights.astype(np.int16),
        **fields,  # type: ignore[arg-type]
    )
    return from_matrix(matrix)


@pytest.fixture
def draw(wired: Callable[..., QuantisedNetwork]) -> Draw:
    """``draw(seed)`` gives a chain of lists, one of them a loop."""
    return partial(drawn, wired)


def drawn(
    wired: Callable[..., QuantisedNetwork], seed: int, *, late: bool = False, **fields: object
) -> QuantisedNetwork:
    rng = np.random.default_rng(seed)
    chain = [
        lists(rng, "input", "a", (9, 12), weight_exp=int(rng.integers(-3, 4)), **fields),
        lists(rng, "a", "a", (9, 9), weight_exp=int(rng.integers(-3, 2))),
        lists(rng, "a", "b", (7, 9), weight_exp=int(rng.integers(0, 4))),
    ]
    if late:
        chain = [replace(q, delays=rng.integers(0, 6, q.shape[1]).astype(np.int16)) for q in chain]
    return wired(rng, chain)


@pytest.mark.parametrize("bits", [0, 16])
@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("seed", [1, 2])
def test_lists_agree_with_lavas_sparse(seed: int, late: bool, bits: int, draw: Draw) -> None:
    rng, net = np.random.default_rng(seed), draw(seed, late=late, message_bits=bits)
    assert all(isinstance(lava_synapses(q).parts[0], SparsePart) for q in net.projections)
    x = rng.random((STEPS, 2, net.n_inputs)) < 0.3
    inputs = from_dense(x * rng.integers(-99, 99, x.shape).astype(np.int32) if bits else x)
    expected = reference.run(net, inputs, probes=("u", "v"))
    for found in (
        lava_graph.run(net, inputs, probes=("u", "v")),
        engine.run(net, inputs, probes=("u", "v")),
    ):
        for a, b in zip(found.u + found.v, expected.u + expected.v, strict=True):
            assert np.array_equal(a, b), found.target
        assert found.spikes == expected.spikes
    assert min(events.n_events for events in expected.spikes) > 10


def test_a_process_for_every_level_agrees(
    few_levels: Callable[..., QuantisedNetwork], draw: Draw
) -> None:
    rng = np.random.default_rng(3)
    net = few_levels(draw(3), rng)
    inputs = from_dense(rng.random((STEPS, 2, net.n_inputs)) < 0.3)
    found = lava_graph.run(net, inputs, lif="levels", probes=("v",))
    expected = reference.run(net, inputs, probes=("v",))
    assert found.spikes == expected.spikes
    assert all(map(np.array_equal, found.v, expected.v))


@pytest.mark.parametrize("lif", ["vector", "levels"])
def test_the_folder_runs_lists_with_lava_alone(
    lif: str, tmp_path: Path, lava_python: Path, few_levels: Callable[..., QuantisedNetwork],
    monkeypatch: pytest.MonkeyPatch, draw: Draw,
) -> None:  # fmt: skip
    monkeypatch.setattr("hetlava.export.net_storage.MAPPED_MIN", 2)  # weights in halves of bytes
    rng = np.random.default_rng(4)
    net = few_levels(draw(4), rng)
    inputs = from_dense(rng.random((STEPS, 2, net.n_inputs)) < 0.3)
    expected = write_folder(tmp_path / "out", net, inputs, lif=lif)  # type: ignore[arg-type]
    assert sum(events.n_events for events in expected.spikes) > 15
    done = subprocess.run(
        [str(lava_python), "graph.py"],
        cwd=tmp_path / "out", capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.stdout.endswith("spikes, 0 differences\n"), done.stderr


def test_the_folder_refuses_late_lists(draw: Draw) -> None:
    with pytest.raises(UnsupportedError, match="delays that Lava's own processes cannot hold"):
        program(draw(1, late=True))
