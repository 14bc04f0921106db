"""``hetlava inspect``: what is in a file or a data set."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hetlava.cli.net_files import NetOptions
from hetlava.cli.options import AsNetx, Dt, ReadOut, Steps, writable

MEASURED = "allen-tau"

if TYPE_CHECKING:
    from rich.table import Table

    from hetlava.network import Population


def inspect(
    what: Annotated[
        str,
        typer.Argument(
            help="model.pt, model.net, a recording .npz, the name of a data set, or allen-tau."
        ),
    ],
    split: Annotated[
        str | None, typer.Option(help="Part of a data set; all of them if not given.")
    ] = None,
    dt: Dt = None,
    steps: Steps = None,
    readout: ReadOut = None,
    as_netx: AsNetx = False,
    figure: Annotated[
        Path | None,
        typer.Option(
            help="model.pt: a picture (PNG) of its neurons' parameters before and after training.",
            callback=writable,
        ),
    ] = None,
) -> None:
    """Print what is in a file (network, quantised network, recording) or in a data set.

    allen-tau: measured membrane time constants of cortical cells, and the families they fit.
    """
    from rich.console import Console

    from hetlava.datasets import DATASETS, base_name
    from hetlava.errors import DataError, ValidationError

    path, name = Path(what), base_name(what)
    if path.exists():
        if split is not None:
            raise ValidationError(f"{what} is a file, of which there are no splits")
        tables = _file_tables(path, NetOptions(dt, steps, readout, as_netx), figure)
    elif figure is not None:
        raise ValidationError(f"{what} is no model.pt, of which --figure draws the training")
    elif name in DATASETS:
        tables = _dataset_tables(what, split)
    elif what == MEASURED:
        tables = [_measured_table(split)]
    else:
        known = ", ".join((*DATASETS, MEASURED))
        raise DataError(f"{what}: no such file, and no data set; known: {known}")
    console = Console()
    for made in tables:
        console.print(made)


def _measured_table(population: str | None) -> "Table":
    from hetlava.datasets.allen_tau import POPULATIONS, measured
    from hetlava.report.taus import tau_table

    names = POPULATIONS if population is None else (population,)
    return tau_table({name: measured(name) for name in names})


def _dataset_tables(name: str, split: str | None) -> "list[Table]":
    from hetlava.datasets import defaults, load
    from hetlava.datasets.statistics import summarise
    from hetlava.report.samples import dataset_tables

    splits = defaults(name).splits if split is None else (split,)
    return dataset_tables([summarise(load(name, part)) for part in splits])


def _file_tables(path: Path, options: NetOptions, figure: Path | None) -> "list[Table]":
    from hetlava.cli.contents import read_any
    from hetlava.network import Network
    from hetlava.quantised import CHIP_TABLE, QuantisedNetwork
    from hetlava.recording import Recording
    from hetlava.report.tables import budget_tables, network_table, projection_table, table
    from hetlava.report.taus import membrane_taus, tau_table, training_tables

    content = read_any(path, options)
    before = _before_training(path, content, figure)
    if isinstance(content, Recording):
        rows = [
            (name, e.n_neurons, e.n_steps, e.n_samples, e.n_events)
            for name, e in zip(content.names, content.spikes, strict=True)
        ]
        columns = ("layer", "neurons", "steps", "samples", "spikes")
        return [table(f"recording of {content.target}", columns, rows)]
    made = [network_table(content), projection_table(content)]
    if before and isinstance(content, Network):
        made += training_tables(before, content.populations)
    elif taus := membrane_taus(content):
        made.append(tau_table(taus))
    notes = content.provenance if isinstance(content, QuantisedNetwork) else content.metadata
    if "budget" in notes:
        made += budget_tables(notes["budget"])  # type: ignore[arg-type]
    # the limits of a chip that is not listed are for: hetlava targets --chip
    plain = [(k, v) for k, v in notes.items() if not isinstance(v, list) and k != CHIP_TABLE]
    if plain:
        made.append(table("notes", ("key", "value"), plain))
    return made


def _before_training(path: Path, content: object, figure: Path | None) -> "tuple[Population, ...]":
    """Return the neurons before training, if a model's file keeps them, and draw them if asked."""
    from hetlava.errors import ValidationError
    from hetlava.network import Network

    before: tuple[Population, ...] = ()
    if isinstance(content, Network):
        from hetlava.train.model_file import read_initial

        before = read_initial(path)
    if figure is not None:
        if not isinstance(content, Network) or not before:
            raise ValidationError(
                f"{path}: does not keep its neurons as they were before training; --figure is for "
                "a model.pt that hetlava train wrote, not resumed with --qat"
            )
        from hetlava.report.parameter_figure import draw_parameters

        draw_parameters(figure, before, content.populations)
    return before
