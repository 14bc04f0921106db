"""Delays of single synapses on the command line: still one projection wherever it is shown."""

from dataclasses import replace

import numpy as np
import pytest

from hetlava.export.net_hdf5 import read, write
from hetlava.sparse_synapses import from_matrix


@pytest.fixture(params=["matrix", "lists"])
def late_file(request, hetlava, model, tmp_path, rng):
    path = tmp_path / "late.net"
    assert hetlava("export", model, "--target", "loihi2", "--out", path).code == 0
    net = read(path)
    first, *others = net.projections
    late = replace(first, synaptic_delays=rng.integers(0, 9, first.shape).astype(np.int8))
    late = from_matrix(late) if request.param == "lists" else late
    write(path, replace(net, projections=(late, *others)))
    return path


def test_a_file_with_late_synapses_is_inspected_placed_run_and_looked_after(hetlava, late_file):
    net = read(late_file)
    shown = hetlava("inspect", late_file)
    assert shown.code == 0 and "0..8 of synapses" in shown.out
    assert shown.out.count("of synapses") == 1
    for command in (("place", late_file), ("doctor", late_file)):
        assert hetlava(*command).code in (0, 1)
    run = ("run", late_file, "--data", "digits", "--limit", "20")
    plain, profiled = hetlava(*run), hetlava(*run, "--profile")
    assert plain.code == profiled.code == 0, plain.err + profiled.err
    assert all(profiled.out.count(f"{p.name} ") >= 1 for p in net.populations)
    by_reference = hetlava(*run, "--target", "reference")
    assert by_reference.code == 0
    assert next(line for line in plain.out.splitlines() if "accuracy" in line) == next(
        line for line in by_reference.out.splitlines() if "accuracy" in line
    )


def test_late_synapses_take_more_memory_of_a_core(hetlava, late_file, tmp_path):
    net = read(late_file)
    first, *others = net.projections
    path = tmp_path / "plain.net"
    write(path, replace(net, projections=(replace(first, synaptic_delays=None), *others)))
    assert hetlava("place", late_file).out != hetlava("place", path).out


def test_a_model_with_late_synapses_goes_the_whole_way(hetlava, model, tmp_path, rng):
    pytest.importorskip("torch")
    from hetlava.train.model_file import read_model, write_model

    net = read_model(model)
    first, *others = net.projections
    late = replace(first, synaptic_delays=rng.integers(0, 9, first.shape).astype(np.int8))
    write_model(model, replace(net, projections=(late, *others)))
    shown = hetlava("inspect", model)
    assert shown.code == 0 and shown.out.count("0..8 of synapses") == 1
    path = tmp_path / "a.net"
    assert hetlava("export", model, "--target", "loihi2", "--out", path).code == 0
    assert np.array_equal(read(path).projections[0].synaptic_delays, late.synaptic_delays)
    given = ("--data", "digits", "--limit", "30", "--max-drop", "20")
    verified = hetlava("verify", model, "--target", "loihi2", *given)
    assert verified.code == 0, verified.out + verified.err
    for target in ("bss2-sim", "xylo2"):
        refused = hetlava("run" if target == "bss2-sim" else "export", model, "--target", target)
        assert refused.code == 2
    written = hetlava("export", model, "--format", "nir", "--out", tmp_path / "a.nir")
    assert written.code == 0, written.err
