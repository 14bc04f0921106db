"""The commands on good input: what they write and print."""

import json
from xml.etree import ElementTree

import pytest

from hetlava.export.net_hdf5 import read
from hetlava.recording_file import read_recording


def test_export_writes_the_network_and_prints_the_budget(hetlava, model):
    outcome = hetlava("export", model, "--target", "loihi2")
    assert outcome.code == 0, outcome.err
    assert "tau_mem" in outcome.out and "input -> hidden" in outcome.out
    net = read(model.with_suffix(".net"))
    assert net.chip == "loihi2" and net.provenance["budget"]


def test_export_takes_bits_and_a_path(hetlava, model, tmp_path):
    out = tmp_path / "coarse.net"
    options = ["--out", out, "--weight-bits", 4, "--decay-bits", 8, "--format", "net"]
    assert hetlava("export", model, "--target", "loihi1", *options).code == 0
    net = read(out)
    assert net.chip == "loihi1" and {q.weight_bits for q in net.projections} == {4}


def test_run_prints_accuracy_and_saves_what_was_probed(hetlava, net_file, tmp_path):
    saved = tmp_path / "out.npz"
    options = ["--data", "digits", "--limit", 7, "--save", saved, "--probe", "u,v"]
    outcome = hetlava("run", net_file, *options)
    assert outcome.code == 0, outcome.err
    assert "synops/sample" in outcome.out and "spikes/sample" in outcome.out
    recording = read_recording(saved)
    assert recording.v[0].shape == (40, 7, 32) and recording.u[1].shape == (40, 7, 10)


def test_run_gives_the_same_on_every_target_of_the_chip(hetlava, net_file, tmp_path):
    results = []
    for target in ("reference", "loihi2-sim"):
        saved = tmp_path / f"{target}.npz"
        assert hetlava("run", net_file, "--limit", 5, "--target", target, "--save", saved).code == 0
        results.append(read_recording(saved))
    assert results[0].spikes == results[1].spikes


def test_verify_passes_writes_and_draws(hetlava, model, tmp_path):
    files = {kind: tmp_path / f"p.{kind}" for kind in ("json", "junit", "figure")}
    options = [part for kind, path in files.items() for part in (f"--{kind}", path)]
    outcome = hetlava("verify", model, "--limit", 20, "--max-drop", 100, *options)
    assert outcome.code == 0, outcome.err
    content = json.loads(files["json"].read_text())
    assert content["passed"] and [r["candidate"] for r in content["rungs"]] == [
        "fake-quantised",
        "integers",
    ]
    assert ElementTree.parse(files["junit"]).getroot().get("failures") == "0"
    assert files["figure"].read_bytes().startswith(b"\x89PNG")


def test_verify_exits_with_one_when_too_much_is_lost(hetlava, model, tmp_path):
    junit = tmp_path / "p.xml"
    outcome = hetlava("verify", model, "--limit", 20, "--max-drop", -101, "--junit", junit)
    assert outcome.code == 1 and "FAILED integers: drop of" in outcome.out
    assert ElementTree.parse(junit).getroot().get("failures") == "2"


@pytest.mark.lava
def test_verify_also_compares_with_lava(hetlava, model):
    outcome = hetlava("verify", model, "--limit", 2, "--max-drop", 100, "--also", "lava-cpu")
    assert outcome.code == 0, outcome.err
    assert "loihi2-sim -> lava-cpu" in outcome.out and "identical" in outcome.out


def test_inspect_tells_models_networks_and_recordings_apart(hetlava, model, net_file, tmp_path):
    saved = tmp_path / "out.npz"
    hetlava("run", net_file, "--limit", 3, "--save", saved)
    assert "float network" in hetlava("inspect", model).out
    assert "quantised network" in hetlava("inspect", net_file).out
    assert "recording of loihi2-sim" in hetlava("inspect", saved).out


def test_targets_lists_what_runs_here_and_the_limits_of_a_chip(hetlava):
    assert "loihi2-sim" in hetlava("targets").out
    limits = hetlava("targets", "--chip", "loihi2").out
    assert "assumed" in limits and "verified" in limits
