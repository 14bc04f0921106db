"""The tables of robust learning."""

from collections.abc import Sequence

import numpy as np

from hetlava.experiments.plans import Options, Outcomes, Row, Sheet
from hetlava.experiments.published import ROBUST_LEARNING_SOURCE
from hetlava.experiments.robust_plan import MATCHED, MEANS, TEST_SCALES
from hetlava.experiments.spread import Mean, binomial_error, mean_of, student

PERCENT = 100.0
SEM = "± is the standard error of the mean over seeds; none is given of a single one"
PAIRS = (
    ("HetStd", "HomStd"),
    ("HomHet", "HomStd"),
    ("HetHet", "HomStd"),
    *((name, f"HomStd at the {how} of {name}") for name in MATCHED for how in MEANS),
)


def accuracy(row: Row, outcomes: Outcomes, scale: float = 1.0) -> Mean:
    """Return the mean test accuracy of a row [%]."""
    return mean_of([PERCENT * outcomes[trial].accuracy(scale) for trial in row.trials])


def of_seeds(row: Row, outcomes: Outcomes, scale: float = 1.0) -> str:
    """Write the accuracy of every seed [%]; ``failed`` where training went astray."""
    values = [outcomes[trial].accuracy(scale) for trial in row.trials]
    return " ".join("failed" if np.isnan(v) else f"{PERCENT * v:.1f}" for v in values)


def main_sheets(options: Options, rows: Sequence[Row], outcomes: Outcomes) -> list[Sheet]:
    """Return the accuracies beside the published ones, and differences seed by seed."""
    lines = tuple(
        (
            row.label,
            str(accuracy(row, outcomes)),
            of_seeds(row, outcomes),
            f"{_binomial(row, outcomes):.1f}",
            *(_tau(row, outcomes, kind) for kind in ("mem", "syn")),
            row.published or "-",
        )
        for row in rows
    )
    columns = ("network", "test %", "seeds", "s.e. of one", "tau_mem ms", "tau_syn ms", "paper %")
    notes = [
        f"{SEM}; 's.e. of one' is the binomial error of one run on "
        f"{outcomes[rows[0].trials[0]].n_test} test recordings.",
        "Hom has the mean of what Het draws. tau: mean (standard deviation) of the hidden neurons "
        "after training, over seeds.",
    ]
    if any(row.published for row in rows):
        smaller = ", all data, 10 seeds; heights do not compare" * (options.scale == "small")
        notes.append(f"paper: {ROBUST_LEARNING_SOURCE}{smaller}.")
    title = f"{options.dataset}: heterogeneity at the start and in training"
    sheet = Sheet(title=title, columns=columns, lines=lines, notes=tuple(notes))
    return [sheet, _differences(rows, outcomes)]


def _binomial(row: Row, outcomes: Outcomes) -> float:
    found = [outcomes[trial] for trial in row.trials]
    shares = [o.accuracy() for o in found if not o.failed]
    return PERCENT * binomial_error(float(np.mean(shares)), found[0].n_test) if shares else np.nan


def _tau(row: Row, outcomes: Outcomes, kind: str) -> str:
    taus = [outcomes[trial].hidden_taus(kind) for trial in row.trials]
    mean, sd = np.mean([t.mean() for t in taus]), np.mean([t.std() for t in taus])
    return f"{mean:.1f} ({sd:.1f})"


def _differences(rows: Sequence[Row], outcomes: Outcomes) -> Sheet:
    by_label = {row.label: row for row in rows}
    lines = []
    for better, worse in PAIRS:
        if better in by_label and worse in by_label:
            pairs = zip(by_label[better].trials, by_label[worse].trials, strict=True)
            gains = [PERCENT * (outcomes[a].accuracy() - outcomes[b].accuracy()) for a, b in pairs]
            lines.append((f"{better} - {worse}", str(mean_of(gains)), _signs(gains)))
    return Sheet(
        title="Differences, seed by seed",
        columns=("difference", "points", "seeds above 0"),
        lines=tuple(lines),
        notes=(_chance(len(rows[0].trials)),),
    )


def _chance(n_seeds: int) -> str:
    if n_seeds < 2:
        return "One seed: no difference can be told from chance."
    return (
        f"Of {n_seeds} seeds, a difference within {student(n_seeds):.1f} of its errors is not told "
        "from none (Student, 95 %, each row by itself)."
    )


def _signs(gains: Sequence[float]) -> str:
    return f"{sum(gain > 0 for gain in gains)} of {len(gains)}"


def time_scale_sheet(rows: Sequence[Row], outcomes: Outcomes) -> Sheet:
    """Return the accuracy at every time scale of the test."""
    notes = [f"All times are multiplied by the factor; {SEM}."]
    if rows[0].trials[0].config.dataset == "interval":
        notes.append(
            "The classes of this data set are delays, each 1.9 times the one before: twice as "
            "slow, most recordings look like the next class. Here the table shows how absolute a "
            "memory is, not how robust."
        )
    return Sheet(
        title="Time scales: trained at one, tested at others, test %",
        columns=("network", *(f"x {s:g}" for s in TEST_SCALES)),
        lines=tuple(
            (row.label, *(str(accuracy(row, outcomes, s)) for s in TEST_SCALES)) for row in rows
        ),
        notes=tuple(notes),
    )


def mistuning_sheet(options: Options, rows: Sequence[Row], outcomes: Outcomes) -> Sheet:
    """Return the accuracy of every distribution at every factor."""
    table: dict[str, dict[str, str]] = {}
    for row in rows:
        name, _, factor = row.label.rpartition(", ")
        table.setdefault(name, {})[factor] = str(accuracy(row, outcomes))
    names = list(next(iter(table.values())))
    return Sheet(
        title="Mistuned time constants, weights learn only, test %",
        columns=("time constants", *names),
        lines=tuple((name, *(cells[f] for f in names)) for name, cells in table.items()),
        notes=(
            "x: factor on the mean of 20 ms (membrane) and 10 ms (synapse). The log-normal has the "
            "gamma's mode and 4 times its deviation, so that its mean is about twice the gamma's; "
            "every row 'Hom' has the mean of the row that it names.",
            f"{SEM}.",
        ),
    )
