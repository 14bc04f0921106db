"""Accuracy of the trained presets over seeds, beside their mean-matched homogeneous networks.

``python benchmarks/accuracy.py nmnist --seeds 3`` trains the preset as it is, with the time
constants of the same means for all neurons, and (``--fixed``) both without learning them.
"""

import json
import time
from pathlib import Path
from statistics import mean, stdev
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from hetlava.datasets import load
from hetlava.heterogeneity import parse
from hetlava.train.config import TrainConfig, config_for
from hetlava.train.fit import fit
from hetlava.units import format_time


def matched(tau: str) -> str:
    """Return the constant distribution of the same mean."""
    return f"constant:{format_time(parse(tau).mean)}"


def rows(dataset: str, fixed: bool) -> dict[str, dict[str, str]]:
    """Return what each row of the table asks for beside the preset."""
    preset = config_for(dataset)
    flat = {"tau_mem": matched(preset.tau_mem), "tau_syn": matched(preset.tau_syn)}
    asked = {"heterogeneous, learned": {}, "mean-matched homogeneous, learned": flat}
    if fixed:
        asked |= {
            f"{name.split(',')[0]}, fixed": {**fields, "learn_tau": "none"}
            for name, fields in list(asked.items())
        }
    return asked


def measure(config: TrainConfig) -> tuple[float, float]:
    """Return the test accuracy [%] after the last epoch and the CPU time of the training [s]."""
    sets = load(config.dataset, "train"), load(config.dataset, "test")
    last = []
    start = time.process_time()
    fit(config, *sets, on_epoch=lambda m: last.append(m.test_accuracy))
    return 100 * last[-1], time.process_time() - start


def main(
    dataset: Annotated[str, typer.Argument(help="digits or nmnist.")],
    seeds: int = 3,
    fixed: Annotated[bool, typer.Option("--fixed", help="Rows without learned taus too.")] = False,
    out: Annotated[Path | None, typer.Option("--json", help="Write the figures.")] = None,
) -> None:
    """Train every row with every seed and print accuracies and CPU times."""
    figures = {}
    table = Table("network", "test accuracy %", "mean", "sd", "CPU s a seed", title=dataset)
    for name, asked in rows(dataset, fixed).items():
        runs = []
        for seed in range(seeds):
            runs.append(measure(config_for(dataset, seed=seed, **asked)))
            print(f"{name}, seed {seed}: {runs[-1][0]:.1f} %, {runs[-1][1]:.0f} s", flush=True)
        accuracies, seconds = zip(*runs, strict=True)
        figures[name] = {"accuracy": accuracies, "cpu_seconds": seconds}
        spread = stdev(accuracies) if seeds > 1 else 0.0
        each = " ".join(f"{a:.1f}" for a in accuracies)
        table.add_row(
            name, each, f"{mean(accuracies):.1f}", f"{spread:.1f}", f"{mean(seconds):.0f}"
        )
    Console().print(table)
    if out is not None:
        out.write_text(json.dumps({"dataset": dataset, "rows": figures}, indent=1) + "\n")


if __name__ == "__main__":
    typer.run(main)
