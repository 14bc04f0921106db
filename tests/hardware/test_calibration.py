"""Calibration by a bench alone, judged by the die that it never saw."""

import ast
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hetlava.errors import DataError, FormatError, UnsupportedError, ValidationError
from hetlava.events import from_dense
from hetlava.hardware import calibration as module
from hetlava.hardware.bss2_sim import bss2_target
from hetlava.hardware.calibrated_die import calibrated, chip_for, serial_of, targets_of
from hetlava.hardware.calibration import Calibration, Targets, calibrate
from hetlava.hardware.calibration_file import read_calibration, write_calibration
from hetlava.hardware.mismatch import draw
from hetlava.hardware.mismatch_presets import PRESETS, changed
from hetlava.hardware.virtual_chip import CODE_MAX, KNOBS, TIMES, Bench, Stimulus, VirtualChip
from hetlava.network import Network, Population
from hetlava.neurons.cuba import CubaLIF

UNCALIBRATED = PRESETS["bss2-uncalibrated"]
# std after over std with all codes at their median, 5 % trimmed at both ends: what calix guarantees
CALIX = {"leak": 0.30, "reset": 0.20, "threshold": 0.35, "tau_mem": 0.45, "tau_syn": 0.20}
N = 200


def neurons_only(n: int) -> Network:
    one = np.ones(n)
    lif = CubaLIF(
        tau_mem=0.01 * one, tau_syn=0.01 * one, v_leak=0 * one, v_threshold=one, v_reset=0 * one
    )
    population = Population(name="a", neurons=lif)
    return Network(
        dt=1e-3, n_inputs=1, n_steps=1, populations=(population,), projections=(), output="a"
    )


def calix_defaults(n: int) -> Targets:
    asked = {
        "leak": 80, "reset": 70, "threshold": 125, "tau_mem": 10e-6, "tau_syn": 10e-6,
        "gain_exc": 1, "gain_inh": 1,
    }  # fmt: skip
    return Targets(**{knob: np.full(n, float(value)) for knob, value in asked.items()})


@pytest.fixture(scope="module")
def made() -> tuple[VirtualChip, Targets, Calibration]:
    chip, targets = VirtualChip(draw(UNCALIBRATED, neurons_only(N), 5)), calix_defaults(N)
    return chip, targets, calibrate(chip.bench(), targets, chip="c", serial="s")


def trimmed_std(values):
    cut = int(0.05 * values.size)
    return np.sort(values)[cut : values.size - cut].std()


@pytest.mark.parametrize("knob", KNOBS)
def test_spreads_shrink_as_calix_guarantees(made, knob):
    chip, targets, found = made
    codes = getattr(found, knob).code
    median = np.full(N, int(np.median(codes)), np.int32)
    before, after = chip.value(knob, median), chip.value(knob, codes)
    assert trimmed_std(after) < CALIX.get(knob, 0.20) * trimmed_std(before)
    assert after.mean() == pytest.approx(getattr(targets, knob)[0], rel=0.02)
    assert getattr(found, knob).success.all()


def test_the_bench_sets_and_measures_and_nothing_else(made):
    chip = made[0]
    assert Bench._fields == ("set", "measure")
    bench = chip.bench()
    assert all(callable(f) for f in bench)
    # and the search imports no die, no network and no chip to look into
    for name in ("calibration", "calibration_measure", "calibration_fit"):
        tree = ast.parse((Path(module.__file__).parent / f"{name}.py").read_text())
        named = {
            alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }
        assert not named & {"VirtualChip", "Die", "draw", "Mismatch", "Network"}
        assert "value" not in {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute)}


def test_neurons_that_cannot_reach_their_target_are_named():
    die = draw(UNCALIBRATED, neurons_only(20), 1)
    gain, offset = die.gain.copy(), die.leak.copy()
    gain[0, 3], offset[7] = 0.2, 3.0  # far weaker than a converter makes up for; 210 LSB off
    chip = VirtualChip(replace(die, gain=gain, leak=offset))
    found = calibrate(chip.bench(), calix_defaults(20), chip="c", serial="s")
    assert not found.gain_exc.success[3] and not found.leak.success[7]
    assert found.gain_exc.code[3] == CODE_MAX and found.leak.code[7] == 0
    others = np.delete(np.arange(20), [3, 7])
    assert found.success[others].all() and not found.success[[3, 7]].any()


def test_time_constants_of_every_range_are_found():
    targets = calix_defaults(40)
    targets = replace(
        targets,
        tau_mem=np.geomspace(0.5e-6, 60e-6, 40),
        tau_syn=np.roll(np.geomspace(0.3e-6, 30e-6, 40), 20),
    )
    chip = VirtualChip(draw(UNCALIBRATED, neurons_only(40), 2))
    found = calibrate(chip.bench(), targets, chip="c", serial="s")
    for knob in TIMES:
        real = chip.value(knob, getattr(found, knob).code)
        # where both are equal to a per cent and short, noise allows no better
        assert np.median(np.abs(real / getattr(targets, knob) - 1)) < 0.03
        assert getattr(found, knob).success.mean() > 0.9


