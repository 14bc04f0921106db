"""One trial, from training to its outcome."""

import math
from dataclasses import replace

import pytest

pytest.importorskip("norse")

from hetlava.experiments import running
from hetlava.experiments.running import run_trial
from hetlava.experiments.trials import Trial, outcome_of
from hetlava.train.config import TrainConfig


def without_times(result):
    return {k: v for k, v in result.items() if not k.endswith("seconds")}


@pytest.fixture
def trial():
    config = TrainConfig(
        dataset="interval", dt=2e-3, n_steps=60, hidden=(8,), epochs=3, trainer="norse",
        readout="max-over-time", lr_tau=0.05,
    )  # fmt: skip
    return Trial(config=config, n_train=96, n_test=48, test_scales=(0.5, 1.0))


def test_an_outcome_tells_of_every_epoch_scale_and_time_constant(trial):
    outcome = outcome_of("it", run_trial(None, trial.run("it")))

    assert len(outcome.train_curve) == len(outcome.test_curve) == 3
    assert set(outcome.accuracies) == {"0.5", "1"}
    # the last epoch's test is the one at the scale of training
    assert outcome.accuracy(1.0) == outcome.test_curve[-1]
    assert [len(layer["mem"]) for layer in outcome.after] == [8, 6]
    assert len(outcome.variances) == 4
    assert outcome.before != outcome.after and outcome.n_test == 48
    steps = [tau / 2 for tau in outcome.before[0]["mem"]]
    mean = sum(steps) / 8
    # the taus are kept to five digits
    assert outcome.variances[0][0] == pytest.approx(sum((t - mean) ** 2 for t in steps) / 8, 1e-3)


def test_equal_trials_have_equal_outcomes(trial):
    first, second = (without_times(run_trial(None, trial.run("it"))) for _ in range(2))
    assert first == second


def test_a_trial_that_is_stopped_goes_on_to_the_same_outcome(trial, tmp_path, monkeypatch):
    run, whole = trial.run("it"), without_times(run_trial(None, trial.run("it")))
    epochs = []
    train_epoch = running.run_epochs.__globals__["train_epoch"]

    def stopped(net, optimiser, data, config, epoch, *others):
        epochs.append(epoch)
        if len(epochs) == 3:
            raise KeyboardInterrupt
        return train_epoch(net, optimiser, data, config, epoch, *others)

    monkeypatch.setitem(running.run_epochs.__globals__, "train_epoch", stopped)
    with pytest.raises(KeyboardInterrupt):
        run_trial(tmp_path, run)

    assert without_times(run_trial(tmp_path, run)) == whole
    assert epochs == [0, 1, 2, 2]
    assert list(tmp_path.iterdir()) == []


def test_a_history_that_does_not_fit_its_checkpoint_begins_anew(trial, tmp_path, monkeypatch):
    run, whole = trial.run("it"), without_times(run_trial(None, trial.run("it")))
    monkeypatch.setattr(running, "_accuracy", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        run_trial(tmp_path, run)
    monkeypatch.undo()
    history = tmp_path / f"{run.key}.history.json"
    history.write_text(history.read_text()[:20])

    assert without_times(run_trial(tmp_path, run)) == whole


def test_augmentations_are_those_of_training(trial):
    plain = run_trial(None, trial.run("it"))
    config = replace(trial.config, augment=("delete:0.9",))
    thinned = run_trial(None, replace(trial, config=config).run("it"))
    assert thinned["train_curve"] != plain["train_curve"]
    assert thinned["before"] == plain["before"]


def test_training_that_goes_astray_is_an_outcome(trial, monkeypatch):
    def astray(outputs, labels):
        return outputs.sum() * float("nan")

    monkeypatch.setattr("hetlava.train.loop.loss", astray)
    outcome = outcome_of("it", run_trial(None, trial.run("it")))
    assert "not finite" in outcome.failed
    assert math.isnan(outcome.accuracy())
    assert outcome.train_curve == () and len(outcome.variances) == 1
