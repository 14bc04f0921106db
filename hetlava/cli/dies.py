"""What ``hetlava run`` does on a virtual die: a float network, the die's options, trials."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

if TYPE_CHECKING:
    from hetlava.arrays import Int64
    from hetlava.hardware.interface import Target
    from hetlava.network import Network
    from hetlava.tally import Tally

ChipSeed = Annotated[
    int | None, typer.Option(help="Which virtual die (bss2-sim, dynapse2-like).", min=0)
]
MismatchName = Annotated[
    str | None, typer.Option("--mismatch", help="Preset or TOML file. Default: the target's own.")
]
CalibrationFile = Annotated[
    Path | None, typer.Option("--calibration", help="What hetlava calibrate wrote for the die.")
]
Seed = Annotated[int, typer.Option(help="Seed of the noise of a virtual die's trials.", min=0)]
Trials = Annotated[int, typer.Option(help="How often a virtual die runs the data.", min=1)]
CHUNK = 256  # samples between two movements of the progress bar


@dataclass(frozen=True, kw_only=True)
class DieOptions:
    """Options of a run that only virtual dies have."""

    chip_seed: int | None = None
    mismatch: str | None = None
    changes: tuple[str, ...] = ()
    calibration: Path | None = None
    seed: int = 0
    trials: int = 1

    @property
    def given(self) -> list[str]:
        """Names of the options that were given."""
        usual = DieOptions()
        return [
            f"--{'set' if name == 'changes' else name.replace('_', '-')}"
            for name in self.__dataclass_fields__
            if getattr(self, name) != getattr(usual, name)
        ]


def is_virtual(target: str | None) -> bool:
    """Return whether a target is one with virtual dies."""
    if target is None:
        return False
    from hetlava.hardware.yields import MAKERS

    return target in MAKERS


def die_target(target: str, options: DieOptions) -> "Target":
    """Return the target of the die that is asked for."""
    from hetlava.errors import ValidationError
    from hetlava.hardware.bss2_sim import bss2_target
    from hetlava.hardware.calibration_file import read_calibration
    from hetlava.hardware.mismatch_presets import find_mismatch
    from hetlava.hardware.yields import Dies

    seed = options.chip_seed or 0
    if options.calibration is None:
        dies = Dies(target=target, mismatch=options.mismatch or "", changes=options.changes)
        return dies.at(seed)
    if target != "bss2-sim":
        raise ValidationError(f"target {target}: has no converters to calibrate; bss2-sim has")
    drawn_from = find_mismatch(options.mismatch or "bss2-uncalibrated", options.changes)
    return bss2_target(seed, drawn_from, read_calibration(options.calibration))


class DieRun(NamedTuple):
    """A network that ran on a die: itself, its tally over all trials, the labels of its samples."""

    net: "Network"
    whole: "Tally"
    labels: "Int64"


def ran_on_die(
    model: Path,
    target: str | None,
    options: DieOptions,
    samples: tuple[str, str, int | None],
    others: Mapping[str, object],
    *,
    out: Path | None,
    probes: tuple[str, ...],
    threads: int | None,
    counts: bool = False,
) -> DieRun | None:
    """Run a trained network if the target has virtual dies; return None if it has none.

    Parameters
    ----------
    samples : (data, split, limit)
    others : mapping of option to value
        Options that a virtual die does not take; refused if given.

    Raises
    ------
    ValidationError
        If options of dies are given for another target, or others for a die.
    """
    from hetlava.errors import ValidationError

    if not is_virtual(target):
        if options.given:
            raise ValidationError(
                f"{', '.join(options.given)}: only targets with virtual dies take that; "
                "name one with --target bss2-sim"
            )
        return None
    unwanted = [name for name, value in others.items() if value]
    if unwanted:
        raise ValidationError(f"target {target}: leave out {', '.join(unwanted)}")
    return run_on_die(
        model, str(target), options, samples,
        out=out, probes=probes, threads=threads, counts=counts,
    )  # fmt: skip


def run_on_die(
    model: Path,
    target: str,
    options: DieOptions,
    samples: tuple[str, str, int | None],
    *,
    out: Path | None,
    probes: tuple[str, ...],
    threads: int | None,
    counts: bool,
) -> DieRun:
    """Run a trained network on a virtual die over ``samples`` (data, split, limit), and print.

    ``counts`` asks for the work too, which takes traces of v for the while.
    """
    import numpy as np
    from rich.console import Console
    from rich.progress import track

    from hetlava.cli.samples import load_samples
    from hetlava.parity import wilson
    from hetlava.recording import join
    from hetlava.recording_file import write_recording
    from hetlava.report.yields import die_tables
    from hetlava.tally import add, tally
    from hetlava.train.model_file import read_model
    from hetlava.work import count

    net, die, console = read_model(model), die_target(target, options), Console()
    inputs, labels = load_samples(net, *samples)
    traces = {*probes, "v"} if counts else set(probes)
    parts, tallies = [], []
    for trial in range(options.seed, options.seed + options.trials):
        starts = range(0, inputs.n_samples, CHUNK)
        for i in track(starts, "running", console=console, transient=True):
            some = inputs.samples(i, i + CHUNK)
            part = die.run(net, some, seed=trial, probes=traces, threads=threads)
            tallies.append(tally(part, count(net, some, part) if counts else None))
            parts.append(part if "v" in probes else replace(part, v=()))
    recording = join(parts)
    if out is not None:
        write_recording(out, recording)
    right = recording.predictions == np.tile(labels, options.trials)
    for made in die_tables(recording, wilson(int(right.sum()), right.size)):
        console.print(made)
    for violation in die.check(net):
        console.print(f"not on one chip: {violation}", style="yellow", markup=False, soft_wrap=True)
    return DieRun(net, add(tallies), np.tile(labels, options.trials))
