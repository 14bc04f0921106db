"""``hetlava export``: round a trained network for a chip and write it."""

from pathlib import Path
from typing import Annotated

import typer

from hetlava.cli.options import DecayBits, ModelFile, Netx, Target, WeightBits


def export(
    model: ModelFile,
    target: Target = "loihi2",
    out: Annotated[Path | None, typer.Option(help="Default: beside the model.")] = None,
    weight_bits: WeightBits = 8,
    decay_bits: DecayBits = 12,
    format: Annotated[str, typer.Option(help="File format: net (lava-dl's HDF5).")] = "net",
    netx: Netx = True,
) -> None:
    """Quantise a trained network for a chip and write it; prints the error budget."""
    from rich.console import Console

    from hetlava.chips import chip
    from hetlava.errors import ValidationError
    from hetlava.export.net_hdf5 import netx_differences, write
    from hetlava.quantisation import quantise
    from hetlava.report.tables import budget_tables
    from hetlava.scaling import Precision
    from hetlava.train.model_file import read_model

    if format != "net":
        raise ValidationError(f"format {format!r} is unknown; known: net")
    spec = chip(target)
    precision = Precision(weight_bits=weight_bits, decay_bits=decay_bits, netx=netx)
    net = quantise(read_model(model), spec, precision)
    path = out or model.with_suffix(".net")
    write(path, net)
    console = Console()
    for made in budget_tables(net.provenance["budget"]):  # type: ignore[arg-type]
        console.print(made)
    for reason in netx_differences(net):
        console.print(f"lava-dl's loader cannot take this file: {reason}", style="yellow")
    console.print(f"wrote {path} ({path.stat().st_size / 1024:.0f} KiB) for {spec.name}")
