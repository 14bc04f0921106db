"""The folder of an experiment: ``results.json``, ``table.md`` and figures."""

import json
import platform
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from hetlava.experiments.experiment import Results
from hetlava.experiments.plans import Experiment, Sheet
from hetlava.experiments.trials import Outcome
from hetlava.files import replacing
from hetlava.report.canvas import new_figure

FORMAT = "hetlava.experiment"
VERSION = 1
QUANTILES = (0.05, 0.5, 0.95)
DPI = 110


def write_results(folder: Path, name: str, experiment: Experiment, results: Results) -> list[Sheet]:
    """Write everything that came of an experiment and return its tables.

    Raises
    ------
    DataError
        If a file cannot be written.
    MissingPackageError
        If matplotlib is not installed; tables are written before figures.
    """
    sheets = experiment.sheets(*results)
    write_tables(folder, name, results, sheets)
    _draw(folder, experiment, results)
    return sheets


def write_tables(folder: Path, name: str, results: Results, sheets: Sequence[Sheet]) -> None:
    """Write ``results.json`` and ``table.md``.

    Raises
    ------
    DataError
        If a file cannot be written.
    """
    _write(folder / "results.json", json.dumps(_plain(name, results, sheets), indent=1) + "\n")
    cpu = sum(outcome.cpu_seconds for outcome in results.outcomes.values())
    head = (
        f"# {name}\n\n{len(results.outcomes)} runs, {cpu / 60:.1f} minutes of CPU, "
        f"{results.options.seeds} seed(s), scale {results.options.scale}.\n"
    )
    _write(folder / "table.md", "\n".join([head, *map(markdown, sheets)]))


def markdown(sheet: Sheet) -> str:
    """Return a table as Markdown, with its notes below."""
    lines = [f"## {sheet.title}", "", _line(sheet.columns), _line(["---"] * len(sheet.columns))]
    lines += [_line(cells) for cells in sheet.lines]
    return "\n".join([*lines, "", *(f"* {note}" for note in sheet.notes), ""])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def _plain(name: str, results: Results, sheets: Sequence[Sheet]) -> dict[str, Any]:
    options, rows, outcomes = results
    runs = {}
    for row in rows:
        for trial in row.trials:
            run = trial.run(row.label)
            outcome = outcomes[trial]
            runs[run.key] = {"config": run.config, **asdict(outcome), "taus": statistics(outcome)}
    return {
        "format": FORMAT,
        "version": VERSION,
        "experiment": name,
        "options": asdict(options),
        "versions": {"python": platform.python_version(), "torch": version("torch")},
        "rows": [
            {
                "part": row.part,
                "label": row.label,
                "published": row.published,
                "runs": [trial.run(row.label).key for trial in row.trials],
            }
            for row in rows
        ],
        "tables": [asdict(sheet) for sheet in sheets],
        "runs": runs,
    }


def statistics(outcome: Outcome) -> list[dict[str, Any]]:
    """Return mean, standard deviation and quantiles of every layer's time constants [ms]."""
    found = []
    for before, after in zip(outcome.before, outcome.after, strict=True):
        layer = {}
        for when, taus in (("before", before), ("after", after)):
            for kind, values in taus.items():
                q05, q50, q95 = np.quantile(values, QUANTILES)
                layer[f"{kind}_{when}"] = {
                    "n": len(values),
                    "mean": float(np.mean(values)),
                    "sd": float(np.std(values)),
                    "q05": float(q05),
                    "q50": float(q50),
                    "q95": float(q95),
                }
        found.append(layer)
    return found


def _draw(folder: Path, experiment: Experiment, results: Results) -> None:
    for picture in experiment.pictures(*results):
        figure = new_figure(*picture.size)
        picture.draw(figure)
        for kind in ("png", "svg"):
            with replacing(folder / f"{picture.name}.{kind}") as temporary:
                figure.savefig(temporary, format=kind, dpi=DPI)


def _write(path: Path, text: str) -> None:
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
