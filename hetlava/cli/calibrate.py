"""``hetlava calibrate``: the converters of a virtual chip, set for a network."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hetlava.cli.options import MismatchSet, ModelFile, writable

if TYPE_CHECKING:
    from rich.table import Table

    from hetlava.hardware.calibration import Calibration

SHOWN = 8  # failed neurons that are named


def calibrate(
    model: ModelFile,
    target: Annotated[str, typer.Option(help="bss2-sim.")] = "bss2-sim",
    chip_seed: Annotated[int, typer.Option(help="Which virtual chip.", min=0)] = 0,
    mismatch: Annotated[
        str, typer.Option(help="What it was drawn from: a preset or a TOML file.")
    ] = "bss2-uncalibrated",
    mismatch_set: MismatchSet = None,
    out: Annotated[
        Path | None, typer.Option(help="Default: MODEL.cal.h5.", callback=writable)
    ] = None,
) -> None:
    """Calibrate a chip for a network by traces and spikes; exit 1 if neurons failed."""
    from rich.console import Console

    from hetlava.chip_analog import BRAINSCALES2
    from hetlava.errors import UnsupportedError
    from hetlava.files import to_write
    from hetlava.hardware.bss2_sim import within_ranges
    from hetlava.hardware.calibrated_die import chip_for, serial_of, targets_of
    from hetlava.hardware.calibration import calibrate as search
    from hetlava.hardware.calibration_file import write_calibration
    from hetlava.hardware.mismatch_presets import find_mismatch
    from hetlava.train.model_file import read_model

    if target != "bss2-sim":
        raise UnsupportedError(f"target {target!r} has no converters; bss2-sim has")
    drawn_from = find_mismatch(mismatch, mismatch_set or ())
    net, _ = within_ranges(read_model(model), BRAINSCALES2)
    path = out or model.with_name(f"{model.stem}.cal.h5")
    to_write(path)
    console = Console()
    with console.status("calibrating") as status:
        found = search(
            chip_for(net, drawn_from, chip_seed).bench(),
            targets_of(net),
            chip=BRAINSCALES2.name,
            serial=serial_of(drawn_from, chip_seed),
            on_step=lambda what: status.update(f"calibrating: {what}"),
        )
    write_calibration(path, found)
    console.print(_table(found))
    failed = (~found.success).nonzero()[0]
    if failed.size:
        first = ", ".join(map(str, failed[:SHOWN])) + (" ..." if failed.size > SHOWN else "")
        console.print(f"{failed.size} neurons failed: {first}", style="bold red")
    console.print(
        f"wrote {path}; next: hetlava run {model} --target bss2-sim --chip-seed {chip_seed} "
        f"--calibration {path}",
        markup=False,
        soft_wrap=True,
    )
    if failed.size:
        raise typer.Exit(1)


def _table(found: "Calibration") -> "Table":
    import numpy as np

    from hetlava.hardware.virtual_chip import GAINS, KNOBS, TIMES
    from hetlava.report.tables import table

    rows = []
    for knob in KNOBS:
        f, unit = getattr(found, knob), 1e6 if knob in TIMES else 1.0
        low, high = unit * f.target.min(), unit * f.target.max()
        error = unit * float(np.sqrt(np.mean((f.measured - f.target) ** 2)))
        name = f"{knob}, {'us' if knob in TIMES else 'factor' if knob in GAINS else 'LSB'}"
        rows.append(
            (
                name,
                f"{low:.3g} .. {high:.3g}",
                f"{error:.2g}",
                f"{f.success.sum()} of {f.code.size}",
            )
        )
    columns = ("parameter", "asked for", "rms error, as measured", "worked")
    return table(f"Calibration of {found.chip}, {found.serial}", columns, rows)
