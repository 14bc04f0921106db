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
