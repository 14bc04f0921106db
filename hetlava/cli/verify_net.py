"""``hetlava verify`` of a quantised network: what SLAYER trained against what runs."""

from dataclasses import dataclass
from pathlib import Path

import typer

from hetlava.cli.net_files import NetOptions


@dataclass(frozen=True, kw_only=True)
class NetCheck:
    """What ``hetlava verify`` is asked for; the fields are its options."""

    options: NetOptions
    data: str
    split: str
    limit: int | None
    max_drop: float
    also: tuple[str, ...]
    threads: int | None
    lava_python: Path | None
    lava_timeout: float
    json: Path | None
    junit: Path | None


def verify_net(path: Path, check: NetCheck) -> None:
    """Compare SLAYER, the integers and netx; exit 1 if too much is lost between them."""
    from dataclasses import replace

    from rich.console import Console

    from hetlava.cli.samples import load_samples
    from hetlava.errors import UnsupportedError
    from hetlava.hardware.lava_elsewhere import located
    from hetlava.report.junit import write_junit
    from hetlava.report.parity_json import write_json
    from hetlava.report.slayer_ladder import climb_trained, differences_table
    from hetlava.report.tables import parity_tables

    further = located(check.also, check.lava_python, check.lava_timeout)
    net = replace(check.options, as_netx=False).read(path)
    try:
        netx, refused = replace(check.options, readout=None, as_netx=True).read(path), None
    except UnsupportedError as error:
        netx, refused = None, str(error)
    if check.options.as_netx:
        if netx is None:
            raise UnsupportedError(refused)
        net, netx = netx, None
    inputs, labels = load_samples(net, check.data, check.split, check.limit)
    console = Console()
    with console.status("running") as status:
        ladder, shown = climb_trained(
            net,
            netx,
            inputs,
            labels,
            max_drop=check.max_drop,
            also=further,
            threads=check.threads,
            progress=lambda rung: status.update(f"running: {rung}"),
        )
    for made in (*parity_tables(ladder.rungs), differences_table(shown, net, refused)):
        console.print(made)
    if check.json is not None:
        write_json(check.json, ladder, check.max_drop, differences=shown, netx_refused=refused)
    if check.junit is not None:
        write_junit(check.junit, ladder.rungs, ladder.failures)
    for reason in filter(None, ladder.failures):
        console.print(f"FAILED {reason}", style="bold red")
    if not ladder.passed:
        raise typer.Exit(1)
    console.print(f"passed: at most {check.max_drop:g} points lost", style="green")
