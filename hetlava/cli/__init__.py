"""The command line: each command parses, calls one function and prints."""

import os
import sys
from collections.abc import Iterable
from importlib import import_module
from typing import NamedTuple

import typer

from hetlava.errors import HetlavaError

HELP = (
    "Spiking networks with per-neuron time constants: trained, quantised, exported, run on a "
    "fixed-point simulator, and proved equal."
)


class Command(NamedTuple):
    """Where a command is, ``module.function`` of this package, and what the list says of it."""

    place: str
    said: str


COMMANDS = {
    "train": Command("train.train", "Train a spiking network."),
    "export": Command("export.export", "Quantise a trained network for a chip."),
    "run": Command("run.run", "Run a network over a data set."),
    "verify": Command("verify.verify", "Prove parity: from floats to integers."),
    "doctor": Command("doctor.doctor", "Say what is wrong with a network."),
    "place": Command("place.place", "Put neurons on cores."),
    "inspect": Command("inspect.inspect", "Print what is in a file or a data set."),
    "targets": Command("targets.targets", "List what can run a network here."),
    "tune": Command("tune.tune", "Train weights on for one chip or many."),
    "calibrate": Command("calibrate.calibrate", "Calibrate a virtual chip."),
    "yield": Command("yield_.yields", "Run networks on many dies."),
    "experiment": Command("experiment.experiment", "Repeat a paper's comparison."),
    "sweep": Command("sweep.sweep", "Train many configurations and seeds."),
    "import": Command("import_.import_", "Read a network of another tool."),
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
        place, said = COMMANDS[name]
        module, function = place.split(".")
        command = getattr(import_module(f"hetlava.cli.{module}"), function)
        app.command(name, short_help=said, context_settings={"max_content_width": WIDTH})(command)
    return app


def main() -> None:
    """Run the command line; an error of the user's gets one message and exit code 2."""
    name, args = "".join(sys.argv[1:2]), sys.argv[2:]
    if "" in sys.argv[1:]:  # as of a variable of the shell that is not set
        _tell("an argument is empty; leave the option out to take its default")
        sys.exit(2)
    try:
        if name in COMMANDS:  # the others need not be loaded
            make_app([name])(args, prog_name=f"hetlava {name}")
        else:
            make_app()(prog_name="hetlava")
    except HetlavaError as error:
        _tell(str(error))
        sys.exit(2)
    except OSError as error:  # a name that is too long, a folder that may not be searched
        named = f"{error.filename}: " if error.filename else ""
        _tell(f"{named}{error.strerror or error}")
        sys.exit(2)
    except MemoryError as error:
        _tell(f"memory is full ({error or 'no more can be had'}); run fewer samples at a time")
        sys.exit(2)


def _tell(message: str) -> None:
    from rich.console import Console

    if not _is_told_by_another():
        Console(stderr=True).print(f"hetlava: {message}", style="red", markup=False, soft_wrap=True)


def _is_told_by_another() -> bool:
    """Whether another process that torchrun has started has printed an error already."""
    if "WORLD_SIZE" not in os.environ:  # asking costs the import of PyTorch
        return False
    from hetlava.train.distributed import first_to_fail

    return not first_to_fail()
