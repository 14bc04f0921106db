"""The figures of robust learning."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from hetlava.experiments.plans import Outcomes, Picture, Row
from hetlava.experiments.robust_plan import CONFIGURATIONS, TEST_SCALES
from hetlava.experiments.robust_tables import PERCENT, accuracy
from hetlava.report.canvas import BLUE, GREY, INK, ORANGE
from hetlava.report.figures import plain_log_ticks

GREEN, PURPLE = "#2f855a", "#805ad5"
COLOURS = dict(zip(CONFIGURATIONS, (GREY, BLUE, ORANGE, INK), strict=True))


def accuracies(rows: Sequence[Row], outcomes: Outcomes, *, name: str = "accuracies") -> Picture:
    """Draw a line per network: every seed, the mean and its error."""

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        for y, row in enumerate(reversed(rows)):
            seeds = [PERCENT * outcomes[trial].accuracy() for trial in row.trials]
            axes.plot(seeds, np.full(len(seeds), y), "o", color=GREY, ms=4, alpha=0.8)
            mean = accuracy(row, outcomes)
            error = 0 if np.isnan(mean.sem) else mean.sem
            axes.errorbar(mean.value, y, xerr=error, fmt="o", color=_colour(row.label), capsize=4)
        axes.set_yticks(range(len(rows)), [row.label for row in reversed(rows)])
        axes.set(xlabel="test accuracy [%]; seeds, mean and its standard error")
        axes.set_ylim(-0.6, len(rows) - 0.4)
        axes.grid(axis="x", color=GREY, alpha=0.3)

    return Picture(name=name, size=(7.5, 0.45 * len(rows) + 0.7), draw=draw)


def _colour(label: str) -> str:
    return COLOURS.get(label.partition(": ")[0], GREEN)


def tau_histograms(rows: Sequence[Row], outcomes: Outcomes) -> Picture:
    """Draw hidden time constants before and after training, of all seeds together."""
    trained = [row for row in rows if row.label in ("HomHet", "HetHet")]

    def draw(figure: Any) -> None:
        axes = figure.subplots(len(trained), 2, squeeze=False)
        for line, row in zip(axes, trained, strict=True):
            for ax, kind in zip(line, ("mem", "syn"), strict=True):
                _histogram(ax, row, outcomes, kind)
        for ax in axes[-1]:
            ax.set_xlabel("time constant [ms]")

    return Picture(name="taus", size=(9, 2.7 * len(trained) + 0.3), draw=draw)


def _histogram(ax: Any, row: Row, outcomes: Outcomes, kind: str) -> None:
    taus = {
        when: np.concatenate([outcomes[t].hidden_taus(kind, when) for t in row.trials])
        for when in ("before", "after")
    }
    every = np.concatenate(list(taus.values()))
    bins = np.geomspace(every.min() * 0.95, every.max() * 1.05, 31)
    ax.hist(taus["before"], bins, color=GREY, label="before")
    ax.hist(taus["after"], bins, histtype="step", color=ORANGE, lw=1.6, label="after")
    # one bar of a constant would leave the other histogram on the ground
    if np.ptp(taus["before"]) == 0:
        ax.set_ylim(0, 1.25 * np.histogram(taus["after"], bins)[0].max())
    ax.set(xscale="log", title=f"{row.label}: {'membrane' if kind == 'mem' else 'synapse'}")
    plain_log_ticks(ax, every)
    ax.set_ylabel("neurons")
    ax.legend(frameon=False)


def time_scales(rows: Sequence[Row], outcomes: Outcomes) -> Picture:
    """Draw the accuracy over the time scale of the test, a panel per scale of training."""
    panels: dict[str, list[Row]] = {}
    for row in rows:
        panels.setdefault(row.label.partition(", ")[2], []).append(row)

    def draw(figure: Any) -> None:
        axes = figure.subplots(1, len(panels), squeeze=False, sharey=True)[0]
        for ax, (title, inside) in zip(axes, panels.items(), strict=True):
            for row in inside:
                name = row.label.partition(", ")[0]
                means = [accuracy(row, outcomes, s) for s in TEST_SCALES]
                _line(ax, TEST_SCALES, means, name, COLOURS[name])
            ax.set(xscale="log", title=title, xlabel="time scale of the test")
            _ticks(ax, TEST_SCALES)
        axes[0].set_ylabel("test accuracy [%]")
        axes[-1].legend(frameon=False)

    return Picture(name="time_scales", size=(4.2 * len(panels) + 0.6, 3.6), draw=draw)


def _line(ax: Any, x: Sequence[float], means: Sequence[Any], label: str, colour: str) -> None:
    errors = [0 if np.isnan(m.sem) else m.sem for m in means]
    values = [m.value for m in means]
    style = "--" if label.startswith("Hom,") else "-"
    ax.errorbar(x, values, yerr=errors, color=colour, marker="o", ms=4, capsize=3, ls=style,
                label=label)  # fmt: skip


def _ticks(ax: Any, values: Sequence[float]) -> None:
    ax.set_xticks(values, [f"{value:g}" for value in values])
    ax.minorticks_off()


def mistuning(rows: Sequence[Row], outcomes: Outcomes) -> Picture:
    """Draw the accuracy over the factor of mistuning; homogeneous rows are dashed."""
    lines: dict[str, list[tuple[float, Any]]] = {}
    for row in rows:
        name, _, factor = row.label.rpartition(", ")
        lines.setdefault(name, []).append((float(factor[2:]), accuracy(row, outcomes)))
    kinds = [name for name in lines if not name.startswith("Hom,")]
    colours = dict(zip(kinds, (BLUE, PURPLE, ORANGE), strict=True))

    def draw(figure: Any) -> None:
        ax = figure.subplots()
        for name, points in lines.items():
            colour = colours[name.removeprefix("Hom, mean of ")]
            x, means = zip(*points, strict=True)
            _line(ax, x, means, name, colour)
        ax.set(xscale="log", xlabel="factor on the time constants", ylabel="test accuracy [%]")
        ax.set_title("mistuned time constants, weights learn only")
        _ticks(ax, sorted({x for points in lines.values() for x, _ in points}))
        ax.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))

    return Picture(name="mistuning", size=(8, 4), draw=draw)
