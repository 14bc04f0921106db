"""A membrane time constant per neuron against one per layer, as Pazderka (2024).

As in the parametric LIF, only membrane time constants are learned, as ``logit(dt / tau)``. What
differs from the poster's: a short synaptic time constant stands before the membrane; a reset passes
no gradient; a time constant is that of an exact decay; layers are dense, not convolutions with
batch normalisation; and the data is N-MNIST, for DVS128 Gesture is not open to every test. The
penalty is the poster's: lambda times the variance of a layer's time constants in steps, layers
summed.
"""

from collections.abc import Sequence
from typing import Any, cast

from hetlava.experiments.plans import Options, Outcomes, Picture, Row, Sheet, seeded
from hetlava.experiments.published import PER_NEURON, PER_NEURON_SOURCE
from hetlava.experiments.robust_tables import SEM, accuracy, of_seeds
from hetlava.experiments.settings import with_epochs
from hetlava.experiments.spread import mean_of
from hetlava.experiments.trials import Trial
from hetlava.report.canvas import BLUE, GREY, INK, ORANGE
from hetlava.train.config import Device, LearnTau, TrainConfig

DATASETS = ("nmnist", "digits")
PARTS = ("per-neuron",)
TAU_STEPS = 2.0  # where the parametric LIF begins
SIGMA = 0.5  # of the log-normal that time constants per neuron begin with; the poster has no number
COLOURS = (GREY, INK, BLUE, ORANGE)


def base(options: Options) -> Trial:
    """Return the trial that the rows change."""
    small = options.scale == "small"
    images = options.dataset == "nmnist"
    config = TrainConfig(
        dataset=options.dataset,
        dt=5e-3 if images else 1e-3,
        n_steps=60 if images else 40,
        trainer="slayer",
        hidden=(128,) if small else (512, 512),
        epochs=10 if small else 200,
        lr=3e-3,
        lr_tau=0.01,
        learn=("tau_syn=fixed",),
        space=("tau_mem=logit",),
        half_life=10.0 if small else 64.0,
        device=cast(Device, options.device),
    )
    return with_epochs(Trial(config=config, coarse=2 if small and images else 1), options)


def plan(options: Options, outcomes: Outcomes) -> list[Row]:
    """Return the poster's four rows."""
    trial = base(options)
    tau = TAU_STEPS * trial.config.dt * 1e3
    one, syn = f"constant:{tau:g}ms", f"constant:{tau / TAU_STEPS * 1.1:g}ms"
    many = f"lognormal:median={tau:g}ms,sigma={SIGMA:g},min={1e3 * trial.config.dt:g}ms"
    rows: tuple[tuple[str, str, LearnTau, tuple[str, ...]], ...] = (
        ("per layer", one, "layer", ()),
        ("per neuron", many, "neuron", ()),
        ("per neuron, lambda 0.01", many, "neuron", ("variance:0.01",)),
        ("per neuron, lambda 0.1", many, "neuron", ("variance:0.1",)),
    )
    return [
        Row(
            part="per-neuron",
            label=label,
            trials=seeded(
                trial, options.seeds, tau_mem=mem, tau_syn=syn, learn_tau=learn, regularise=penalty
            ),
            published=PER_NEURON[penalty[0] if penalty else learn],
        )
        for label, mem, learn, penalty in rows
    ]


def sheets(options: Options, rows: Sequence[Row], outcomes: Outcomes) -> list[Sheet]:
    """Return the accuracies and what became of the variance."""
    lines = tuple(
        (
            row.label,
            str(accuracy(row, outcomes)),
            of_seeds(row, outcomes),
            _variance(row, outcomes, 0),
            _variance(row, outcomes, -1),
            row.published,
        )
        for row in rows
    )
    return [
        Sheet(
            title=f"{options.dataset}: a time constant per layer or per neuron",
            columns=("tau_mem", "test %", "seeds", "variance before", "after", "poster %"),
            lines=lines,
            notes=(
                "variance: of the first hidden layer's membrane time constants [steps^2], mean "
                f"over seeds; {SEM}.",
                f"poster: {PER_NEURON_SOURCE}: another data set and network; its four lie within "
                "3 of 288 samples, which is no difference.",
            ),
        )
    ]


def _variance(row: Row, outcomes: Outcomes, epoch: int) -> str:
    found = mean_of([outcomes[trial].variances[epoch][0] for trial in row.trials])
    return f"{found.value:.3g}"


def pictures(options: Options, rows: Sequence[Row], outcomes: Outcomes) -> list[Picture]:
    """Return the trajectory of the variance, a panel per layer."""
    n_layers = len(outcomes[rows[0].trials[0]].variances[0])
    names = [*(f"hidden {k + 1}" for k in range(n_layers - 1)), "output"]

    def draw(figure: Any) -> None:
        axes = figure.subplots(1, n_layers, squeeze=False)[0]
        for layer, (ax, name) in enumerate(zip(axes, names, strict=True)):
            for row, colour in zip(rows, COLOURS, strict=True):
                for trial in row.trials:
                    y = [of_epoch[layer] for of_epoch in outcomes[trial].variances]
                    shown = row.label if any(y) else f"{row.label}: none, by design"
                    label = shown if trial is row.trials[0] else None
                    ax.plot(range(len(y)), y, color=colour, lw=1.3, label=label)
            # one value has no variance, and a penalty makes it fall by powers of ten
            positive = [
                v[layer] for r in rows for t in r.trials for v in outcomes[t].variances if v[layer]
            ]
            ax.set_yscale("symlog", linthresh=max(min(positive, default=1e-3), 1e-6))
            ax.set(xlabel="epoch", title=name, ylim=(0, None))
        axes[0].set_ylabel("variance of tau_mem [steps²]")
        axes[-1].legend(frameon=False, bbox_to_anchor=(1, 0.5), loc="center left")

    return [Picture(name="variance", size=(4 * n_layers + 2.5, 3.6), draw=draw)]
