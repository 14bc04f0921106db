"""``hetlava place``: the neurons of a network onto the cores of a chip."""

from pathlib import Path
from typing import Annotated

import typer

from hetlava.cli.options import NetFile, writable


def place(
    file: NetFile,
    chip: Annotated[
        str | None,
        typer.Option(help="Chip or TOML file to place on. Default: the one in the file."),
    ] = None,
    cores: Annotated[
        int | None, typer.Option(help="Cores to get along with; several chips' worth if need be.")
    ] = None,
    per_core: Annotated[int | None, typer.Option(help="Neurons to put on a core at most.")] = None,
    apart: Annotated[
        bool,
        typer.Option("--apart", help="One population to a core, as Lava's partitioner has it."),
    ] = False,
    json: Annotated[
        Path | None, typer.Option(help="Write the placement as JSON.", callback=writable)
    ] = None,
) -> None:
    """Put every neuron on a core: cores, how full they are, what binds, lower bounds."""
    from rich.console import Console

    from hetlava.chip_file import find_chip
    from hetlava.export.net_hdf5 import read
    from hetlava.hardware.core_sharing import rms_per_population
    from hetlava.hardware.placement import place as place_network
    from hetlava.report.placement import placement_tables, write_placement

    net = read(file)
    spec = find_chip(chip) if chip else net.digital
    placement = place_network(net, spec, cores=cores, per_core=per_core, apart=apart)
    errors = rms_per_population(net)
    if json is not None:
        write_placement(json, placement, errors)
    console = Console()
    for made in placement_tables(placement, errors):
        console.print(made)
