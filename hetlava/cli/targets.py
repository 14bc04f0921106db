"""``hetlava targets``: what can run a network here, and the limits of the chips."""

from pathlib import Path
from typing import Annotated

import typer


def targets(
    chip: Annotated[
        str | None, typer.Option(help="Show every limit of a chip, listed or in a TOML file.")
    ] = None,
    toml: Annotated[
        bool, typer.Option("--toml", help="Print the chip as a TOML file to start yours from.")
    ] = False,
) -> None:
    """List what can run a network here, and if not why; or the limits of a chip."""
    from dataclasses import replace

    from rich.console import Console

    from hetlava.chip_file import SUFFIX, find_chip, read_chip, toml_of
    from hetlava.chips import described
    from hetlava.errors import ValidationError
    from hetlava.hardware.targets import all_targets
    from hetlava.report.tables import chip_table, targets_table

    if toml:
        if chip is None:
            raise ValidationError("--toml prints a chip; name it, as in --chip loihi2 --toml")
        typer.echo(toml_of(replace(find_chip(chip), name="mychip")), nl=False)
        return
    console = Console()
    if chip is None:
        console.print(targets_table(all_targets()))
    else:
        spec = read_chip(Path(chip)) if chip.endswith(SUFFIX) else described(chip)
        console.print(chip_table(spec))
