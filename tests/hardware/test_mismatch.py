"""Virtual dies: what they draw, that it is theirs alone, and what presets say of their numbers."""

from dataclasses import fields, replace

import numpy as np
import pytest

from hetlava.errors import DataError, FormatError, ValidationError
from hetlava.hardware.mismatch import Mismatch, draw
from hetlava.hardware.mismatch_presets import PRESETS, changed, find_mismatch
from hetlava.network import Network

UNCALIBRATED = PRESETS["bss2-uncalibrated"]
ARRAYS = ("tau_mem", "tau_syn", "refractory", "threshold", "reset", "leak", "gain", "dead")


def arrays(die):
    return {name: getattr(die, name) for name in ARRAYS}


def test_the_same_seed_gives_the_same_bytes(float_network):
    net = float_network()
    one, same, other = (draw(UNCALIBRATED, net, seed) for seed in (3, 3, 4))
    assert one == same
    assert all(a.tobytes() == arrays(same)[k].tobytes() for k, a in arrays(one).items())
    assert all(
        a.tobytes() == b.tobytes() for a, b in zip(one.synapse_gain, same.synapse_gain, strict=True)
    )
    assert not any(
        np.array_equal(a, arrays(other)[k]) for k, a in arrays(one).items() if k != "dead"
    )


@pytest.mark.parametrize(
    "name", ["tau_mem", "tau_syn", "threshold", "reset", "leak", "gain", "synapse_gain"]
)
def test_a_spread_changes_its_own_parameter_only(float_network, name):
    net = float_network()
    before = draw(UNCALIBRATED, net, 1)
    after = draw(replace(UNCALIBRATED, **{name: 0.0}), net, 1)
    for field, array in arrays(before).items():
        assert np.array_equal(array, getattr(after, field)) == (field != name)
    assert (before.synapse_gain[0] == after.synapse_gain[0]).all() == (name != "synapse_gain")


def test_a_die_is_the_same_whatever_is_put_on_it(float_network):
    small, large = float_network(n_hidden=20), float_network(n_hidden=300)
    a, b = (draw(UNCALIBRATED, net, 7) for net in (small, large))
    assert np.array_equal(a.tau_mem[:20], b.tau_mem[:20])
    assert np.array_equal(a.synapse_gain[0], b.synapse_gain[0][:, :20])
    # the output's neurons sit elsewhere now, and their columns with them
    assert np.array_equal(a.tau_mem[20:], b.tau_mem[20:25])


def wide(net: Network, n: int = 20000) -> Network:
    """The first population made large enough to measure spreads on."""
    neurons = net.populations[0].neurons
    tiled = {f.name: np.resize(getattr(neurons, f.name), n) for f in fields(neurons)}
    population = replace(net.populations[0], neurons=replace(neurons, **tiled))
    weights = np.resize(net.projections[0].weights[:, :2], (n, 2))
    return replace(
        net,
        n_inputs=2,
        populations=(population,),
        projections=(replace(net.projections[0], weights=weights),),
        output=population.name,
    )


@pytest.mark.parametrize("distribution", ["lognormal", "gaussian"])
def test_spreads_are_what_was_asked_for(float_network, distribution):
    mismatch = replace(UNCALIBRATED, distribution=distribution, quadrant=0.0, dead=0.1)
    die = draw(mismatch, wide(float_network()), 0)
    for name in ("tau_mem", "tau_syn", "refractory"):
        factor = getattr(die, name)
        # 20000 draws: means to 1 %, spreads to 5 %; a Gaussian of 30 % is cut at 0.05 (3.2 sigma)
        assert factor.mean() == pytest.approx(1, abs=0.01) and factor.min() > 0
        assert factor.std() == pytest.approx(getattr(mismatch, name), rel=0.05)
    for name in ("threshold", "reset", "leak"):
        assert getattr(die, name).std() == pytest.approx(getattr(mismatch, name), rel=0.05)
    gains = die.synapse_gain[0]
    assert gains.std() == pytest.approx(mismatch.synapse_gain, rel=0.05)
    assert abs(np.corrcoef(gains[0].ravel(), gains[1].ravel())[0, 1]) < 0.02
    assert die.dead.mean() == pytest.approx(0.1, abs=0.01)


