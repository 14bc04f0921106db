"""Back to Lava by commands: a folder out, a run and a comparison in another Python."""

import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hetlava.chips import LOIHI2
from hetlava.export import lava_levels
from hetlava.export.net_hdf5 import read, write
from hetlava.quantisation import quantise
from hetlava.recording_file import read_recording
from hetlava.scaling import Precision


@pytest.fixture
def levels_file(tmp_path: Path, digits_network) -> Path:
    """The network of digits rounded to a few decays, as coarse.net."""
    net = quantise(digits_network, LOIHI2, Precision(decay_bits=2))
    write(tmp_path / "coarse.net", net)
    return tmp_path / "coarse.net"


@pytest.mark.lava
def test_a_trained_model_goes_to_lava_with_a_sample_of_a_data_set(
    hetlava, model, tmp_path, lava_python
):
    out = tmp_path / "lava"
    outcome = hetlava("export", model, "--format", "lava", "--out", out, "--data", "digits")
    assert outcome.code == 0, outcome.err
    assert "tau_mem" in outcome.out and "graph.py checks a sample of" in outcome.out
    done = subprocess.run(
        [lava_python, out / "graph.py"], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0 and done.stdout.endswith("spikes, 0 differences\n"), done.stderr


def test_a_quantised_network_goes_to_lava_as_it_is(hetlava, net_file):
    outcome = hetlava("export", net_file, "--format", "lava", "--samples", 3, "--seed", 5)
    assert outcome.code == 0, outcome.err
    folder = net_file.with_name("model-lava")
    assert read(folder / "network.net") == read(net_file)
    with np.load(folder / "sample.npz") as sample:
        assert sample["input"].shape == (40, 3, 64)


def test_levels_are_written_for_a_network_that_has_few(hetlava, levels_file, net_file, monkeypatch):
    monkeypatch.setattr(lava_levels, "PROCESSES_MAX", 100)
    outcome = hetlava("export", levels_file, "--format", "lava", "--lif", "levels")
    assert outcome.code == 0, outcome.err
    program = levels_file.with_name("coarse-lava") / "graph.py"
    assert '\nLOWERING = "levels"' in program.read_text()
    refused = hetlava("export", net_file, "--format", "lava", "--lif", "levels")
    assert refused.code == 2 and "are more than 100; round to fewer levels" in refused.err
    assert not net_file.with_name("model-lava").exists()


def test_a_silent_sample_is_pointed_out(hetlava, tmp_path, digits_network):
    net = replace(quantise(digits_network, LOIHI2), projections=())
    write(tmp_path / "silent.net", net)
    outcome = hetlava("export", tmp_path / "silent.net", "--format", "lava")
    assert outcome.code == 0 and "the sample makes no neuron spike" in outcome.out


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--format", "lava", "--lif", "stock"), "lif 'stock' is unknown; known: vector, levels"),
        (("--format", "lava", "--weight-bits", 4), "is quantised already, so --weight-bits"),
        (("--format", "net"), "is quantised already; --format lava"),
        (("--format", "nir2"), "format 'nir2' is unknown; known: net, lava"),
        (("--lif", "levels"), "--lif belongs to --format lava"),
        (("--seed", 1), "--seed belongs to --format lava"),
    ],
)
def test_requests_that_make_no_sense_are_refused(hetlava, net_file, options, complaint):
    outcome = hetlava("export", net_file, *options)
    assert outcome.code == 2 and complaint in outcome.err
    assert [path.name for path in net_file.parent.iterdir()] == ["model.net"]


def test_a_recording_is_no_network_to_export(hetlava, net_file, tmp_path):
    saved = tmp_path / "out.npz"
    hetlava("run", net_file, "--limit", 1, "--save", saved)
    outcome = hetlava("export", saved, "--format", "lava")
    assert outcome.code == 2 and "is a recording; export takes a network" in outcome.err


@pytest.mark.lava
def test_run_in_another_python_gives_the_same_bits_and_names_its_versions(
    hetlava, net_file, tmp_path, lava_python
):
    here, there = tmp_path / "here.npz", tmp_path / "there.npz"
    options = [net_file, "--limit", 3, "--probe", "u,v", "--save"]
    assert hetlava("run", *options, here).code == 0
    elsewhere = ["--target", "lava-cpu", "--lava-python", lava_python]
    outcome = hetlava("run", *options, there, *elsewhere)
    assert outcome.code == 0, outcome.err
    ours, theirs = read_recording(here), read_recording(there)
    assert ours.spikes == theirs.spikes
    for a, b in zip(ours.u + ours.v, theirs.u + theirs.v, strict=True):
        assert np.array_equal(a, b)
    assert theirs.details["lava-nc"] == "0.10.0" and "python" in theirs.details


@pytest.mark.lava
def test_verify_compares_with_another_python(hetlava, model, lava_python):
    options = ["--limit", 2, "--max-drop", 100, "--also", "lava-cpu", "--lava-python", lava_python]
    outcome = hetlava("verify", model, *options)
    assert outcome.code == 0, outcome.err
    assert "loihi2-sim -> lava-cpu" in outcome.out and "identical" in outcome.out


def test_a_python_that_is_none_is_one_clear_error(hetlava, net_file, model, tmp_path):
    gone = ["--lava-python", tmp_path / "gone"]
    outcome = hetlava("run", net_file, "--limit", 1, "--target", "lava-cpu", *gone)
    assert outcome.code == 2 and "gone: cannot be started: No such file" in outcome.err
    outcome = hetlava("run", net_file, "--limit", 1, *gone)
    assert outcome.code == 2 and "--lava-python is for lava-cpu and loihi2-board" in outcome.err
    outcome = hetlava("verify", model, "--limit", 1, *gone)
    assert outcome.code == 2 and "--lava-python is for lava-cpu" in outcome.err


def test_a_board_is_said_to_be_missing(hetlava, net_file):
    outcome = hetlava("run", net_file, "--limit", 1, "--target", "loihi2-board")
    assert outcome.code == 2 and "no board: Intel's plug-in (lava-loihi" in outcome.err
    assert "loihi2-board" in hetlava("targets").out
