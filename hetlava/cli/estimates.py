"""What a run would take on a device, printed, and all that came of it as JSON."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hetlava.arrays import Int64
    from hetlava.network import Network
    from hetlava.quantised import QuantisedNetwork
    from hetlava.tally import Tally


def show_estimate(
    whole: "Tally",
    net: "Network | QuantisedNetwork",
    labels: "Int64",
    preset: str | None,
    json: Path | None,
) -> None:
    """Print the estimate of a preset, and write the run to ``json``, where they are asked for."""
    from rich.console import Console

    from hetlava.hardware.energy import estimate
    from hetlava.report.energy import energy_tables, write_run

    report = None
    if preset is not None and whole.work is not None:
        report = estimate(whole.work, preset)
        for made in energy_tables(report, whole.work, net):
            Console().print(made)
    if json is not None:
        write_run(json, whole, labels, net, report)
