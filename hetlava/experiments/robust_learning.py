"""Neural heterogeneity and robust learning: the comparison of Perez-Nieves et al. (2021)."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from hetlava.experiments.plans import Options, Outcomes, Picture, Row, Sheet, of_part
from hetlava.experiments.potentials import potential_rows, potential_sheet
from hetlava.experiments.robust_pictures import accuracies, mistuning, tau_histograms, time_scales
from hetlava.experiments.robust_plan import main_rows, mistuning_rows, time_scale_rows
from hetlava.experiments.robust_tables import main_sheets, mistuning_sheet, time_scale_sheet

DATASETS = ("interval", "nmnist", "cochlea-digits", "digits", "mnist", "fashion-mnist", "shd",
            "ssc", "dvs-gesture")  # fmt: skip
ROWS: Mapping[str, Callable[[Options, Outcomes], list[Row]]] = MappingProxyType(
    {
        "main": main_rows,
        "time-scale": time_scale_rows,
        "mistuning": mistuning_rows,
        "potentials": potential_rows,
    }
)
PARTS = tuple(ROWS)


def plan(options: Options, outcomes: Outcomes) -> list[Row]:
    """Return the rows of the parts asked for."""
    return [row for part in options.parts for row in ROWS[part](options, outcomes)]


def sheets(options: Options, rows: Sequence[Row], outcomes: Outcomes) -> list[Sheet]:
    """Return the tables of the parts that were run."""
    found: list[Sheet] = []
    if main := of_part(rows, "main"):
        found += main_sheets(options, main, outcomes)
    if scaled := of_part(rows, "time-scale"):
        found.append(time_scale_sheet(scaled, outcomes))
    if mistuned := of_part(rows, "mistuning"):
        found.append(mistuning_sheet(options, mistuned, outcomes))
    if others := of_part(rows, "potentials"):
        found.append(potential_sheet(options, others, outcomes))
    return found


def pictures(options: Options, rows: Sequence[Row], outcomes: Outcomes) -> list[Picture]:
    """Return the figures of the parts that were run."""
    found: list[Picture] = []
    if main := of_part(rows, "main"):
        found += [accuracies(main, outcomes), tau_histograms(main, outcomes)]
    if scaled := of_part(rows, "time-scale"):
        found.append(time_scales(scaled, outcomes))
    if mistuned := of_part(rows, "mistuning"):
        found.append(mistuning(mistuned, outcomes))
    if others := of_part(rows, "potentials"):
        found.append(accuracies(others, outcomes, name="potentials"))
    return found
