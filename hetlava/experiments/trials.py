"""A trial: everything that one training run of an experiment depends on, and what comes of it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from hetlava.arrays import Float
from hetlava.errors import FormatError, ValidationError
from hetlava.sweep import Run
from hetlava.train.config import TrainConfig

OF_SENSORS = ("spatial-jitter", "channel-shift")  # augmentations that go by the data's own channels
TASK = "trial-1"  # to be counted up when the same trial comes to give another result


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One training run with its tests.

    Attributes
    ----------
    config : TrainConfig
        ``n_steps`` is that of recordings as they are; stretched ones have more.
    coarse : int
        Neighbouring channels merged into one, along either side of an image.
    scale : float
        Factor on the times of the training recordings.
    test_scales : tuple of float
        Factors on the times of the test recordings, each a test of its own.
    n_train, n_test : int
        Recordings used, the first ones; 0 is all.
    """

    config: TrainConfig
    coarse: int = 1
    scale: float = 1.0
    test_scales: tuple[float, ...] = (1.0,)
    n_train: int = 0
    n_test: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "test_scales", tuple(self.test_scales))
        for name in ("coarse", "n_train", "n_test"):
            least = 1 if name == "coarse" else 0
            if getattr(self, name) < least:
                raise ValidationError(f"{name} is {getattr(self, name)}, expected at least {least}")
        moved = [text for text in self.config.augment if text.startswith(OF_SENSORS)]
        if moved and self.coarse > 1:
            raise ValidationError(f"augment {moved[0]}: not with channels that are merged")
        if not self.test_scales:
            raise ValidationError("a trial without a test says nothing; give a test scale")

    def run(self, name: str) -> Run:
        """Return the trial as a run of a sweep."""
        plain = json.loads(json.dumps(asdict(self)))
        return Run(name=name, config={"task": TASK, **plain})


def trial_of(run: Run) -> Trial:
    """Return the trial that a run of a sweep stands for.

    Raises
    ------
    FormatError
        If it stands for none.
    """
    values = dict(run.config)
    try:
        if values.pop("task") != TASK:
            raise TypeError(f"task is not {TASK}")
        config: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in values["config"].items()
        }
        return Trial(**{**values, "config": TrainConfig(**config)})
    except (KeyError, TypeError, AttributeError, ValidationError) as error:
        raise FormatError(f"run {run.name}: not a trial: {error}") from error


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a trial gave.

    Attributes
    ----------
    accuracies : mapping of str to float
        Share of the test recordings that were right, by time scale, after the last epoch.
    n_test : int
    train_curve, test_curve : tuple of float
        Accuracy after every epoch: of training while weights moved, and of the test.
    variances : tuple of tuple of float
        Variance of every layer's membrane time constants [steps^2] before training, then after
        every epoch.
    before, after : tuple of mapping
        Time constants ``mem`` and ``syn`` of every layer [ms], before and after training.
    seconds, cpu_seconds : float
        Wall clock, and of the processor.
    failed : str
        Why there is no result; training went astray.
    """

    accuracies: Mapping[str, float]
    n_test: int
    train_curve: tuple[float, ...]
    test_curve: tuple[float, ...]
    variances: tuple[tuple[float, ...], ...]
    before: tuple[Mapping[str, list[float]], ...]
    after: tuple[Mapping[str, list[float]], ...]
    seconds: float
    cpu_seconds: float
    failed: str = ""

    def accuracy(self, scale: float = 1.0) -> float:
        """Return the test accuracy at a time scale; NaN of a run that failed."""
        return float("nan") if self.failed else self.accuracies[scale_name(scale)]

    def hidden_taus(self, kind: str, when: str = "after") -> Float:
        """Return the time constants of all hidden layers together, (n,) [ms]."""
        layers = self.after if when == "after" else self.before
        return np.concatenate([np.array(layer[kind]) for layer in layers[:-1]])


def outcome_of(name: str, result: Mapping[str, Any]) -> Outcome:
    """Return the outcome that plain values hold.

    Raises
    ------
    FormatError
        If they hold none.
    """
    known = {field.name for field in fields(Outcome)}
    if set(result) != known:
        odd = sorted(known.symmetric_difference(result))
        raise FormatError(f"run {name}: its result has other fields than an outcome: {odd}")
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in result.items()}
    return Outcome(**values)


def scale_name(scale: float) -> str:
    """Write a time scale as a key."""
    return f"{scale:g}"
