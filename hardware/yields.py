"""Accuracy over many dies: who runs them, what is kept of each, and what the distribution says."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from hetlava.arrays import Float, Int64
from hetlava.errors import DataError, FormatError, ValidationError
from hetlava.events import Events
from hetlava.executor import map_over
from hetlava.files import replacing
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


class YieldLog:
    """Finished dies on disk, a line of JSON each, so that a run that was stopped goes on.

    Parameters
    ----------
    path : Path
    fingerprint : str
        Of all that the accuracies depend on, see :func:`fingerprint`.

    Raises
    ------
    ValidationError
        If the file is of another run.
    DataError, FormatError
        If it cannot be read or written, or is no such file.
    """

    def __init__(self, path: Path, fingerprint: str) -> None:
        self.path = path
        self.done = _read(path, fingerprint) if path.exists() else ()
        if not path.parent.is_dir():
            raise DataError(f"{path}: the folder {path.parent} does not exist; make it first")
        lines = [{"run": fingerprint}, *(o._asdict() for o in self.done)]
        # written anew: the line that a killed run left half-written goes
        with replacing(path) as temporary:
            temporary.write_text("".join(json.dumps(line) + "\n" for line in lines))

    def add(self, outcome: Outcome) -> None:
        """Append a finished die."""
        try:
            with self.path.open("a") as file:
                file.write(json.dumps(outcome._asdict()) + "\n")
        except OSError as error:
            raise DataError(f"{self.path}: cannot be written: {error.strerror}") from error


def _read(path: Path, fingerprint: str) -> tuple[Outcome, ...]:
    try:
        lines = path.read_text().splitlines()
        head: Any = json.loads(lines[0])["run"]
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (ValueError, LookupError, TypeError) as error:
        raise FormatError(f"{path}: is no log of dies; give another name") from error
    if head != fingerprint:
        raise ValidationError(
            f"{path}: is of another run: other networks, data, dies or seed; give another name, "
            "or remove it"
        )
    done = []
    for line in lines[1:]:
        try:
            values = json.loads(line)
            done.append(
                Outcome(int(values["network"]), int(values["chip_seed"]), float(values["accuracy"]))
            )
        except (ValueError, LookupError, TypeError):
            continue  # the line that a killed run left half-written
    return tuple(done)


def fingerprint(networks: Sequence[Network], inputs: Events, labels: Int64, dies: Dies) -> str:
    """Return a hash of all that accuracies depend on but the number of dies."""
    digest = hashlib.sha256()
    mismatch = dies.found()
    for part in (dies.target, dies.seed, *((n, getattr(mismatch, n)) for n in mismatch.limits())):
        digest.update(repr(part).encode())
    for net in networks:
        digest.update(repr((net.dt, net.output, net.readout, net.discretisation)).encode())
        for p in net.populations:
            for f in fields(p.neurons):
                digest.update(np.asarray(getattr(p.neurons, f.name)).tobytes())
        for q in net.projections:
            digest.update(f"{q.source} {q.target}".encode() + q.weights.tobytes())
    digest.update(inputs.indptr.tobytes() + inputs.index.tobytes() + labels.tobytes())
    return digest.hexdigest()
