"""``hetlava import``: a network that another tool wrote, as model.pt."""

from pathlib import Path
from typing import Annotated

import typer


def import_(
    graph: Annotated[Path, typer.Argument(help="A graph of NIR, .nir.")],
    out: Annotated[Path | None, typer.Option(help="Default: model.pt of its name.")] = None,
    dt: Annotated[
        str | None, typer.Option("--dt", help="Step, such as 1ms, if the file says none.")
    ] = None,
    steps: Annotated[
        int | None, typer.Option(help="Steps of a sample, if the file says none.", min=1)
    ] = None,
    unit: Annotated[
        str | None, typer.Option(help="Of its time constants, s or ms, if the file says none.")
    ] = None,
    discretisation: Annotated[
        str | None,
        typer.Option(help="exponential or euler, as it was trained, if the file says none."),
    ] = None,
    readout: Annotated[
        str | None,
        typer.Option(help="How the output is scored: spike-count, ..., if the file says none."),
    ] = None,
) -> None:
    """Read a network of another tool and write it as model.pt."""
    from rich.console import Console

    from hetlava.export.nir_file import read_nir
    from hetlava.report.tables import network_table, projection_table
    from hetlava.train.model_file import write_model
    from hetlava.units import parse_time

    net = read_nir(
        graph,
        dt=None if dt is None else parse_time(dt),
        n_steps=steps,
        unit=unit,
        discretisation=discretisation,  # type: ignore[arg-type]  # checked there
        readout=readout,  # type: ignore[arg-type]
    )
    path = out or graph.with_suffix(".pt")
    write_model(path, net)
    console = Console()
    for made in (network_table(net), projection_table(net)):
        console.print(made)
    console.print(f"wrote {path}")
