"""Accuracy over many dies: who runs them, and what the distribution says."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from hetlava.arrays import Float, Int64
from hetlava.errors import ValidationError
from hetlava.events import Events
from hetlava.executor import map_over
from hetlava.hardware.bss2_sim import bss2_target
from hetlava.hardware.dynapse2_like import dynapse2_target
from hetlava.hardware.interface import Target
from hetlava.hardware.mismatch import Mismatch
from hetlava.hardware.mismatch_presets import find_mismatch
from hetlava.network import Network

MAKERS: Mapping[str, Callable[[int, Mismatch | None], Target]] = MappingProxyType(
    {"bss2-sim": bss2_target, "dynapse2-like": dynapse2_target}
)
DEFAULT_MISMATCH: Mapping[str, str] = MappingProxyType(
    {"bss2-sim": "bss2-calibrated", "dynapse2-like": "dynapse2-like"}
)
PERCENTILES = (5, 25, 50, 75, 95)


@dataclass(frozen=True, kw_only=True)
class Dies:
    """Which dies, and how each is run.

    Attributes
    ----------
    target : str
        ``bss2-sim`` or ``dynapse2-like``.
    mismatch : str
        A preset or a TOML file; empty for the target's own.
    changes : tuple of str
        Numbers of it to change, as ``tau_mem=0.2``.
    first, count : int
        Chip seeds ``first .. first + count - 1``.
    seed : int
        Of the noise of a trial.
    """

    target: str = "bss2-sim"
    mismatch: str = ""
    changes: tuple[str, ...] = ()
    first: int = 0
    count: int = 100
    seed: int = 0

    def __post_init__(self) -> None:
        if self.target not in MAKERS:
            raise ValidationError(
                f"target {self.target!r} has no virtual dies; those that have: {', '.join(MAKERS)}"
            )
        for name, least in (("first", 0), ("count", 1), ("seed", 0)):
            if getattr(self, name) < least:
                raise ValidationError(
                    f"dies: {name} is {getattr(self, name)}, expected at least {least}"
                )
        self.found()

    def found(self) -> Mismatch:
        """Return the mismatch that the dies are drawn from."""
        return find_mismatch(self.mismatch or DEFAULT_MISMATCH[self.target], self.changes)

    def at(self, chip_seed: int) -> Target:
        """Return the target of one die."""
        return MAKERS[self.target](chip_seed, self.found())

    @property
    def seeds(self) -> range:
        """The chips' seeds."""
        return range(self.first, self.first + self.count)


class Task(NamedTuple):
    """A die and the number of the network that it runs."""

    network: int
    chip_seed: int


class Outcome(NamedTuple):
    """Share of samples whose class was right on a die [%]."""

    network: int
    chip_seed: int
    accuracy: float


class _Bench(NamedTuple):
    networks: tuple[Network, ...]
    inputs: Events
    labels: Int64
    dies: Dies


def run_dies(
    networks: Sequence[Network],
    inputs: Events,
    labels: Int64,
    dies: Dies,
    *,
    done: Sequence[Outcome] = (),
    workers: int = 1,
    dask: str | None = None,
) -> Iterator[Outcome]:
    """Yield the accuracy of every network on every die that is not among those done.

    Parameters
    ----------
    networks : sequence of Network
        All of the same step and inputs.
    inputs : Events
    labels : (n_samples,) int64
    workers, dask
        As :func:`hetlava.executor.map_over` takes them.

    Raises
    ------
    ValidationError, UnsupportedError, TargetError
        As the target does.
    """
    finished = {(o.network, o.chip_seed) for o in done}
    tasks = [Task(k, s) for k in range(len(networks)) for s in dies.seeds]
    left = [task for task in tasks if task not in finished]
    bench = _Bench(tuple(networks), inputs, labels, dies)
    return map_over(_run_die, left, setup=partial(_itself, bench), workers=workers, dask=dask)


def _itself(bench: _Bench) -> _Bench:
    return bench


def _run_die(bench: _Bench, task: Task) -> Outcome:
    target = bench.dies.at(task.chip_seed)
    recording = target.run(bench.networks[task.network], bench.inputs, seed=bench.dies.seed)
    right = float(np.mean(recording.predictions == bench.labels))
    return Outcome(task.network, task.chip_seed, 100 * right)


class YieldStatistics(NamedTuple):
    """What the accuracies over dies [%] amount to.

    ``percentiles`` are those of :data:`PERCENTILES`; ``above`` is the share [%] of dies at or above
    the bound.
    """

    n_dies: int
    mean: float
    low: float
    high: float
    percentiles: tuple[float, ...]
    above: float


def statistics(accuracies: Float, bound: float) -> YieldStatistics:
    """Return the statistics of accuracies (n_dies,) [%]."""
    if accuracies.size < 1:
        raise ValidationError("no dies to take statistics of")
    return YieldStatistics(
        n_dies=accuracies.size,
        mean=float(accuracies.mean()),
        low=float(accuracies.min()),
        high=float(accuracies.max()),
        percentiles=tuple(float(x) for x in np.percentile(accuracies, PERCENTILES)),
        above=100 * float(np.mean(accuracies >= bound)),
    )
