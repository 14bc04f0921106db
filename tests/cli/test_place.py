"""``hetlava place`` and shared decays on the command line."""

import json

import numpy as np
import pytest

from hetlava.export.net_hdf5 import read


def n_pairs(net, name):
    registers = net.population(name).registers
    return len({*zip(registers.du.tolist(), registers.dv.tolist(), strict=True)})


def test_place_prints_cores_bounds_and_what_binds(hetlava, net_file):
    outcome = hetlava("place", net_file, "--chip", "loihi1")
    assert outcome.code == 0, outcome.err
    # 42 neurons of 42 decays: two cores of 31 profiles
    assert "loihi1: 2 cores, at least 2 (128 on a chip)" in outcome.out
    assert "2 (>= 2)" in outcome.out and "decay profiles" in outcome.out
    apart = hetlava("place", net_file, "--chip", "loihi1", "--apart")
    assert "loihi1: 3 cores, at least 3 (128 on a chip)" in apart.out
    assert "synapse memory" in outcome.out and "1048576" in outcome.out


def test_place_takes_the_chip_of_the_file_and_writes_json(hetlava, net_file, tmp_path):
    outcome = hetlava("place", net_file, "--per-core", 8, "--json", tmp_path / "p.json")
    assert outcome.code == 0, outcome.err
    content = json.loads((tmp_path / "p.json").read_text())
    assert content["chip"] == "loihi2" and content["cores"] == 6
    cores = np.concatenate([p["core"] for p in content["populations"]])
    hidden = content["populations"][0]
    assert np.bincount(cores).tolist() == [row[0] for row in content["usage"]]
    assert sorted(np.bincount(cores).tolist()) == [2, 8, 8, 8, 8, 8]
    assert content["limits"][1] is None
    # half a unit of the word of the longest, 50 ms, is 0.63 %
    assert all(0 < error < 0.63 for error in hidden["tau_rms_percent"])


def test_place_says_why_it_cannot_and_what_would_do(hetlava, net_file, tmp_path):
    out = tmp_path / "p.json"
    outcome = hetlava("place", net_file, "--chip", "loihi1", "--cores", 1, "--json", out)
    assert outcome.code == 2 and not out.exists()
    assert "hidden: 32 neurons take 2 cores" in outcome.err
    assert "2 cores needed, 1 allowed; --cores 2; or share decays" in outcome.err
    apart = hetlava("place", net_file, "--chip", "loihi1", "--cores", 2, "--apart")
    assert apart.code == 2 and "let populations share cores (without --apart)" in apart.err


@pytest.mark.parametrize("option", ["--cores", "--per-core"])
def test_place_refuses_numbers_below_one(hetlava, net_file, option):
    outcome = hetlava("place", net_file, option, 0)
    assert outcome.code == 2 and "expected at least 1" in outcome.err


def test_export_shares_decays_and_place_tells_their_error(hetlava, model):
    outcome = hetlava("export", model, "--target", "loihi1", "--codebook", 6)
    assert outcome.code == 0, outcome.err
    net = read(model.with_suffix(".net"))
    assert n_pairs(net, "hidden") == 6 and n_pairs(net, "out") == 6
    assert net.provenance["codebook"]["pairs"] == 6
    placed = hetlava("place", model.with_suffix(".net"))
    assert "loihi1: 1 cores, at least 1" in placed.out and "tau_mem rms %" in placed.out
    assert f"{net.provenance['budget'][0]['tau_rms'][1]:.2g}" in placed.out


def test_export_shares_decays_per_core(hetlava, model):
    options = ["--codebook-per", "core", "--codebook", 5, "--per-core", 8]
    outcome = hetlava("export", model, "--target", "loihi1", *options)
    assert outcome.code == 0, outcome.err
    net = read(model.with_suffix(".net"))
    assert n_pairs(net, "hidden") == 4 * 5 and net.provenance["codebook"]["per"] == "core"


def test_minimax_has_the_smaller_largest_error(hetlava, model):
    worst = {}
    for method in ("rms", "minimax"):
        hetlava("export", model, "--codebook", 4, "--codebook-method", method)
        row = read(model.with_suffix(".net")).provenance["budget"][0]
        worst[method] = max(row["tau_mem"]["worst"], row["tau_syn"]["worst"])
    assert worst["minimax"] < worst["rms"]


def test_verify_measures_what_sharing_costs(hetlava, model, tmp_path):
    out = tmp_path / "p.json"
    options = ["--limit", 20, "--max-drop", 100, "--json", out]
    outcome = hetlava("verify", model, "--target", "loihi1", "--codebook", 2, *options)
    assert outcome.code == 0, outcome.err
    plain = tmp_path / "plain.json"
    hetlava("verify", model, "--target", "loihi1", "--limit", 20, "--json", plain)
    differing = [
        json.loads(path.read_text())["rungs"][0]["layers"][0]["differing"] for path in (out, plain)
    ]
    assert differing[0] > differing[1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--codebook-per", "chip", "--codebook", 3], "'chip' is unknown; known: layer, core"),
        (["--codebook-method", "minimax"], "minimax without a codebook"),
        (["--per-core", 3], "belong to codebooks per core"),
        (["--codebook-per", "core"], "loihi2 has a decay for every neuron"),
    ],
)
def test_impossible_codebooks_are_refused(hetlava, model, options, message):
    outcome = hetlava("export", model, *options)
    assert outcome.code == 2 and message in outcome.err
    assert not model.with_suffix(".net").exists()
