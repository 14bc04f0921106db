"""Placements, for people and for machines."""

import json
from collections.abc import Mapping
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from hetlava.files import replacing
from hetlava.hardware.packing_demand import RESOURCES
from hetlava.hardware.placement_record import Placement
from hetlava.report.tables import table


def placement_tables(
    placement: Placement, errors: Mapping[str, tuple[float, float] | None]
) -> list[Table]:
    """Return cores by population beside their lower bounds, and how full the cores are.

    Parameters
    ----------
    errors : mapping of population to (float, float) or None
        Relative rms error of tau_syn and tau_mem [%] that shared decays make, where known.
    """
    rows = [
        (
            escape(p.name),
            len(p.core),
            f"{p.n_cores} (>= {p.lower_bound})",
            placement.binds(p) or "-",
            *(f"{e:.2g}" for e in errors.get(p.name) or ()),
        )
        for p in placement.populations
    ]
    columns = ["population", "neurons", "cores (lower bound)", "bound by"]
    if any(errors.get(p.name) for p in placement.populations):
        columns += ["tau_syn rms %", "tau_mem rms %"]
        rows = [(*row, *("-",) * (len(columns) - len(row))) for row in rows]
    chips = f", {placement.n_chips} chips" if placement.n_chips > 1 else ""
    title = (
        f"{placement.chip}: {placement.n_cores} cores{chips}, at least {placement.lower_bound} "
        f"({placement.cores_per_chip} on a chip)"
    )
    return [table(title, columns, rows), _usage_table(placement)]


def _usage_table(placement: Placement) -> Table:
    """Return what a core holds: the limit, the fullest core and the mean, and each bound."""
    usage, bounds = placement.usage, placement.bounds.sum(axis=0)
    rows = []
    for r, name in enumerate(RESOURCES):
        limit, most, mean = int(placement.limits[r]), int(usage[:, r].max()), usage[:, r].mean()
        full = [f"{100 * x / limit:.0f}" if limit else "-" for x in (most, mean)]
        unit = " [bit]" if name == "synapse memory" else ""
        rows.append((f"{name}{unit}", limit or "none", most, *full, int(bounds[r])))
    columns = ("of one core", "limit", "fullest", "fullest %", "mean %", "cores at least")
    return table("Use of the cores", columns, rows)


def write_placement(
    path: Path, placement: Placement, errors: Mapping[str, tuple[float, float] | None]
) -> None:
    """Write a placement as JSON: every neuron's core, the use of every core, the bounds."""
    content = placement.to_plain()
    for population in content["populations"]:
        rms = errors.get(population["name"])
        population["tau_rms_percent"] = None if rms is None else list(rms)
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content) + "\n")
