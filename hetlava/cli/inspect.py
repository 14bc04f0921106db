"""``hetlava inspect``: what is in a file."""

from pathlib import Path
from typing import Annotated

import typer


def inspect(
    file: Annotated[Path, typer.Argument(help="model.pt, model.net or a recording .npz.")],
) -> None:
    """Print what a file holds: a trained network, a quantised one, or a recording."""
    from rich.console import Console

    from hetlava.cli.contents import read_any
    from hetlava.quantised import QuantisedNetwork
    from hetlava.recording import Recording
    from hetlava.report.tables import budget_tables, network_table, table

    console = Console()
    content = read_any(file)
    if isinstance(content, Recording):
        rows = [
            (name, e.n_neurons, e.n_steps, e.n_samples, e.n_events)
            for name, e in zip(content.names, content.spikes, strict=True)
        ]
        columns = ("layer", "neurons", "steps", "samples", "spikes")
        console.print(table(f"recording of {content.target}", columns, rows))
        return
    console.print(network_table(content))
    notes = content.provenance if isinstance(content, QuantisedNetwork) else content.metadata
    if "budget" in notes:
        for made in budget_tables(notes["budget"]):  # type: ignore[arg-type]
            console.print(made)
    plain = [(k, v) for k, v in notes.items() if not isinstance(v, list)]
    if plain:
        console.print(table("notes", ("key", "value"), plain))
