"""Draws docs/flow.svg: the flow of hetlava. Run it after a change: python docs/draw_flow.py"""

from pathlib import Path

import matplotlib
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

matplotlib.rcParams["svg.hashsalt"] = "hetlava"  # the same picture gives the same bytes
matplotlib.rcParams["font.family"] = "DejaVu Sans"

BOXES = (
    (0.0, "data set", "spikes, labels", "digits, N-MNIST", "#edf2f7"),
    (2.6, "Network", "float: seconds, volts", "model.pt", "#bee3f8"),
    (5.2, "QuantisedNetwork", "integer registers\n+ error budget", "model.net", "#fbd38d"),
    (7.8, "Recording", "spikes, traces, scores", "out.npz", "#c6f6d5"),
    (10.4, "Parity", "accuracy, spikes,\nfirst difference", "JSON, JUnit, exit code", "#e9d8fd"),
)
VERBS = ("train", "export", "run", "verify")
WIDTH, HEIGHT = 1.75, 1.5


def main() -> None:
    figure = Figure(figsize=(12.2, 2.9))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(-0.15, 12.3), ylim=(-0.75, 2.25))
    axes.axis("off")
    for x, name, what, file, colour in BOXES:
        style = "round,pad=0.02,rounding_size=0.12"
        axes.add_patch(FancyBboxPatch((x, 0), WIDTH, HEIGHT, style, fc=colour, ec="#2d3748"))
        middle = x + WIDTH / 2
        axes.text(middle, 1.18, name, ha="center", va="center", weight="bold", size=10)
        axes.text(middle, 0.68, what, ha="center", va="center", size=8.5)
        axes.text(middle, 0.2, file, ha="center", va="center", size=8.5, style="italic")
    for (x, *_), verb in zip(BOXES[:-1], VERBS, strict=True):
        arrow = {"arrowstyle": "-|>", "color": "#2d3748", "lw": 1.4}
        axes.annotate("", (x + 2.56, 0.75), (x + WIDTH + 0.04, 0.75), arrowprops=arrow)
        axes.text(x + WIDTH + 0.43, 0.88, verb, ha="center", va="bottom", size=10, color="#c05621")
    bend = {"arrowstyle": "-|>", "color": "#718096", "connectionstyle": "arc3,rad=-0.1"}
    axes.annotate("", (10.9, 1.56), (3.6, 1.56), arrowprops=bend)
    axes.text(7.25, 2.0, "float reference", ha="center", size=8.5, color="#718096")
    axes.text(
        7.2,
        -0.5,
        "targets: fixed-point simulator (loihi1-sim, loihi2-sim), reference, lava-cpu",
        ha="center",
        size=9,
        color="#2d3748",
    )
    figure.savefig(Path(__file__).with_name("flow.svg"), metadata={"Date": None})


if __name__ == "__main__":
    main()
