"""``--chip mychip.toml`` as a new user would try it: print, edit, export, run, place, verify."""

from pathlib import Path

import pytest


@pytest.fixture
def mychip(hetlava, tmp_path) -> Path:
    """Loihi 2's table, edited to eight small cores."""
    text = hetlava("targets", "--chip", "loihi2", "--toml").out
    small = text.replace("cores = { value = 120", "cores = { value = 8").replace(
        "neurons_per_core = { value = 8192", "neurons_per_core = { value = 16"
    )
    (tmp_path / "mychip.toml").write_text(small)
    return tmp_path / "mychip.toml"


def test_a_network_is_exported_run_placed_and_verified(hetlava, model, mychip):
    outcome = hetlava("export", model, "--chip", mychip)
    assert outcome.code == 0 and "for mychip" in outcome.out
    net = model.with_suffix(".net")
    mychip.rename(mychip.with_name("gone.toml"))  # the network carries the table
    outcome = hetlava("run", net, "--limit", 4)
    assert outcome.code == 0 and "mychip-sim (simulated)" in outcome.out
    outcome = hetlava("place", net)
    assert outcome.code == 0 and "mychip: 3 cores" in outcome.out
    assert hetlava("doctor", net).code in (0, 1)
    outcome = hetlava(
        "verify", model, "--chip", mychip.with_name("gone.toml"), "--limit", 4, "--max-drop", 100
    )
    assert outcome.code == 0 and "passed" in outcome.out


def test_integers_run_on_another_chip_if_they_fit(hetlava, net_file, mychip):
    outcome = hetlava("run", net_file, "--chip", mychip, "--limit", 4)
    assert outcome.code == 0 and "mychip-sim" in outcome.out
    mychip.write_text(mychip.read_text().replace("value = 8,", "value = 2,"))
    outcome = hetlava("run", net_file, "--chip", mychip, "--limit", 4)
    assert outcome.code == 2 and "42 neurons need at least 3 cores, mychip has 2" in outcome.err


def test_the_limits_of_a_file_are_shown(hetlava, mychip):
    outcome = hetlava("targets", "--chip", mychip)
    assert outcome.code == 0 and "mychip: limits" in outcome.out and "assumed" in outcome.out


def test_a_bad_chip_is_refused_before_anything_is_written(hetlava, model, mychip):
    mychip.write_text(mychip.read_text().replace("vth_bits", "threshold_bits"))
    outcome = hetlava("export", model, "--chip", mychip)
    assert outcome.code == 2 and "Traceback" not in outcome.err
    assert "threshold_bits: unknown" in outcome.err and "vth_bits: missing" in outcome.err
    assert not model.with_suffix(".net").exists()


def test_target_and_chip_together_are_refused(hetlava, model, mychip):
    outcome = hetlava("export", model, "--target", "loihi1", "--chip", mychip)
    assert outcome.code == 2 and "give one of them" in outcome.err


def test_a_table_to_start_from_needs_a_chip(hetlava):
    outcome = hetlava("targets", "--toml")
    assert outcome.code == 2 and "--chip loihi2 --toml" in outcome.err


def test_a_chip_of_another_kind_is_no_digital_one(hetlava, model):
    outcome = hetlava("export", model, "--chip", "brainscales2")
    assert outcome.code == 2 and "has other neurons than a Loihi core" in outcome.err
    assert "tau_mem" in hetlava("targets", "--chip", "brainscales2").out


def test_a_network_goes_to_xylo_and_says_what_differs(hetlava, digits_network, tmp_path):
    pytest.importorskip("torch")
    from dataclasses import replace

    from hetlava.network import Population, Projection
    from hetlava.train.model_file import write_model

    net = replace(
        digits_network,
        n_inputs=16,
        output="few",
        populations=(
            digits_network.populations[0],
            Population(name="few", neurons=_first(digits_network.populations[1].neurons, 8)),
        ),
        projections=(
            Projection(
                source="input",
                target="hidden",
                weights=digits_network.projections[0].weights[:, :16].copy(),
            ),
            Projection(
                source="hidden",
                target="few",
                weights=digits_network.projections[1].weights[:8].copy(),
            ),
        ),
    )
    write_model(tmp_path / "x.pt", net)
    outcome = hetlava("export", tmp_path / "x.pt", "--target", "xylo2")
    assert outcome.code == 0 and "for xylo2" in outcome.out
    assert "other than in training: a spike subtracts the threshold" in outcome.out
    assert "xylo2" in hetlava("inspect", tmp_path / "x.net").out
    outcome = hetlava("export", tmp_path / "x.pt", "--target", "xylo2", "--weight-bits", 4)
    assert outcome.code == 2 and "for cores like Loihi's" in outcome.err


def _first(neurons, n):
    from dataclasses import fields, replace

    return replace(
        neurons, **{f.name: getattr(neurons, f.name)[:n].copy() for f in fields(neurons)}
    )


def test_what_does_not_fit_xylo_is_listed(hetlava, model):
    outcome = hetlava("export", model, "--target", "xylo2")
    assert outcome.code == 2 and "64 inputs, the chip has 16" in outcome.err
    assert "10 output neurons, the chip has 8" in outcome.err
    assert not model.with_suffix(".net").exists()


def test_a_float_network_runs_on_targets_of_floats(hetlava, model, net_file):
    ran = hetlava("run", model, "--limit", 4)
    assert ran.code == 0 and "float (reference)" in ran.out
    ran = hetlava("run", model, "--limit", 4, "--target", "bss2-sim", "--energy", "brainscales2")
    assert ran.code == 0 and "bss2-sim (simulated)" in ran.out and "BrainScaleS-2" in ran.out
    ran = hetlava("run", model, "--limit", 4, "--target", "loihi2-sim")
    assert ran.code == 2 and "is a float one, it takes integers" in ran.err
    ran = hetlava("run", net_file, "--limit", 4, "--target", "float")
    assert ran.code == 2 and "is an integer one, it takes floats" in ran.err
    ran = hetlava("run", model, "--chip", "loihi1")
    assert ran.code == 2 and "--chip takes integers" in ran.err
    ran = hetlava("run", model, "--profile")
    assert ran.code == 2 and "give a .net file" in ran.err
