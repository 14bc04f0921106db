"""``hetlava run --energy``: an estimate that says so, in tables and JSON."""

import json

import pytest


def test_an_estimate_is_shown_and_written(hetlava, net_file, tmp_path):
    out = tmp_path / "run.json"
    ran = hetlava(
        "run", net_file, "--limit", 6, "--batch", 4, "--energy", "davies2018", "--json", out
    )
    assert ran.code == 0, ran.err
    for part in ("an estimate for Loihi 1 by davies2018", "membrane updates", "an estimate, not"):
        assert part in ran.out
    content = json.loads(out.read_text())
    assert content["samples"] == 6 and content["target"] == "loihi2-sim"
    assert content["energy"]["label"] == "estimate" and content["energy"]["joules_per_sample"] > 0
    assert content["work"]["effective ACs"] == pytest.approx(content["synops_per_sample"])
    assert 0 < content["work"]["activation sparsity"] < 1


def test_the_estimate_does_not_depend_on_the_batches(hetlava, net_file, tmp_path):
    found = []
    for batch in (2, 100):
        out = tmp_path / f"{batch}.json"
        ran = hetlava(
            "run",
            net_file,
            "--limit",
            5,
            "--batch",
            batch,
            "--energy",
            "loihi1-board",
            "--json",
            out,
        )
        assert ran.code == 0, ran.err
        found.append(json.loads(out.read_text()))
    assert found[0]["work"] == found[1]["work"] and found[0]["energy"] == found[1]["energy"]


def test_json_without_an_estimate(hetlava, net_file, tmp_path):
    out = tmp_path / "run.json"
    assert hetlava("run", net_file, "--limit", 3, "--json", out).code == 0
    content = json.loads(out.read_text())
    assert content["energy"] is None and content["work"] is None
    assert set(content["accuracy"]) == {"value", "low", "high"}


def test_loihi_2_is_refused_with_the_reason(hetlava, net_file):
    ran = hetlava("run", net_file, "--energy", "loihi2")
    assert ran.code == 2 and "is published for Loihi 2" in ran.err and "davies2018" in ran.err


def test_an_unknown_preset_lists_the_known(hetlava, net_file):
    ran = hetlava("run", net_file, "--energy", "tpu")
    assert ran.code == 2 and "known: davies2018" in ran.err


def test_counts_do_not_survive_a_resume(hetlava, net_file, tmp_path):
    out = tmp_path / "o.npz"
    ran = hetlava("run", net_file, "--energy", "davies2018", "--resume", "--out", out)
    assert ran.code == 2 and "leave out --resume" in ran.err


def test_traces_taken_for_the_counts_are_not_kept(hetlava, net_file, tmp_path):
    from hetlava.recording_file import read_recording

    out = tmp_path / "o.npz"
    assert hetlava("run", net_file, "--limit", 3, "--energy", "davies2018", "--out", out).code == 0
    assert read_recording(out).v == ()