def test_a_bench_refuses_what_no_converter_has():
    bench = VirtualChip(draw(UNCALIBRATED, neurons_only(3), 1)).bench()
    with pytest.raises(ValidationError, match="no converter 'tau'; there are leak"):
        bench.set("tau", np.zeros(3, np.int32))
    for codes in (-1, CODE_MAX + 1):
        with pytest.raises(ValidationError, match="outside the converter's 10 bits"):
            bench.set("leak", np.full(3, codes, np.int32))
    trace = bench.measure(Stimulus(times=np.zeros((4, 1)))).trace
    assert trace.shape == (4, 3) and trace.dtype == np.int32


@pytest.fixture
def on_chip(float_network, tmp_path):
    net = float_network(n_hidden=20)
    found = calibrate(
        chip_for(net, UNCALIBRATED, 3).bench(),
        targets_of(net),
        chip="brainscales2",
        serial=serial_of(UNCALIBRATED, 3),
    )
    path = tmp_path / "cal.h5"
    write_calibration(path, found)
    return net, path, found


def test_a_calibrated_die_is_near_to_none(on_chip):
    net, _, found = on_chip
    before = draw(UNCALIBRATED, net, 3)
    after = calibrated(before, found, net)
    for name in ("tau_mem", "tau_syn", "gain"):
        assert getattr(after, name).std() < 0.3 * getattr(before, name).std()
    for name in ("threshold", "reset", "leak"):
        assert getattr(after, name).std() < 0.4 * getattr(before, name).std()
    assert after.synapse_gain[0] is before.synapse_gain[0] or np.array_equal(
        after.synapse_gain[0], before.synapse_gain[0]
    )


def test_a_calibration_is_a_file_that_a_run_takes(on_chip, rng):
    net, path, found = on_chip
    assert read_calibration(path) == found
    inputs = from_dense(rng.random((40, 10, 12)) < 0.3)
    run = bss2_target(3, calibration=read_calibration(path)).run(net, inputs)
    assert run.details["calibrated"] == "from a file"
    assert run.spikes != bss2_target(3, UNCALIBRATED).run(net, inputs).spikes


def test_a_calibration_of_something_else_is_refused(on_chip, rng, float_network):
    net, path, found = on_chip
    inputs = from_dense(rng.random((40, 2, 12)) < 0.3)
    cases = [
        (bss2_target(4, calibration=found), net, "is of chip 'virtual 3, .*this one is 'virtual 4"),
        (
            bss2_target(3, changed(UNCALIBRATED, {"leak": 0.2}), found),
            net,
            "calibrate this chip",
        ),
        (bss2_target(3, calibration=found), float_network(n_hidden=20), "made for other targets"),
        (bss2_target(3, calibration=found), float_network(n_hidden=21), "made for other targets"),
    ]
    for target, other, message in cases:
        with pytest.raises(ValidationError, match=message):
            target.run(other, inputs)
    with pytest.raises(UnsupportedError, match="is of a hicann, the target is a brainscales2"):
        bss2_target(3, calibration=replace(found, chip="hicann")).run(net, inputs)


def test_damaged_files_are_refused(on_chip, tmp_path):
    import h5py

    _, path, _ = on_chip
    with pytest.raises(DataError, match="no such file"):
        read_calibration(tmp_path / "none.h5")
    (tmp_path / "x").write_bytes(path.read_bytes()[:300])
    with pytest.raises(FormatError, match="no calibration, or damaged"):
        read_calibration(tmp_path / "x")
    for damage in (
        lambda f: f["leak/code"].__setitem__(0, 5000),
        lambda f: f.attrs.__setitem__("format", "other"),
        lambda f: f["leak"].__delitem__("code"),
        lambda f: (
            f["leak"].__delitem__("code"),
            f["leak"].create_dataset("code", (1 << 30,), "i4"),
        ),
    ):
        copy = tmp_path / "copy.h5"
        copy.write_bytes(path.read_bytes())
        with h5py.File(copy, "r+") as file:
            damage(file)
        with pytest.raises(FormatError, match="no calibration, or damaged"):
            read_calibration(copy)


def test_potentials_that_the_chip_does_not_reach_are_refused(float_network):
    net = float_network()
    hidden = net.populations[0]
    far = replace(hidden.neurons, v_reset=np.full(30, -3.0))
    net = replace(net, populations=(replace(hidden, neurons=far), net.populations[1]))
    with pytest.raises(ValidationError, match="hidden: reset: .* the chip reaches 10 .. 250"):
        targets_of(net)
