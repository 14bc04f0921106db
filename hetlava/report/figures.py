"""Pictures: time constants before and after rounding, rasters, the accuracy on every rung."""

from pathlib import Path
from typing import Any

import numpy as np

from hetlava.events import Events
from hetlava.files import replacing
from hetlava.hardware.targets import target_of
from hetlava.network import Network
from hetlava.quantised import QuantisedNetwork
from hetlava.report.canvas import BLUE, GREY, INK, ORANGE, new_figure
from hetlava.report.ladder import Ladder


def draw_ladder(
    path: Path, net: Network, quantised: QuantisedNetwork, inputs: Events, ladder: Ladder
) -> None:
    """Draw time constants, weights, one sample's raster in floats and integers, and accuracies.

    Raises
    ------
    MissingPackageError
        If matplotlib is not installed.
    """
    figure = new_figure(11, 7)
    axes = figure.subplots(2, 2)
    _taus(axes[0, 0], net, target_of(quantised).dequantise(quantised), quantised.chip)
    _accuracies(axes[0, 1], ladder)
    _raster(axes[1, 0], inputs, ladder, sample=0)
    _weights(axes[1, 1], net, quantised)
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=110)


def _taus(axes: Any, net: Network, rounded: Network, chip: str) -> None:
    float_ms, rounded_ms = (
        np.concatenate([p.neurons.tau_mem for p in which.populations]) * 1e3
        for which in (net, rounded)
    )
    bins = np.geomspace(float_ms.min() * 0.95, float_ms.max() * 1.05, 31)
    axes.hist(float_ms, bins, color=GREY, label="trained (float)")
    label = f"rounded for {chip}"
    axes.hist(rounded_ms, bins, histtype="step", color=BLUE, lw=1.5, label=label)
    axes.set(xscale="log", xlabel="membrane time constant [ms]", ylabel="neurons")
    axes.set_title(f"{np.unique(rounded_ms).size} distinct decays, {rounded_ms.size} neurons")
    plain_log_ticks(axes, float_ms)
    axes.set_ylim(0, axes.get_ylim()[1] * 1.25)  # room for the legend above the bars
    axes.legend(frameon=False, loc="upper left")


def plain_log_ticks(axes: Any, values: Any) -> None:
    """Label a log axis with plain numbers at 1, 2, 5 of every decade."""
    low, high = float(values.min()), float(values.max())
    ticks = [m * 10.0**e for e in range(-2, 5) for m in (1, 2, 5)]
    shown = [t for t in ticks if low * 0.9 <= t <= high * 1.1]
    axes.set_xticks(shown, [f"{t:g}" for t in shown])
    axes.minorticks_off()


def _accuracies(axes: Any, ladder: Ladder) -> None:
    first = ladder.rungs[0]
    names = [first.reference, *(p.candidate for p in ladder.rungs)]
    values = [first.reference_accuracy, *(p.accuracy for p in ladder.rungs)]
    y = np.arange(len(names))[::-1]
    middle = np.array([v.value for v in values])
    spread = np.array([[v.value - v.low for v in values], [v.high - v.value for v in values]])
    axes.errorbar(middle, y, xerr=spread, fmt="o", color=BLUE, ecolor=GREY, capsize=3)
    for value, height in zip(middle, y, strict=True):
        axes.annotate(
            f"{value:.1f} %", (value, height), (0, 8), textcoords="offset points", ha="center"
        )
    axes.set_yticks(y, names)
    axes.set(xlabel="accuracy [%], 95 % interval", ylim=(-0.5, len(names) - 0.3))
    axes.set_title(f"accuracy over {first.n_samples} samples")


def _raster(axes: Any, inputs: Events, ladder: Ladder, sample: int) -> None:
    """Draw the layers of one sample in bands of equal height, first below."""
    floats, integers = ladder.recordings[0], ladder.recordings[2]
    rows = [("input", inputs, inputs)]
    rows += list(zip(floats.names, floats.spikes, integers.spikes, strict=True))
    for band, (_, before, after) in enumerate(rows):
        a, b = (set(_points(events, sample)) for events in (before, after))
        for points, colour, size in ((a & b, INK, 2), (a - b, ORANGE, 10), (b - a, BLUE, 10)):
            if points:
                step, neuron = np.array(sorted(points)).T
                height = band + 0.05 + 0.9 * (neuron + 0.5) / before.n_neurons
                axes.scatter(step, height, s=size, c=colour, lw=0)
    names = [f"{name}\n{before.n_neurons}" for name, before, _ in rows]
    axes.set_yticks(np.arange(len(rows)) + 0.5, names)
    axes.set(xlabel="step", xlim=(0, inputs.n_steps), ylim=(0, len(rows)))
    axes.hlines(range(1, len(rows)), 0, inputs.n_steps, color=GREY, lw=0.5)
    axes.set_title("sample 0: both black, float only orange, integers only blue")


def _points(events: Events, sample: int) -> list[tuple[int, int]]:
    one = events.samples(sample, sample + 1)
    steps = np.repeat(np.arange(one.n_steps), np.diff(one.indptr))
    return list(zip(steps.tolist(), one.index.tolist(), strict=True))


def _weights(axes: Any, net: Network, quantised: QuantisedNetwork) -> None:
    bins = np.arange(-260, 261, 8)
    colours = (BLUE, ORANGE, INK, GREY)
    for i, (p, q) in enumerate(zip(net.projections, quantised.projections, strict=True)):
        weights = q.whole()
        label = f"{p.source} -> {p.target}: {np.unique(weights).size} levels"
        axes.hist(weights.ravel(), bins, histtype="step", color=colours[i % 4], label=label)
    axes.set(yscale="log", xlabel="weight [register units]", ylabel="synapses")
    low, high = axes.get_ylim()
    axes.set_ylim(low, high * 8)  # room for the legend above the curves
    axes.set_title("weights on the chip's grid")
    axes.legend(frameon=False, loc="upper left")
