"""Lists of synapses on the command line: made, looked at, run and looked after."""

from dataclasses import replace

import numpy as np
import pytest

from hetlava.export.net_hdf5 import read
from hetlava.sparse_synapses import QuantisedSparse
from hetlava.synapses import QuantisedProjection


@pytest.fixture
def thin_model(model, rng):
    """The trained network with nine weights of ten at 0."""
    pytest.importorskip("torch")
    from hetlava.train.model_file import read_model, write_model

    net = read_model(model)
    projections = [
        replace(q, weights=q.weights * (rng.random(q.shape) < 0.1)) for q in net.projections
    ]
    write_model(model, replace(net, projections=tuple(projections)))
    return model


def test_a_thin_network_is_exported_inspected_and_placed_as_lists(hetlava, thin_model, tmp_path):
    path = tmp_path / "lists.net"
    outcome = hetlava("export", thin_model, "--target", "loihi2", "--lists", "--out", path)
    assert outcome.code == 0, outcome.err
    assert "lava-dl's files hold whole matrices only" in " ".join(outcome.out.split())
    assert (
        hetlava("export", thin_model, "--target", "loihi2", "--out", tmp_path / "a.net").code == 0
    )
    lists, matrices = read(path), read(tmp_path / "a.net")
    assert any(isinstance(q, QuantisedSparse) for q in lists.projections)
    for q, dense in zip(lists.projections, matrices.projections, strict=True):
        assert isinstance(dense, QuantisedProjection) and np.array_equal(q.matrix(), dense.weights)
    shown = hetlava("inspect", path)
    assert shown.code == 0 and "lists" in shown.out and "2 │" in shown.out, shown.err
    assert hetlava("doctor", path).code == hetlava("doctor", tmp_path / "a.net").code
    assert hetlava("place", path).out == hetlava("place", tmp_path / "a.net").out


def test_compact_is_of_files_only_and_says_what_it_costs(hetlava, model, tmp_path, monkeypatch):
    outcome = hetlava("export", model, "--target", "loihi2", "--compact", "--format", "lava")
    assert outcome.code == 2 and "--compact belongs to --format net" in outcome.err
    monkeypatch.setattr("hetlava.export.net_storage.MAPPED_MIN", 2)
    path = tmp_path / "a.net"
    outcome = hetlava("export", model, "--target", "loihi2", "--compact", "--out", path)
    assert outcome.code == 0 and "stored in bytes" in outcome.out
    assert {q.weights.dtype for q in read(path).projections} == {np.dtype(np.int8)}
