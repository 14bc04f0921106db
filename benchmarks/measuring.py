"""What the benchmarks share: systems timed in turn, the machine, results on disk and as tables."""

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

from hetlava.events import Events, from_coordinates
from hetlava.worker_pools import threads_each

HERE = Path(__file__).parent
RESULTS = HERE / "results"
TURN = 0.1  # [s] that a system is timed in a round, about
MOST_CALLS = 128  # in a turn: their samples are in memory at once


class System(NamedTuple):
    """What is timed, and what turns events into its own input beforehand, untimed."""

    name: str
    call: Callable[[Any], Any]
    read: Callable[[Events], Any] = lambda inputs: inputs
    batch: int = 1
    threads: int = 1


class Timed(NamedTuple):
    """Seconds per sample: the median, and the first and the third quartile."""

    median: float
    low: float
    high: float


def options(description: str) -> argparse.Namespace:
    """Read the options that every benchmark has."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="fewer rounds and smaller networks")
    parser.add_argument("--rounds", type=int, help="rounds after the one that warms up")
    parser.add_argument("--json", type=Path, help="where the results go too")
    found = parser.parse_args()
    found.rounds = found.rounds or (3 if found.quick else 7)
    return found


def random_events(
    rng: np.random.Generator, n_steps: int, n_samples: int, n_neurons: int, rate: float
) -> Events:
    """Draw spikes of every neuron at every step with the same probability, without a dense array.

    A spike that is drawn twice counts once, so that the rate is a little below at high rates;
    above 5 % the spikes are drawn exactly.
    """
    size = n_steps * n_samples * n_neurons
    if rate > 0.05:
        places = np.flatnonzero(rng.random(size, dtype=np.float32) < rate)
    else:
        places = rng.integers(0, size, rng.binomial(size, rate))
    row, neuron = np.divmod(places, n_neurons)
    sample, step = np.divmod(row, n_steps)
    return from_coordinates(
        sample, step, neuron, n_samples=n_samples, n_steps=n_steps, n_neurons=n_neurons
    )


def in_turn(
    systems: Sequence[System], draw: Callable[[int], Events], rounds: int
) -> dict[int, Timed]:
    """Time every system in every round, so that a busy moment hits all of them.

    Each call gets samples that no call has seen: ``draw(batch)``.
    """
    times: dict[int, list[float]] = {k: [] for k in range(len(systems))}
    calls = [_calls(system, draw) for system in systems]  # which warms up
    for _ in range(rounds):
        for k, system in enumerate(systems):
            times[k].append(_turn(system, draw, calls[k]) / system.batch)
    return {k: Timed(median(v), *np.quantile(v, [0.25, 0.75])) for k, v in times.items()}


def _calls(system: System, draw: Callable[[int], Events]) -> int:
    """Return how many calls, a power of two, take about as long as a turn should."""
    calls = 1
    while calls < MOST_CALLS and calls * _turn(system, draw, calls) < TURN / 2:
        calls *= 2
    return calls


def _turn(system: System, draw: Callable[[int], Events], calls: int) -> float:
    """Return the mean seconds of calls one after the other.

    All samples are drawn and read beforehand: in between, that would empty the caches of a system
    that is done in a millisecond, and of no other.
    """
    use_torch_threads(system.threads)
    inputs = [system.read(draw(system.batch)) for _ in range(calls)]
    start = time.perf_counter()
    for each in inputs:
        system.call(each)
    return (time.perf_counter() - start) / calls


def use_torch_threads(threads: int) -> None:
    """Let torch, if it is loaded, use so many threads."""
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(threads)


def machine() -> dict[str, Any]:
    """Say what it ran on."""
    return {
        "processor": _processor(),
        "cores": threads_each(1),
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 1),
        "versions": _versions("numpy", "numba", "torch", "lava-nc", "lava-dl", "norse", "snntorch",
                              "spikingjelly"),
    }  # fmt: skip


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _versions(*names: str) -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def save(name: str, rows: Any, extra: Path | None = None) -> None:
    """Write ``results/NAME.json``, and another file if one is asked for."""
    text = json.dumps({"machine": machine(), "rows": rows}, indent=1) + "\n"
    RESULTS.mkdir(exist_ok=True)
    for path in filter(None, (RESULTS / f"{name}.json", extra)):
        path.write_text(text)


def load(name: str) -> dict[str, Any]:
    """Read what ``save`` wrote."""
    found: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text())
    return found


def show(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table, the first column to the left."""
    table = Table(title=title, title_justify="left", caption=f"load {os.getloadavg()[0]:.1f}")
    for k, column in enumerate(columns):
        table.add_column(column, justify="left" if k == 0 else "right")
    for row in rows:
        table.add_row(*map(str, row))
    Console(width=120).print(table)


def exponent(x: Sequence[float], y: Sequence[float]) -> float:
    """Return b of the least-squares fit log y = a + b log x."""
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


def each(rows: Sequence[dict[str, Any]], key: str) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Yield rows by the value of a key, in the order of their first appearance."""
    for value in dict.fromkeys(row[key] for row in rows):
        yield value, [row for row in rows if row[key] == value]
