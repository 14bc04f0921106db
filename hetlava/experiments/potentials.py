"""Thresholds, resting and reset potentials that differ from neuron to neuron: plan and table.

One of the three is drawn or learned, or both, while time constants are all alike or all different,
as in the supplement of Perez-Nieves et al. (2021), S1. Its ranges are in units of the threshold:
0.5 .. 1.5 for thresholds, -0.5 .. 0.5 for the others. The first rows are those of the main table:
nothing of a potential is drawn or learned.
"""

from collections.abc import Sequence

from hetlava.experiments.plans import Options, Outcomes, Row, Sheet, seeded
from hetlava.experiments.published import POTENTIALS, POTENTIALS_SOURCE
from hetlava.experiments.robust_plan import configuration, tested
from hetlava.experiments.robust_tables import SEM, accuracy, of_seeds
from hetlava.experiments.trials import Trial

TAUS = ("HomStd", "HetHet")
CONFIGURATIONS = {"small": ("HetStd", "HetHet"), "paper": ("HetStd", "HomHet", "HetHet")}
RANGES = {"threshold": (0.5, 1.5), "rest": (-0.5, 0.5), "reset": (-0.5, 0.5)}  # [thresholds]


def potential_rows(options: Options, outcomes: Outcomes) -> list[Row]:
    """Return a row for every potential, and every way of it and of the time constants."""
    base = tested(options)
    rows = [
        Row(
            part="potentials",
            label=f"{taus}: all alike",
            trials=configuration(taus, base, options),
            published=POTENTIALS[taus]["HomStd"][0],
        )
        for taus in TAUS
    ]
    return rows + [
        Row(
            part="potentials",
            label=f"{taus}: {potential} {name}",
            trials=_trials(base, options, taus, potential, name),
            published=POTENTIALS[taus][name][column],
        )
        for taus in TAUS
        for column, potential in enumerate(RANGES)
        for name in CONFIGURATIONS[options.scale]
    ]


def _trials(
    base: Trial, options: Options, taus: str, potential: str, name: str
) -> tuple[Trial, ...]:
    same = configuration(taus, base, options)[0].config
    volt = float(base.config.threshold)
    low, high = (f"{end * volt:g}V" for end in RANGES[potential])
    changes: dict[str, object] = {}
    if name.startswith("Het"):
        changes[potential] = f"uniform:{low},{high}"
    if name.endswith("Het"):
        changes |= {"learn": (f"{potential}=neuron",), "clip": (f"{potential}={low},{high}",)}
    return seeded(
        base,
        options.seeds,
        tau_mem=same.tau_mem,
        tau_syn=same.tau_syn,
        learn_tau=same.learn_tau,
        **changes,
    )


def potential_sheet(options: Options, rows: Sequence[Row], outcomes: Outcomes) -> Sheet:
    """Return the accuracies beside those of the paper, which are of another data set."""
    lines = []
    for row in rows:
        taus, _, what = row.label.partition(": ")
        values = (str(accuracy(row, outcomes)), of_seeds(row, outcomes))
        lines.append((taus, what, *values, row.published))
    return Sheet(
        title=f"{options.dataset}: thresholds, resting and reset potentials, test %",
        columns=("time constants", "potential", "test %", "seeds", "paper, SHD %"),
        lines=tuple(lines),
        notes=(
            f"HetStd: drawn, not learned; HomHet: learned from one value; HetHet: both. {SEM}.",
            f"paper: {POTENTIALS_SOURCE}; it found no appreciable difference.",
        ),
    )
