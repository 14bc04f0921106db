"""Accuracy over dies: every die once, the same whoever runs it, gone on with after a stop."""

from dataclasses import replace

import numpy as np
import pytest

from hetlava.errors import DataError, FormatError, ValidationError
from hetlava.events import from_dense
from hetlava.hardware.bss2_sim import bss2_target
from hetlava.hardware.mismatch_presets import PRESETS
from hetlava.hardware.yield_log import YieldLog, fingerprint
from hetlava.hardware.yields import Dies, Outcome, run_dies, statistics


@pytest.fixture
def samples(rng):
    return from_dense(rng.random((40, 12, 12)) < 0.3), rng.integers(0, 5, 12)


DIES = Dies(mismatch="bss2-uncalibrated", first=2, count=3, seed=4)


def test_every_network_runs_on_every_die_once(float_network, samples):
    nets = [float_network(), float_network()]
    outcomes = list(run_dies(nets, *samples, DIES))
    assert [(o.network, o.chip_seed) for o in outcomes] == [
        (k, s) for k in (0, 1) for s in (2, 3, 4)
    ]
    inputs, labels = samples
    for o in outcomes:
        target = bss2_target(o.chip_seed, PRESETS["bss2-uncalibrated"])
        right = target.run(nets[o.network], inputs, seed=4).predictions == labels
        assert o.accuracy == 100 * right.mean()


@pytest.mark.slow
def test_processes_change_nothing(float_network, samples):
    nets = [float_network()]
    assert list(run_dies(nets, *samples, DIES, workers=2)) == list(run_dies(nets, *samples, DIES))


def test_finished_dies_are_skipped(float_network, samples, tmp_path):
    nets, path = [float_network()], tmp_path / "log.jsonl"
    run = fingerprint(nets, *samples, DIES)
    whole = list(run_dies(nets, *samples, DIES))
    log = YieldLog(path, run)
    log.add(whole[1])
    with path.open("a") as file:
        file.write('{"network": 0, "chip_s')  # killed here
    again = YieldLog(path, run)
    assert again.done == (whole[1],)
    left = list(run_dies(nets, *samples, DIES, done=again.done))
    assert left == [whole[0], whole[2]]
    for outcome in left:
        again.add(outcome)
    assert set(YieldLog(path, run).done) == set(whole)


@pytest.mark.parametrize("what", ["network", "data", "mismatch", "seed", "target"])
def test_a_log_of_another_run_is_refused(float_network, samples, tmp_path, what):
    net, (inputs, labels) = float_network(), samples
    YieldLog(tmp_path / "log", fingerprint([net], inputs, labels, DIES))
    # more dies are the same run
    YieldLog(tmp_path / "log", fingerprint([net], inputs, labels, replace(DIES, count=9, first=0)))
    other = {
        "network": lambda: fingerprint([float_network()], inputs, labels, DIES),
        "data": lambda: fingerprint([net], inputs, labels + 1, DIES),
        "mismatch": lambda: fingerprint([net], inputs, labels, replace(DIES, changes=("leak=0",))),
        "seed": lambda: fingerprint([net], inputs, labels, replace(DIES, seed=5)),
        "target": lambda: fingerprint([net], inputs, labels, replace(DIES, target="dynapse2-like")),
    }[what]()
    with pytest.raises(ValidationError, match="of another run"):
        YieldLog(tmp_path / "log", other)


def test_what_is_no_log_is_refused(tmp_path):
    (tmp_path / "x").write_bytes(b"\xff\x00")
    (tmp_path / "y").write_text("[]\n")
    for name in ("x", "y"):
        with pytest.raises(FormatError, match="no log of dies"):
            YieldLog(tmp_path / name, "a")
    with pytest.raises(DataError, match="does not exist; make it first"):
        YieldLog(tmp_path / "no" / "log", "a")


def test_statistics_are_those_of_the_dies():
    s = statistics(np.array([50.0, 60, 70, 80, 90]), 70)
    assert (s.n_dies, s.mean, s.low, s.high, s.above) == (5, 70, 50, 90, 60)
    assert s.percentiles == pytest.approx((52, 60, 70, 80, 88))
    with pytest.raises(ValidationError, match="no dies"):
        statistics(np.zeros(0), 90)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"target": "loihi2-sim"}, "'loihi2-sim' has no virtual dies; those that have: bss2-sim"),
        ({"count": 0}, "count is 0"),
        ({"first": -1}, "first is -1"),
        ({"mismatch": "none"}, "'none' is unknown"),
    ],
)
def test_impossible_dies_are_refused(asked, message):
    with pytest.raises(ValidationError, match=message):
        Dies(**asked)


def test_outcomes_are_plain():
    assert Outcome(0, 1, 50.0)._asdict() == {"network": 0, "chip_seed": 1, "accuracy": 50.0}
