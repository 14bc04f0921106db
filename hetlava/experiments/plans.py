"""How an experiment is planned: rows of trials, and the sheets that they become."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Literal, Protocol, get_args

from hetlava.errors import ValidationError
from hetlava.experiments.trials import Outcome, Trial

Scale = Literal["small", "paper"]
SEEDS: Mapping[Scale, int] = MappingProxyType({"small": 3, "paper": 10})
Outcomes = Mapping[Trial, Outcome]


@dataclass(frozen=True, kw_only=True)
class Options:
    """What is asked of an experiment.

    Attributes
    ----------
    dataset : str
    scale : str
        ``small``: minutes on two cores; ``paper``: the published size, for a GPU.
    seeds : int
        0, 1, .. of this number.
    parts : tuple of str
        Those wanted of the experiment's.
    device : str
    epochs : int, optional
        In place of those of the scale.
    """

    dataset: str
    scale: Scale = "small"
    seeds: int = 3
    parts: tuple[str, ...] = ()
    device: str = "cpu"
    epochs: int | None = None

    def __post_init__(self) -> None:
        if self.scale not in get_args(Scale):
            raise ValidationError(f"scale is {self.scale!r}, expected {' or '.join(SEEDS)}")
        if not 1 <= self.seeds <= 1000:
            raise ValidationError(f"seeds is {self.seeds}, expected 1 to 1000")
        if self.epochs is not None and self.epochs < 1:
            raise ValidationError(f"epochs is {self.epochs}, expected at least 1")


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row of a part's table: one trial per seed.

    Attributes
    ----------
    part, label : str
    trials : tuple of Trial
    published : str
        What the paper printed in this place, if anything.
    """

    part: str
    label: str
    trials: tuple[Trial, ...]
    published: str = ""


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """A table in plain text, and what must be said of it."""

    title: str
    columns: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()


Draw = Callable[[Any], None]  # on a figure of matplotlib


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A figure: its name, its size [inch] and what draws it."""

    name: str
    size: tuple[float, float]
    draw: Draw


class Experiment(Protocol):
    """What the module of an experiment holds.

    ``plan`` gives the rows that can be known from the outcomes so far: it is asked again until it
    names no trial that has not been run. The first of ``DATASETS`` is the default.
    """

    DATASETS: tuple[str, ...]
    PARTS: tuple[str, ...]

    def plan(self, options: Options, outcomes: Outcomes) -> list[Row]: ...

    def sheets(self, options: Options, rows: Sequence[Row], outcomes: Outcomes) -> list[Sheet]: ...

    def pictures(
        self, options: Options, rows: Sequence[Row], outcomes: Outcomes
    ) -> list[Picture]: ...


def seeded(base: Trial, n_seeds: int, **changes: Any) -> tuple[Trial, ...]:
    """Return a trial per seed, with changes of its configuration."""
    return tuple(
        replace(base, config=replace(base.config, seed=seed, **changes)) for seed in range(n_seeds)
    )


def of_part(rows: Sequence[Row], part: str) -> list[Row]:
    """Return the rows of a part."""
    return [row for row in rows if row.part == part]
