"""``hetlava doctor``: what ails a network, before anything runs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hetlava.cli.options import AsNetx, Dt, NetFile, ReadOut, Steps, writable

if TYPE_CHECKING:
    from hetlava.doctor import Finding
    from hetlava.quantised import QuantisedNetwork


def doctor(
    file: NetFile,
    chip: Annotated[
        str | None,
        typer.Option(help="Chip or TOML file to judge by. Default: the one in the file."),
    ] = None,
    json: Annotated[
        Path | None, typer.Option(help="Write the findings as JSON.", callback=writable)
    ] = None,
    dt: Dt = None,
    steps: Steps = None,
    readout: ReadOut = None,
    as_netx: AsNetx = False,
) -> None:
    """Say what is wrong with a quantised network; exit 1 if something must be mended."""
    from rich.console import Console

    from hetlava.chip_file import find_chip
    from hetlava.cli.net_files import NetOptions
    from hetlava.doctor import examine
    from hetlava.report.findings import findings_table, tally, write_findings

    net = NetOptions(dt, steps, readout, as_netx).read(file)
    spec = find_chip(chip) if chip else net.digital
    findings = (*examine(net, spec), *_netx_notes(net))
    if json is not None:
        write_findings(json, file, spec.name, findings)
    console = Console()
    if findings:
        console.print(findings_table(f"{file.name} on {spec.name}", findings))
    severities = {f.severity for f in findings}
    if "error" in severities:
        console.print(f"FAILED {tally(findings)}", style="bold red")
        raise typer.Exit(1)
    if "warning" in severities:
        console.print(f"passed: {tally(findings)}", style="yellow")
        return
    n = sum(p.registers.n for p in net.populations)
    console.print(
        f"healthy: {n} neurons fit {spec.name}, and nothing needs mending ({tally(findings)})",
        style="green",
    )


def _netx_notes(net: "QuantisedNetwork") -> "list[Finding]":
    from hetlava.doctor import Finding
    from hetlava.export.net_hdf5 import netx_differences

    return [
        Finding(
            severity="note",
            rule="netx_agrees",
            where=where if what else "network",
            count=1,
            text=f"lava-dl's loader cannot take it as it is: {what or where}",
            cure="run it with hetlava, or export again with --netx",
        )
        for where, _, what in (reason.partition(": ") for reason in netx_differences(net))
    ]
