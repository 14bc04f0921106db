"""The command line: each command parses, calls one function and prints."""

import os
import sys

import typer

from hetlava.errors import HetlavaError

HELP = (
    "Spiking networks with per-neuron time constants: trained, quantised, exported, run on a "
    "fixed-point simulator, and proved equal."
)


def make_app() -> typer.Typer:
    """Return the command line with every command; nothing heavy is loaded."""
    from hetlava.cli import (
        calibrate,
        doctor,
        experiment,
        export,
        import_,
        inspect,
        place,
        run,
        sweep,
        targets,
        train,
        tune,
        verify,
        yield_,
    )

    app = typer.Typer(
        no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=HELP
    )
    for command in (
        train.train,
        export.export,
        run.run,
        verify.verify,
        doctor.doctor,
        place.place,
        inspect.inspect,
        targets.targets,
        tune.tune,
        calibrate.calibrate,
        yield_.yields,
        experiment.experiment,
        sweep.sweep,
    ):
        app.command()(command)
    app.command("import")(import_.import_)
    return app


def main() -> None:
    """Run the command line; an error of the user's gets one message and exit code 2."""
    try:
        make_app()()
    except HetlavaError as error:
        from rich.console import Console

        if not _is_told_by_another():
            Console(stderr=True).print(
                f"hetlava: {error}", style="red", markup=False, soft_wrap=True
            )
        sys.exit(2)


def _is_told_by_another() -> bool:
    """Whether another process that torchrun has started has printed an error already."""
    if "WORLD_SIZE" not in os.environ:  # asking costs the import of PyTorch
        return False
    from hetlava.train.distributed import first_to_fail

    return not first_to_fail()
