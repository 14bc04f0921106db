"""The command line: each command parses, calls one function and prints."""

import sys

import typer

from hetlava.errors import HetlavaError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Spiking networks with per-neuron time constants: trained, quantised, exported, run on a "
    "fixed-point simulator, and proved equal.",
)


def _register() -> None:
    from hetlava.cli import export, inspect, run, targets, train, verify

    app.command()(train.train)
    app.command()(export.export)
    app.command()(run.run)
    app.command()(verify.verify)
    app.command()(inspect.inspect)
    app.command()(targets.targets)


def main() -> None:
    """Run the command line; an error of the user's gets one message and exit code 2."""
    _register()
    try:
        app()
    except HetlavaError as error:
        from rich.console import Console

        Console(stderr=True).print(f"hetlava: {error}", style="red", markup=False, soft_wrap=True)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
