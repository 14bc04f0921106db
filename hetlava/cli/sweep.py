"""``hetlava sweep``: configurations and seeds, trained side by side."""

from pathlib import Path
from typing import Annotated

import typer

from hetlava.cli.options import Dask, Workers


def sweep(
    slayer: Annotated[
        str | None, typer.Option(help="Train lava-dl's blocks on this data set.")
    ] = None,
    norse: Annotated[str | None, typer.Option(help="Train norse's cells on this data set.")] = None,
    values: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="Values of an option of hetlava train: lr=0.01,0.003, hidden=64,128+64; of "
            "distributions apart by ';': tau_mem=constant:20ms;gamma:20ms,shape=3. Repeatable.",
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(help="Seeds of every configuration.", min=1)] = 1,
    out: Annotated[Path, typer.Option(help="Folder of the results.")] = Path("sweep"),
    workers: Workers = 1,
    dask: Dask = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
) -> None:
    """Train every combination of values with every seed; again, it skips what is done."""
    from rich.console import Console

    from hetlava.cli.experiment import run_shown
    from hetlava.errors import ValidationError
    from hetlava.experiments.experiment import Results
    from hetlava.experiments.grid import grid_rows, grid_sheet
    from hetlava.experiments.plans import Options
    from hetlava.experiments.results import write_tables
    from hetlava.report.tables import table
    from hetlava.train.config import config_for

    named = [(t, d) for t, d in (("slayer", slayer), ("norse", norse)) if d is not None]
    if len(named) != 1:
        raise ValidationError("name one data set: hetlava sweep --slayer digits, or --norse digits")
    trainer, dataset = named[0]
    config = config_for(dataset, trainer=trainer, device=device)
    rows = grid_rows(config, values or [], seeds)
    console = Console()
    outcomes = run_shown(lambda done: rows, out, (workers, dask), console)
    options = Options(dataset=dataset, seeds=seeds, device=device)
    sheet = grid_sheet(dataset, rows, outcomes)
    write_tables(out, "sweep", Results(options, rows, outcomes), [sheet])
    console.print(table(sheet.title, sheet.columns, sheet.lines))
    console.print(f"wrote results.json and table.md to {out}", markup=False)
