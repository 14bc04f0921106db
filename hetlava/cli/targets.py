"""``hetlava targets``: what can run a network here, and the limits of the chips."""

from typing import Annotated

import typer


def targets(
    chip: Annotated[str | None, typer.Option(help="Show every limit of a chip.")] = None,
) -> None:
    """List what can run a network here, and if not why."""
    from rich.console import Console

    from hetlava.chips import described
    from hetlava.hardware.targets import all_targets
    from hetlava.report.tables import chip_table, table

    console = Console()
    if chip is not None:
        console.print(chip_table(described(chip)))
        return
    rows = [(t.name, t.description, t.chip or "-", t.unavailable() or "yes") for t in all_targets()]
    made = table("Targets", ("target", "what it is", "chip", "runs here"), rows)
    for column in made.columns:
        column.justify = "left"
    console.print(made)
