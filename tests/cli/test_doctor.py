"""``hetlava doctor``: exit codes, the table, the JSON."""

import json
from dataclasses import replace

import h5py
import numpy as np
import pytest

from hetlava.export.net_hdf5 import read, write


def changed(net, *, population=None, weights=None, **given):
    """A network with other registers in one population, or other weights everywhere."""
    members = net.populations
    if population is not None:
        members = tuple(
            replace(p, registers=replace(p.registers, **words(p.registers.n, given)))
            if p.name == population
            else p
            for p in members
        )
    projections = net.projections
    if weights is not None:
        projections = tuple(replace(q, weights=weights(q.weights)) for q in projections)
    return replace(net, populations=members, projections=projections)


def words(n, given):
    return {name: np.full(n, value, np.int32) for name, value in given.items()}


@pytest.fixture
def written(tmp_path, net_file):
    """``written(population="out", dv=0)`` writes the test network with a fault."""

    def write_changed(**given):
        path = tmp_path / "ill.net"
        write(path, changed(read(net_file), **given))
        return path

    return write_changed


def write_as_lava_dl(path, weights):
    """One dense layer of two neurons."""
    with h5py.File(path, "w") as file:
        layer = file.create_group("layer/0")
        layer["type"], layer["shape"] = np.array([b"dense"]), np.array([2])
        layer["weight"] = np.array(weights, np.int32)
        neuron = layer.create_group("neuron")
        neuron["type"] = np.array([b"CUBA"])
        neuron["iDecay"], neuron["vDecay"], neuron["vThMant"] = 1024, 200, 900
        file["simulation/Ts"], file["simulation/tSample"] = 1, 100


def test_a_sound_network_is_healthy(hetlava, written):
    outcome = hetlava("doctor", written(population="hidden", dv=400))
    assert outcome.code == 0, outcome.err
    assert "healthy: 42 neurons fit loihi2" in outcome.out and "0 warnings" in outcome.out


def test_a_warning_passes_and_says_what_to_do(hetlava, written):
    outcome = hetlava("doctor", written(population="out", dv=0))
    assert outcome.code == 0, outcome.err
    assert "out.dv" in outcome.out and "never leaks" in outcome.out and "larger dt" in outcome.out
    assert "passed: 0 errors" in outcome.out and "healthy" not in outcome.out


def test_an_error_exits_with_one_and_is_written(hetlava, written, tmp_path):
    path, out = written(population="hidden", vth=131072), tmp_path / "findings.json"
    outcome = hetlava("doctor", path, "--json", out)
    assert outcome.code == 1 and "FAILED" in outcome.out
    content = json.loads(out.read_text())
    assert content["chip"] == "loihi2" and not content["passed"]
    first = content["findings"][0]
    assert set(first) == {"severity", "rule", "where", "count", "text", "cure"}
    assert (first["severity"], first["rule"], first["count"]) == ("error", "thresholds_fit", 32)


def test_another_chip_may_judge(hetlava, net_file, tmp_path):
    out = tmp_path / "findings.json"
    assert hetlava("doctor", net_file, "--chip", "loihi1", "--json", out).code == 0
    content = json.loads(out.read_text())
    assert content["chip"] == "loihi1" and content["passed"]


def test_what_netx_cannot_load_is_a_note(hetlava, written):
    outcome = hetlava("doctor", written(weights=lambda w: w * 0))
    assert "lava-dl's loader cannot take it" in outcome.out
    assert outcome.code == 1 and "can never spike" in outcome.out


@pytest.mark.parametrize(
    ("weights", "code", "text"),
    [
        ([[3, -100, 60], [8, 90, 9]], 0, "healthy"),
        ([[3, -200, 60], [8, 90, 9]], 1, "2 of 6 weights are not multiples of 2"),
        ([[255, -200, 60], [8, 90, 8]], 1, "netx changes 1 of 6 weights"),
    ],
)
def test_an_old_file_is_judged_by_what_runs(hetlava, tmp_path, weights, code, text):
    write_as_lava_dl(tmp_path / "old.net", weights)
    outcome = hetlava("doctor", tmp_path / "old.net")
    assert outcome.code == code, outcome.err
    assert text in outcome.out


def test_names_are_printed_as_they_are(hetlava, net_file, tmp_path):
    net = read(net_file)
    renamed = changed(net, population="out", dv=0)
    members = (renamed.populations[0], replace(renamed.populations[1], name="[bold]out"))
    wires = (net.projections[0], replace(net.projections[1], target="[bold]out"))
    path = tmp_path / "odd.net"
    write(path, replace(net, populations=members, projections=wires, output="[bold]out"))
    assert "[bold]out.dv" in hetlava("doctor", path).out


@pytest.mark.parametrize("content", [b"", b"no network at all", b"\x89HDF\r\n\x1a\n" + bytes(100)])
def test_an_unreadable_file_exits_with_two(hetlava, tmp_path, content):
    path = tmp_path / "bad.net"
    path.write_bytes(content)
    outcome = hetlava("doctor", path)
    assert outcome.code == 2 and "bad.net" in outcome.err and not outcome.out


def test_a_missing_file_and_an_unknown_chip_exit_with_two(hetlava, net_file, tmp_path):
    assert hetlava("doctor", tmp_path / "none.net").code == 2
    outcome = hetlava("doctor", net_file, "--chip", "loihi9")
    assert outcome.code == 2 and "known: loihi1, loihi2" in outcome.err
