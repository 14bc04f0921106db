"""Draws the results of each benchmark as a small SVG beside them."""

from collections.abc import Callable
from typing import Any

import matplotlib
import numpy as np
from inference import LAVA, OURS
from measuring import RESULTS, each

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.ticker import NullFormatter

# text stays text, and equal results give equal bytes
plt.rcParams |= {"svg.fonttype": "none", "svg.hashsalt": "hetlava", "font.size": 9}
PLAIN, STRONG = "#8fa3b5", "#c8553d"
PER_ONE = {
    "dense": "dense 8-bit synapse, made ready",
    "listed": "listed synapse, made ready",
    "neuron": "neuron, made ready",
    "running": "neuron, at the peak of a run",
}
PEAKS = {"idle": "before any network", "peak": "2312-512-512-10 on 32 samples"}


def _log_bars(ax: Any, at: Any, values: list[float], left: float, **options: Any) -> None:
    """Draw bars from the end of a logarithmic axis on: not every viewer cuts longer ones off."""
    ax.set_xscale("log")
    ax.barh(at, [value - left for value in values], left=left, **options)


def inference(rows: list[dict[str, Any]]) -> Any:
    """Draw the time per sample of every system, the fastest of its threads, a panel a network."""
    cases = list(each(rows, "case"))
    figure, axes = plt.subplots(1, len(cases), figsize=(3.3 * len(cases), 3.4), squeeze=False)
    for ax, (name, own) in zip(axes[0], cases, strict=True):
        batch = max(r["batch"] for r in own)
        best = {
            system: min(
                (r for r in runs if r["batch"] == batch or system == LAVA),
                key=lambda r: r["median"],
            )
            for system, runs in each(own, "system")
        }
        names = list(best)[::-1]
        values = [1e3 * best[n]["median"] for n in names]
        left = min(values) / 2
        colours = [STRONG if n == OURS else PLAIN for n in names]
        _log_bars(ax, np.arange(len(names)), values, left, color=colours)
        for k, value in enumerate(values):
            text = f" {value:,.0f}" if value >= 100 else f" {value:.3g}"
            ax.annotate(text, (value, k), va="center", fontsize=8)
        short = [n.split(",")[0].replace(" (without the delays)", "*") for n in names]
        ax.set_yticks(range(len(names)), short)
        ax.set_xlim(left, max(values) * 12)
        ax.set_xlabel(f"ms per sample, batch {batch}")
        ax.set_title(name, fontsize=9)
        ax.spines[["top", "right"]].set_visible(False)
    return figure


def scaling(rows: list[dict[str, Any]]) -> Any:
    """Draw the time of a step along every axis, with the fitted line."""
    figure, axes = plt.subplots(1, len(rows), figsize=(3.1 * len(rows), 3.0))
    for ax, axis in zip(axes, rows, strict=True):
        x = np.array([p["x"] for p in axis["points"]])
        y = np.array([1e6 * p["seconds"] for p in axis["points"]])
        fitted = x >= axis["fitted_from"]
        slope, start = np.polyfit(np.log(x[fitted]), np.log(y[fitted]), 1)
        ax.loglog(x, y, "o", color=STRONG, markersize=4)
        label = f"exponent {slope:.2f}"
        ax.loglog(x[fitted], np.exp(start) * x[fitted] ** slope, color=PLAIN, label=label)
        ax.set_xlabel(axis["axis"])
        ax.set_ylabel("us per sample")
        ax.set_title(axis["name"], fontsize=9)
        for side in (ax.xaxis, ax.yaxis):  # a short axis would label the ticks between powers
            side.set_minor_formatter(NullFormatter())
        ax.legend(frameon=False, fontsize=8)
        ax.spines[["top", "right"]].set_visible(False)
    return figure


def limits(rows: dict[str, Any]) -> Any:
    """Draw the limit of every network beside the time that it took."""
    own = rows["cases"][::-1]
    figure, ax = plt.subplots(figsize=(6.4, 2.6))
    at = np.arange(len(own))
    took, least = ([1e3 * r[name] for r in own] for name in ("seconds", "limit"))
    left = min(least) / 2
    _log_bars(ax, at + 0.2, took, left, height=0.38, color=STRONG, label="took")
    _log_bars(ax, at - 0.2, least, left, height=0.38, color=PLAIN, label="memory's limit")
    for k, r in enumerate(own):
        text = f" {100 * r['fraction']:.0f} %"
        ax.annotate(text, (1e3 * r["seconds"], k + 0.2), va="center", fontsize=8)
    ax.set_yticks(at, [r["case"] for r in own])
    ax.set_xlim(left, 3 * max(took))
    ax.set_xlabel("ms per sample, one thread")
    ax.legend(frameon=False, fontsize=8, loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2)
    ax.spines[["top", "right"]].set_visible(False)
    return figure


def startup(rows: dict[str, Any]) -> Any:
    """Draw how long it takes to start, and how much memory what takes."""
    times = [(r["what"], r["seconds"], f" {r['seconds']:.2f}") for r in rows["times"]]
    found, mb = rows["memory"], 1e6
    sizes = [(what, found[name], f" {found[name]:.2f}") for name, what in PER_ONE.items()]
    peaks = [(what, found[name] / mb, f" {found[name] / mb:.0f}") for name, what in PEAKS.items()]
    panels = (("s", times), ("bytes of each", sizes), ("MB of a process", peaks))
    heights = [len(own) for _, own in panels]
    figure, axes = plt.subplots(3, figsize=(6.4, 2.0 + 0.25 * sum(heights)), height_ratios=heights)
    for ax, (unit, own) in zip(axes, panels, strict=True):
        names, values, texts = zip(*own[::-1], strict=True)
        ax.barh(range(len(own)), values, color=STRONG)
        for k, (value, text) in enumerate(zip(values, texts, strict=True)):
            ax.annotate(text, (value, k), va="center", fontsize=8)
        ax.set_yticks(range(len(own)), names)
        ax.set_xlabel(unit)
        ax.set_xlim(0, 1.15 * max(values))
        ax.spines[["top", "right"]].set_visible(False)
    return figure


DRAWN: dict[str, Callable[[Any], Any]] = {
    "inference": inference,
    "scaling": scaling,
    "limits": limits,
    "startup": startup,
}


def draw(name: str, rows: Any) -> None:
    """Draw the results of a benchmark into ``results/NAME.svg``."""
    figure = DRAWN[name](rows)
    figure.tight_layout(pad=1.5, w_pad=2.5)
    figure.savefig(RESULTS / f"{name}.svg", metadata={"Date": None})
    plt.close(figure)
