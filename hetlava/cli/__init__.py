"""The command line: each command parses, calls one function and prints."""

import os
import sys
from collections.abc import Iterable
from importlib import import_module

import typer

from hetlava.errors import HetlavaError

HELP = (
    "Spiking networks with per-neuron time constants: trained, quantised, exported, run on a "
    "fixed-point simulator, and proved equal."
)
# name: module and function of every command
COMMANDS = {
    "train": "train.train",
    "export": "export.export",
    "run": "run.run",
    "verify": "verify.verify",
    "doctor": "doctor.doctor",
    "place": "place.place",
    "inspect": "inspect.inspect",
    "targets": "targets.targets",
    "tune": "tune.tune",
    "calibrate": "calibrate.calibrate",
    "yield": "yield_.yields",
    "experiment": "experiment.experiment",
    "sweep": "sweep.sweep",
    "import": "import_.import_",
}
WIDTH = 100  # columns of help, on a terminal that has them


def make_app(names: Iterable[str] = COMMANDS) -> typer.Typer:
    """Return the command line with these commands; nothing heavy is loaded."""
    app = typer.Typer(
        no_args_is_help=len(tuple(names)) > 1,
        add_completion=False,
        pretty_exceptions_enable=False,
        help=HELP,
        # typer's panels take longer to load and to draw than all the rest
        rich_markup_mode=None,
        context_settings={"max_content_width": WIDTH},
    )
    for name in names:
        module, function = COMMANDS[name].split(".")
        command = getattr(import_module(f"hetlava.cli.{module}"), function)
        app.command(name, context_settings={"max_content_width": WIDTH})(command)
    return app


def main() -> None:
    """Run the command line; an error of the user's gets one message and exit code 2."""
    name, args = "".join(sys.argv[1:2]), sys.argv[2:]
    try:
        if name in COMMANDS:  # the others need not be loaded
            make_app([name])(args, prog_name=f"hetlava {name}")
        else:
            make_app()(prog_name="hetlava")
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
