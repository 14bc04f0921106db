"""Experiments by name, and how one is run: planned, swept, planned again, written down."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple, cast

from hetlava.errors import DataError, ValidationError
from hetlava.experiments.plans import Experiment, Options, Outcomes, Row
from hetlava.experiments.running import run_trial
from hetlava.experiments.trials import Outcome, Trial, outcome_of
from hetlava.sweep import Run, sweep

EXPERIMENTS: Mapping[str, str] = MappingProxyType(
    {
        "robust-learning": "hetlava.experiments.robust_learning",
        "slayer-levels": "hetlava.experiments.slayer_levels",
        "per-neuron-tau": "hetlava.experiments.per_neuron_tau",
    }
)
RUNS, CHECKPOINTS = "runs", "checkpoints"  # folders inside that of an experiment


class Results(NamedTuple):
    """The rows of an experiment, and the outcome of every trial in them."""

    options: Options
    rows: list[Row]
    outcomes: Outcomes


def find_experiment(name: str) -> Experiment:
    """Return the module of an experiment.

    Raises
    ------
    ValidationError
        If there is none of that name.
    """
    if name not in EXPERIMENTS:
        raise ValidationError(f"experiment {name!r} is unknown; known: {', '.join(EXPERIMENTS)}")
    return cast(Experiment, import_module(EXPERIMENTS[name]))


def checked(experiment: Experiment, options: Options) -> Options:
    """Return the options with every part named, if none is.

    Raises
    ------
    ValidationError
        If a part or the data set is not one of the experiment's.
    """
    plain = options.dataset.partition(":")[0]
    if plain not in experiment.DATASETS:
        known = ", ".join(experiment.DATASETS)
        raise ValidationError(
            f"data set {options.dataset!r} is none of this experiment's; known: {known}"
        )
    for part in options.parts:
        if part not in experiment.PARTS:
            raise ValidationError(f"part {part!r} is unknown; known: {', '.join(experiment.PARTS)}")
    return replace(options, parts=options.parts or experiment.PARTS)


OnPlan = Callable[[int, int], None]
OnTrial = Callable[[Run, Outcome], None]


Plan = Callable[[Outcomes], list[Row]]


def run_rows(
    plan: Plan,
    folder: Path,
    *,
    workers: int = 1,
    dask: str | None = None,
    on_plan: OnPlan = lambda done, n_trials: None,
    on_trial: OnTrial = lambda run, outcome: None,
) -> Outcomes:
    """Run the trials of all rows that are not in the folder yet, and give all outcomes.

    Parameters
    ----------
    plan : function of the outcomes so far
        Gives the rows; it is asked again until it names no trial that was not run.
    folder : Path
        Made if it is not there; gets ``runs/`` with a file per trial. Trials that were stopped go
        on from ``checkpoints/``, unless they ran on a cluster.
    on_plan : function of (trials done, trials known of so far)
    on_trial : function of the run and its outcome, as they end

    Raises
    ------
    HetlavaError
        As of :func:`hetlava.sweep.sweep` and :func:`hetlava.train.fit.fit`.
    """
    outcomes: dict[Trial, Outcome] = {}
    kept = None if dask is not None else folder / CHECKPOINTS
    while left := _missing(plan(outcomes), outcomes):
        _make(folder / RUNS, kept)
        on_plan(len(outcomes), len(outcomes) + len(left))
        trials = {run.key: trial for trial, run in left.items()}
        for run, result in sweep(
            run_trial,
            list(left.values()),
            folder / RUNS,
            setup=partial(_itself, kept),
            workers=workers,
            dask=dask,
        ):
            outcomes[trials[run.key]] = outcome_of(run.name, result)
            on_trial(run, outcomes[trials[run.key]])
    return outcomes


def _make(*folders: Path | None) -> None:
    for folder in filter(None, folders):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataError(f"{folder}: cannot be made: {error.strerror}") from error


def _missing(rows: Sequence[Row], outcomes: Outcomes) -> dict[Trial, Run]:
    left: dict[Trial, Run] = {}
    for row in rows:
        for trial in row.trials:
            if trial not in outcomes:
                left.setdefault(trial, trial.run(f"{row.label}, seed {trial.config.seed}"))
    return left


def _itself(checkpoints: Path | None) -> Path | None:
    return checkpoints
