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
        ax.barh(range(len(names)), values, color=[STRONG if n == OURS else PLAIN for n in names])
        for k, value in enumerate(values):
            text = f" {value:,.0f}" if value >= 100 else f" {value:.3g}"
            ax.annotate(text, (value, k), va="center", fontsize=8)
        short = [n.split(",")[0].replace(" (without the delays)", "*") for n in names]
        ax.set_yticks(range(len(names)), short)
        ax.set_xscale("log")
        ax.set_xlim(min(values) / 2, max(values) * 12)
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
    ax.barh(at + 0.2, [1e3 * r["seconds"] for r in own], 0.38, color=STRONG, label="took")
    ax.barh(at - 0.2, [1e3 * r["limit"] for r in own], 0.38, color=PLAIN, label="memory's limit")
    for k, r in enumerate(own):
        text = f" {100 * r['fraction']:.0f} %"
        ax.annotate(text, (1e3 * r["seconds"], k + 0.2), va="center", fontsize=8)
    ax.set_yticks(at, [r["case"] for r in own])
    ax.set_xscale("log")
    ax.set_xlim(right=2 * ax.get_xlim()[1])
    ax.set_xlabel("ms per sample, one thread")
    ax.legend(frameon=False, fontsize=8, loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2)
    ax.spines[["top", "right"]].set_visible(False)
    return figure


def startup(rows: dict[str, Any]) -> Any:
    """Draw how long it takes to start."""
    own = rows["times"][::-1]
    figure, ax = plt.subplots(figsize=(6.4, 0.6 + 0.25 * len(own)))
    ax.barh(range(len(own)), [r["seconds"] for r in own], color=STRONG)
    for k, r in enumerate(own):
        ax.annotate(f" {r['seconds']:.2f}", (r["seconds"], k), va="center", fontsize=8)
    ax.set_yticks(range(len(own)), [r["what"] for r in own])
    ax.set_xlabel("s")
    ax.margins(x=0.12)
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
