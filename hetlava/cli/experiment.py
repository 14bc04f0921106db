"""``hetlava experiment``: a paper's comparison, repeated, with its controls."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hetlava.cli.options import Dask

if TYPE_CHECKING:
    from rich.console import Console

    from hetlava.experiments.experiment import Plan
    from hetlava.experiments.plans import Outcomes


def experiment(
    name: Annotated[str, typer.Argument(help="robust-learning, slayer-levels or per-neuron-tau.")],
    data: Annotated[
        str | None, typer.Option(help="Data set. Default: the experiment's first.")
    ] = None,
    scale: Annotated[
        str, typer.Option(help="small: minutes on two cores; paper: as published, for a GPU.")
    ] = "small",
    seeds: Annotated[
        int | None, typer.Option(help="Seeds of every row. Default: 3, of scale paper 10.", min=1)
    ] = None,
    part: Annotated[
        list[str] | None,
        typer.Option(help="Only this table: main, time-scale, ...; may be repeated."),
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(help="Epochs in place of the scale's.", min=1)
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder. Default: experiments/NAME-DATA-SCALE.")
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            help="Processes to share the work among. Default: one per processor, one on a GPU.",
            min=1,
        ),
    ] = None,
    dask: Dask = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
) -> None:
    """Repeat a paper's comparison with its mean-matched controls.

    results.json, table.md and figures go to the folder. The same command goes on where it was
    stopped, and skips what is done.
    """
    from functools import partial

    from rich.console import Console

    from hetlava.experiments.experiment import Results, checked, find_experiment
    from hetlava.experiments.plans import SEEDS, Options
    from hetlava.experiments.results import write_results
    from hetlava.report.tables import table
    from hetlava.train.fit import choose_device
    from hetlava.worker_pools import threads_each

    found = find_experiment(name)
    options = Options(
        dataset=data or found.DATASETS[0],
        scale=scale,  # type: ignore[arg-type]  # what it is not, it refuses
        seeds=seeds if seeds is not None else SEEDS.get(scale, 1),  # type: ignore[call-overload]
        parts=tuple(part or ()),
        device=device,
        epochs=epochs,
    )
    default = f"{name}-{options.dataset.replace(':', '-')}-{options.scale}"
    folder = out or Path("experiments") / default
    options = checked(found, options)
    console = Console()
    shared = workers or (threads_each(1) if choose_device(device).type == "cpu" else 1)
    outcomes = run_shown(partial(found.plan, options), folder, (shared, dask), console)
    rows = found.plan(options, outcomes)
    for sheet in write_results(folder, name, found, Results(options, rows, outcomes)):
        console.print(table(sheet.title, sheet.columns, sheet.lines))
        for note in sheet.notes:
            console.print(f"  {note}", style="dim", markup=False)
    console.print(f"wrote results.json, table.md and figures to {folder}", markup=False)


def run_shown(
    plan: "Plan", folder: Path, where: tuple[int, str | None], console: "Console"
) -> "Outcomes":
    """Run rows with a bar and a line per run; Ctrl-C says how to go on."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from hetlava.experiments.experiment import run_rows
    from hetlava.experiments.trials import Outcome
    from hetlava.sweep import Run

    columns = (TextColumn("runs"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("runs", total=None)

        def on_plan(done: int, n_trials: int) -> None:
            progress.update(bar, completed=done, total=n_trials)

        def on_trial(run: Run, outcome: Outcome) -> None:
            said = outcome.failed or f"test {100 * outcome.test_curve[-1]:5.1f} %"
            line = f"{run.name}: {said}, {outcome.cpu_seconds:.0f} s of CPU"
            progress.console.print(line, highlight=False, markup=False)
            progress.advance(bar)

        try:
            return run_rows(
                plan,
                folder,
                workers=where[0],
                dask=where[1],
                on_plan=on_plan,
                on_trial=on_trial,
            )
        except KeyboardInterrupt:
            console.print(f"stopped; the same command goes on from {folder}", markup=False)
            raise