def test_neurons_of_a_quadrant_share_what_is_asked_for(float_network):
    net = wide(float_network(), 128 * 400)
    shared = draw(replace(UNCALIBRATED, quadrant=0.6, synapse_gain=0.0), net, 0).threshold.reshape(
        400, 128
    )
    # 400 quadrants: 10 %
    assert shared.mean(axis=1).var() == pytest.approx(0.6 * UNCALIBRATED.threshold**2, rel=0.2)
    assert shared.std() == pytest.approx(UNCALIBRATED.threshold, rel=0.1)


def test_parameters_are_independent_of_each_other(float_network):
    die = draw(replace(UNCALIBRATED, quadrant=0.0, synapse_gain=0.0), wide(float_network()), 0)
    drawn = [getattr(die, n) for n in ("tau_mem", "tau_syn", "threshold", "reset", "leak")]
    off_diagonal = np.corrcoef([*drawn, *die.gain]) - np.eye(7)
    assert np.abs(off_diagonal).max() < 0.03  # 20000 pairs: 4 standard errors


@pytest.mark.parametrize("name", PRESETS)
def test_every_number_of_a_preset_has_its_source(name):
    preset = PRESETS[name]
    assert set(preset.sources) == set(Mismatch.limits())
    assert preset.name == name
    assert all(s.text and s.status for s in preset.sources.values())


def test_calibration_reduces_spreads_within_calix_bounds():
    before, after = PRESETS["bss2-uncalibrated"], PRESETS["bss2-calibrated"]
    bounds = {"tau_mem": 0.45, "tau_syn": 0.20, "threshold": 0.35, "leak": 0.30, "reset": 0.20}
    for name, bound in bounds.items():
        assert getattr(after, name) / getattr(before, name) <= bound


def test_numbers_are_changed_by_option_and_by_file(tmp_path):
    found = find_mismatch("bss2-calibrated", ["tau_mem=0.2", "distribution=gaussian"])
    assert found.tau_mem == 0.2 and found.distribution == "gaussian"
    assert found.sources["tau_mem"].text == "asked for" and found.tau_syn == 0.05
    path = tmp_path / "mine.toml"
    path.write_text('preset = "bss1-like"\nleak = 0.5\nweight_bits = 3\n')
    mine = find_mismatch(str(path), ["leak=0.4", "current_max=inf"])
    assert (mine.name, mine.leak, mine.weight_bits) == ("mine", 0.4, 3)
    assert mine.synapse_gain == PRESETS["bss1-like"].synapse_gain


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("tau_mem=-0.1", "tau_mem is -0.1, expected 0 to 10"),
        ("tau_mem=nan", "'nan' is not a plain number"),
        ("tau_mem=inf", "tau_mem is inf"),
        ("tau=0.1", "no 'tau'; it has tau_mem, tau_syn"),
        ("tau_mem", "write tau_mem=0.2"),
        ("weight_bits=2.5", "weight_bits is 2.5, expected a whole number"),
        ("dead=1.5", "dead is 1.5, expected 0 to 1"),
        ("current_max=0", "current_max is 0.0, expected above 0"),
        ("distribution=cauchy", "distribution is cauchy, expected lognormal or gaussian"),
    ],
)
def test_impossible_changes_are_refused(change, message):
    with pytest.raises(ValidationError, match=message):
        find_mismatch("bss2-calibrated", [change])


def test_impossible_presets_and_files_are_refused(tmp_path):
    with pytest.raises(ValidationError, match="'bss3' is unknown; known: ideal, bss2-cal"):
        find_mismatch("bss3")
    with pytest.raises(DataError, match=r"none.toml: cannot be read: No such file"):
        find_mismatch(str(tmp_path / "none.toml"))
    broken = tmp_path / "broken.toml"
    for text, kind, message in (
        ("tau_mem = ", FormatError, "is no TOML"),
        ("tau_mem = nan", ValidationError, "tau_mem is nan, expected 0 to 10"),
        ("tau_mem = '1'", ValidationError, "tau_mem is '1', expected a number"),
        ("preset = 'x'", ValidationError, "preset 'x' is unknown"),
    ):
        broken.write_text(text)
        with pytest.raises(kind, match=message):
            find_mismatch(str(broken))


def test_a_seed_below_zero_is_refused(float_network):
    with pytest.raises(ValidationError, match="chip seed is -1"):
        draw(UNCALIBRATED, float_network(), -1)


def test_a_change_keeps_all_else():
    assert changed(UNCALIBRATED, {}) == UNCALIBRATED
