"""Histograms of the neurons' parameters before and after training."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hetlava.arrays import Float
from hetlava.errors import ValidationError
from hetlava.files import replacing
from hetlava.network import Population
from hetlava.report.canvas import BLUE, GREY, new_figure
from hetlava.report.taus import TAUS, VOLTS, before_and_after

BINS = (8, 30)  # at least and at most; between, by the neurons that there are
LABELS = {
    "tau_mem": "membrane time constant [ms]",
    "tau_syn": "synaptic time constant [ms]",
    "v_threshold": "threshold [V]",
    "v_leak": "resting potential [V]",
    "v_reset": "reset potential [V]",
}


def draw_parameters(path: Path, before: Sequence[Population], after: Sequence[Population]) -> None:
    """Draw a histogram of every parameter that varies, a row for each, a column for each layer.

    Raises
    ------
    ValidationError
        If nothing varies.
    MissingPackageError
        If matplotlib is not installed.
    """
    found = {name: before_and_after(before, after, name) for name in (*TAUS, *VOLTS)}
    shown = {name: values for name, values in found.items() if values}
    if not shown:
        raise ValidationError("no parameter of the neurons varies or was learned: nothing to draw")
    figure = new_figure(3.4 * len(before), 2.4 * len(shown))
    axes = figure.subplots(len(shown), len(before), squeeze=False)
    for row, (name, values) in zip(axes, shown.items(), strict=True):
        for axis, population in zip(row, before, strict=True):
            if population.name not in values:
                axis.set_axis_off()
                continue
            _histogram(axis, *values[population.name], logarithmic=name in TAUS)
            axis.set(xlabel=LABELS[name], ylabel="neurons")
            axis.set_title(population.name)
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=110)


def _histogram(axis: Any, before: Float, after: Float, *, logarithmic: bool) -> None:
    scale = 1e3 if logarithmic else 1.0
    both = np.concatenate([before, after]) * scale
    low, high = float(both.min()), float(both.max())
    n_bins = int(np.clip(2 * np.sqrt(before.size), *BINS))
    if logarithmic:
        bins = np.geomspace(low * 0.95, high * 1.05, n_bins + 1)
        axis.set_xscale("log")
        ticks = [m * 10.0**e for e in range(-2, 5) for m in (1, 2, 5)]
        inside = [t for t in ticks if bins[0] <= t <= bins[-1]]
        axis.set_xticks(inside, [f"{t:g}" for t in inside])
        axis.minorticks_off()
    else:
        margin = 0.05 * (high - low) or 0.05
        bins = np.linspace(low - margin, high + margin, n_bins + 1)
    for values, style in (
        (before, {"color": GREY}),
        (after, {"histtype": "step", "color": BLUE, "lw": 1.5}),
    ):
        when = "before" if values is before else "after"
        label = f"{when}: mean {np.mean(values) * scale:.3g}, sd {np.std(values) * scale:.2g}"
        axis.hist(values * scale, bins, label=label, **style)
    axis.yaxis.get_major_locator().set_params(integer=True)
    axis.set_ylim(0, axis.get_ylim()[1] * 1.45)  # room for the legend above the bars
    axis.legend(frameon=False, loc="upper left", fontsize="small")
