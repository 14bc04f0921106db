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
