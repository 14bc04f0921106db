"""Trials as runs of a sweep and back, and means over seeds."""

from dataclasses import replace

import pytest

from hetlava.errors import FormatError, ValidationError
from hetlava.experiments.spread import mean_of
from hetlava.experiments.trials import Trial, outcome_of, trial_of
from hetlava.sweep import Run
from hetlava.train.config import config_for


@pytest.fixture
def trial():
    config = config_for("interval", hidden=(8, 4), regularise=("variance:0.1",))
    return Trial(config=config, scale=2.0, test_scales=(0.5, 1.0), n_train=32)


def test_a_trial_is_found_again_in_its_run(trial):
    assert trial_of(trial.run("some name")) == trial


def test_whatever_a_trial_depends_on_changes_its_key(trial):
    others = [
        replace(trial, scale=1.0),
        replace(trial, n_train=33),
        replace(trial, config=replace(trial.config, seed=1)),
        replace(trial, config=replace(trial.config, lr=0.02)),
    ]
    assert len({t.run("name").key for t in (trial, *others)}) == 5


@pytest.mark.parametrize(
    "change", [{"task": "another"}, {"config": {"dataset": "interval"}}, {"config": 3}, {"odd": 1}]
)
def test_a_run_that_is_no_trial_is_refused(trial, change):
    run = Run(name="odd", config={**trial.run("odd").config, **change})
    with pytest.raises(FormatError, match="run odd: not a trial"):
        trial_of(run)


def test_a_result_with_other_fields_is_refused():
    with pytest.raises(FormatError, match="other fields than an outcome"):
        outcome_of("odd", {"accuracies": {}})


def test_impossible_trials_are_refused(trial):
    with pytest.raises(ValidationError, match="coarse is 0"):
        replace(trial, coarse=0)
    with pytest.raises(ValidationError, match="spatial-jitter:1: not with channels"):
        replace(trial, coarse=2, config=replace(trial.config, augment=("spatial-jitter:1",)))
    with pytest.raises(ValidationError, match="without a test"):
        replace(trial, test_scales=())


def test_the_error_of_a_mean_is_of_the_sample():
    found = mean_of([90.0, 92.0, 94.0])
    # the deviation of the sample is 2, of three seeds
    assert (found.value, found.n) == (92.0, 3)
    assert found.sem == pytest.approx(2 / 3**0.5)
    assert str(found) == "92.0 ± 1.2"


def test_a_single_seed_has_no_error_and_a_failed_one_is_left_out():
    assert str(mean_of([90.0])) == "90.0"
    assert str(mean_of([90.0, float("nan")])) == "90.0"
    assert str(mean_of([float("nan")])) == "-"
