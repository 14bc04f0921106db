"""Accuracies over dies: a table, JSON and a picture."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.markup import escape
from rich.table import Table

from hetlava.arrays import Float
from hetlava.files import replacing
from hetlava.hardware.yields import PERCENTILES, YieldStatistics, statistics
from hetlava.parity import Interval
from hetlava.recording import Recording
from hetlava.report.canvas import BLUE, GREY, INK, ORANGE, new_figure
from hetlava.report.tables import interval, table


@dataclass(frozen=True)
class YieldRow:
    """A network's name, its accuracies on dies (n_dies,) [%], and in floats and on no die [%]."""

    name: str
    accuracies: Float
    float_accuracy: float
    seeds: tuple[int, ...]


def yield_table(rows: Sequence[YieldRow], bound: float, title: str) -> Table:
    """Return a row per network: accuracy in floats, percentiles over dies, share above a bound."""
    percentiles = [f"{p} %" for p in PERCENTILES]
    columns = ["network", "float", "dies", "worst", *percentiles, "best", "mean", f">={bound:g}"]
    lines = []
    for row in rows:
        s = statistics(row.accuracies, bound)
        numbers = (s.low, *s.percentiles, s.high, s.mean, s.above)
        cells = (escape(row.name), f"{row.float_accuracy:.1f}", s.n_dies)
        lines.append((*cells, *(f"{x:.1f}" for x in numbers)))
    return table(title, columns, lines)


def die_tables(recording: Recording, accuracy: Interval) -> list[Table]:
    """Return what a run on a die gave, spikes per layer, and what it says of the die."""
    n = recording.scores.shape[0]
    layers = [
        (escape(name), e.n_neurons, f"{e.n_events / n:.1f}")
        for name, e in zip(recording.names, recording.spikes, strict=True)
    ]
    row = (
        n,
        interval(accuracy),
        f"{float(np.mean(recording.synops)):.0f}",
        f"{1e3 * recording.seconds / n:.3f}",
    )
    columns = ("samples", "accuracy % [95 %]", "synops/sample", "ms/sample")
    return [
        table(f"{recording.target} ({recording.provenance})", columns, [row]),
        table("Spikes", ("layer", "neurons", "spikes/sample"), layers),
        table(
            "The die",
            ("what", "value"),
            [(k, escape(str(v))) for k, v in recording.details.items()],
        ),
    ]


def write_yield(path: Path, rows: Sequence[YieldRow], bound: float, run: dict[str, Any]) -> None:
    """Write every die's accuracy and the statistics as JSON."""
    networks = [
        {
            "name": row.name,
            "float_accuracy": row.float_accuracy,
            "statistics": _plain(statistics(row.accuracies, bound)),
            "dies": dict(zip(map(str, row.seeds), row.accuracies.tolist(), strict=True)),
        }
        for row in rows
    ]
    content = {"bound": bound, "run": run, "networks": networks}
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n")


def _plain(s: YieldStatistics) -> dict[str, Any]:
    percentiles = dict(zip(map(str, PERCENTILES), s.percentiles, strict=True))
    return {**s._asdict(), "percentiles": percentiles}


def draw_yield(path: Path, rows: Sequence[YieldRow], bound: float, title: str) -> None:
    """Draw the share of dies that reach an accuracy, a curve per network.

    Raises
    ------
    MissingPackageError
        If matplotlib is not installed.
    """
    figure = new_figure(8, 4.5)
    axes: Any = figure.subplots()
    low = min(float(row.accuracies.min()) for row in rows)
    for k, row in enumerate(rows):
        colour, style = (BLUE, ORANGE, INK, GREY)[k % 4], ("-", "--", ":")[k // 4 % 3]
        _curve(axes, row, colour, style)
    axes.axvline(bound, color=GREY, lw=0.8)
    axes.annotate(f"{bound:g} %", (bound, 101), ha="center", va="bottom", color=GREY, fontsize=8)
    axes.set(xlabel="accuracy [%]", ylabel="dies that reach it [%]", ylim=(0, 100))
    axes.set_xlim(max(0.0, low - 3), 101)
    axes.set_title(title, pad=16)
    axes.legend(frameon=False, loc="lower left", title="dots: median die; triangles: in floats")
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=110)


def _curve(axes: Any, row: YieldRow, colour: str, style: str) -> None:
    # a die of accuracy x counts for every accuracy up to x
    x = np.sort(row.accuracies)
    share = 100 * np.arange(x.size, 0, -1) / x.size
    steps = np.concatenate([[0.0], x]), np.concatenate([[100.0], share])
    label = f"{row.name}: median {np.median(x):.1f} %"
    axes.step(*steps, where="pre", color=colour, ls=style, label=label)
    axes.plot([x[-1], x[-1]], [share[-1], 0], color=colour, ls=style)
    axes.plot(np.median(x), 50, "o", color=colour)
    axes.plot(row.float_accuracy, 2, "^", color=colour, clip_on=False)
