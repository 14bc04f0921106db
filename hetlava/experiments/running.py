"""Run one trial: train, test at every time scale, and keep what became of the time constants."""

import json
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from hetlava.errors import HetlavaError, TrainingError
from hetlava.experiments.inputs import at_scale, recordings, steps_at_scale
from hetlava.experiments.trials import Trial, scale_name, trial_of
from hetlava.files import replacing
from hetlava.sweep import Run
from hetlava.train.building import build
from hetlava.train.checkpoint import read_checkpoint
from hetlava.train.config import TrainConfig
from hetlava.train.fit import (
    binned,
    choose_device,
    on_dies,
    run_epochs,
    threads,
    training_data,
)
from hetlava.train.loop import evaluate
from hetlava.train.metrics import EpochMetrics
from hetlava.train.nets import TrainableNet

MILLISECONDS = 1e3
DIGITS = 5  # significant digits of time constants that are kept


def run_trial(checkpoints: Path | None, run: Run) -> Mapping[str, Any]:
    """Return the outcome of a trial as plain values; see :class:`Outcome`.

    Parameters
    ----------
    checkpoints : Path, optional
        A folder. A trial that was stopped goes on from its checkpoint there.

    Raises
    ------
    HetlavaError
        As of :func:`hetlava.train.fit.fit`, except that training gone astray is an outcome.
    """
    trial = trial_of(run)
    wall, cpu = time.perf_counter(), time.process_time()
    kept = None if checkpoints is None else checkpoints / f"{run.key}.ckpt"
    with threads(trial.config.threads):
        result = _trained(trial, kept)
    result |= {"seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - cpu}
    if kept is not None:
        for path in (kept, _history_file(kept)):
            path.unlink(missing_ok=True)
    return result


def _trained(trial: Trial, checkpoint: Path | None) -> dict[str, Any]:
    config = replace(trial.config, n_steps=steps_at_scale(trial.config.n_steps, trial.scale))
    source = recordings(config.dataset, "train", trial.coarse, trial.n_train)
    test = recordings(config.dataset, "test", trial.coarse, trial.n_test)
    data = training_data(at_scale(source, trial.scale), config)
    # what is classified after every epoch is as slow or fast as what is learned from
    watched = binned(at_scale(test, trial.scale), config)
    net = on_dies(build(config, data, source.n_classes), config).to(choose_device(config.device))
    before = _taus(net)
    history, resume = _history(checkpoint, config)
    history = history or {"train_curve": [], "test_curve": [], "variances": [_variances(net)]}

    def on_epoch(metrics: EpochMetrics) -> None:
        history["train_curve"].append(metrics.train_accuracy)
        history["test_curve"].append(metrics.test_accuracy)
        history["variances"].append(_variances(net))
        if checkpoint is not None:
            with replacing(_history_file(checkpoint)) as temporary:
                temporary.write_text(json.dumps(history))

    failed, accuracies = "", {}
    try:
        run_epochs(net, config, (data, watched), (checkpoint, resume), on_epoch=on_epoch)
        accuracies = {scale_name(s): _accuracy(net, trial, s) for s in trial.test_scales}
    except TrainingError as error:
        failed = str(error)
    found = {"accuracies": accuracies, "n_test": test.n, "failed": failed}
    return {**found, **history, "before": before, "after": _taus(net)}


def _accuracy(net: TrainableNet, trial: Trial, scale: float) -> float:
    config = replace(trial.config, n_steps=steps_at_scale(trial.config.n_steps, scale))
    test = recordings(config.dataset, "test", trial.coarse, trial.n_test)
    return evaluate(net, binned(at_scale(test, scale), config)).accuracy


def _taus(net: TrainableNet) -> list[dict[str, list[float]]]:
    return [
        {
            kind: [float(f"{MILLISECONDS * tau:.{DIGITS}g}") for tau in getattr(taus, kind)]
            for kind in ("mem", "syn")
        }
        for taus in net.taus()
    ]


def _variances(net: TrainableNet) -> list[float]:
    steps = [taus.mem / net.dt for taus in net.taus()]
    # from the first one on: the mean of equal values may be rounded away from them
    return [float((tau - tau[0]).var()) for tau in steps]


def _history_file(checkpoint: Path) -> Path:
    return checkpoint.with_suffix(".history.json")


def _history(checkpoint: Path | None, config: TrainConfig) -> tuple[dict[str, Any], bool]:
    """Return the epochs behind a checkpoint, and whether to go on from it.

    A checkpoint is written before its epoch is told: where the two do not agree, or either cannot
    be read, the trial begins anew.
    """
    if checkpoint is None or not checkpoint.is_file():
        return {}, False
    try:
        done = read_checkpoint(checkpoint, config).epoch
        history: dict[str, Any] = json.loads(_history_file(checkpoint).read_text())
        agree = done == len(history["train_curve"]) == len(history["variances"]) - 1
    except (HetlavaError, OSError, ValueError, KeyError, TypeError):
        return {}, False
    return (history, True) if agree and done else ({}, False)
