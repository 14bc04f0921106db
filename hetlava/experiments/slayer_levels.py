"""Time constants of 1, 2 and 4 ms in SLAYER: epochs to converge, as Perez-Nieves et al. (2019).

A third of the neurons on each level against all neurons on one of them, and against all on the
mean of the three, which the paper does not have. Nothing but weights learns.

What differs from the paper: it compares with 1 ms alone, and its neurons have a spike response of
one time constant, an alpha function; here membrane and synapse have one each, drawn apart, and
neurons are reset to zero.

References
----------
N. Perez-Nieves, V. C. H. Leung, P. L. Dragotti and D. F. M. Goodman, "Advantages of heterogeneity
of parameters in spiking neural network training", CCN 2019.
"""

from collections.abc import Sequence
from typing import Any, cast

import numpy as np

from hetlava.experiments.plans import Options, Outcomes, Picture, Row, Sheet, seeded
from hetlava.experiments.robust_plan import matched
from hetlava.experiments.robust_tables import SEM, accuracy, of_seeds
from hetlava.experiments.settings import with_epochs
from hetlava.experiments.spread import mean_of
from hetlava.experiments.trials import Outcome, Trial
from hetlava.report.canvas import BLUE, GREY, INK, ORANGE
from hetlava.train.config import Device, TrainConfig

DATASETS = ("nmnist",)
PARTS = ("levels",)
LEVELS = "levels:1ms,2ms,4ms"
GOALS = (0.8, 0.9, 0.95)  # training accuracies that count as converged
ROWS = {
    LEVELS: "1, 2, 4 ms",
    "constant:1ms": "1 ms",
    "constant:2ms": "2 ms",
    "constant:4ms": "4 ms",
    matched(LEVELS): "mean, 2.33 ms",
}
COLOURS = (ORANGE, GREY, BLUE, INK, "#2f855a")


def base(options: Options) -> Trial:
    """Return the trial that the rows change: 2312-512-512-10, or a quarter of the pixels."""
    small = options.scale == "small"
    config = TrainConfig(
        dataset=options.dataset,
        dt=1e-3,
        n_steps=300,
        trainer="slayer",
        hidden=(128, 128) if small else (512, 512),
        learn_tau="none",
        epochs=8 if small else 100,
        lr=3e-3,
        half_life=1e5,  # the rate does not fall
        device=cast(Device, options.device),
    )
    return with_epochs(Trial(config=config, coarse=2 if small else 1), options)


def plan(options: Options, outcomes: Outcomes) -> list[Row]:
    """Return a row for every choice of time constants."""
    return [
        Row(
            part="levels",
            label=label,
            trials=seeded(base(options), options.seeds, tau_mem=taus, tau_syn=taus),
        )
        for taus, label in ROWS.items()
    ]


def epochs_to(outcome: Outcome, goal: float) -> float:
    """Return after how many epochs training first had this accuracy; infinity if it never had."""
    reached = np.flatnonzero(np.array(outcome.train_curve) >= goal)
    return float(reached[0] + 1) if reached.size else float("inf")


def sheets(options: Options, rows: Sequence[Row], outcomes: Outcomes) -> list[Sheet]:
    """Return the epochs to converge, and the accuracies."""
    lines = tuple(
        (
            row.label,
            *(_epochs(row, outcomes, goal) for goal in GOALS),
            str(accuracy(row, outcomes)),
            of_seeds(row, outcomes),
        )
        for row in rows
    )
    goals = (f"epochs to {100 * goal:g} %" for goal in GOALS)
    return [
        Sheet(
            title=f"{options.dataset}: time constants on levels, SLAYER",
            columns=("tau_mem = tau_syn", *goals, "test %", "seeds"),
            lines=lines,
            notes=(
                "Epochs until the accuracy of training, taken while weights move, is first there: "
                "mean of the seeds, and each; 'never' within the epochs of the run.",
                f"{SEM}.",
                "The paper compares levels with 1 ms alone, in a figure without numbers, and finds "
                "that they converge much sooner; the mean of the levels is the fairer rival.",
            ),
        )
    ]


def _epochs(row: Row, outcomes: Outcomes, goal: float) -> str:
    epochs = [epochs_to(outcomes[trial], goal) for trial in row.trials]
    each = " ".join("never" if np.isinf(e) else f"{e:g}" for e in epochs)
    return each if any(np.isinf(e) for e in epochs) else f"{mean_of(epochs)} ({each})"


def pictures(options: Options, rows: Sequence[Row], outcomes: Outcomes) -> list[Picture]:
    """Return the learning curves."""

    def draw(figure: Any) -> None:
        axes = figure.subplots(1, 2, sharey=True)
        for row, colour in zip(rows, COLOURS, strict=True):
            found = [outcomes[trial] for trial in row.trials if not outcomes[trial].failed]
            for ax, curve in zip(axes, ("train_curve", "test_curve"), strict=True):
                curves = [[100 * a for a in getattr(o, curve)] for o in found]
                if curves:
                    mean = np.mean(curves, axis=0)
                    ax.plot(range(1, len(mean) + 1), mean, "-o", ms=3, color=colour,
                            label=row.label)  # fmt: skip
        axes[0].set(xlabel="epoch", ylabel="accuracy [%], mean of seeds", title="training")
        axes[1].set(xlabel="epoch", title="test")
        axes[1].legend(frameon=False, loc="lower right", title="time constants")

    return [Picture(name="learning_curves", size=(9, 3.8), draw=draw)]
