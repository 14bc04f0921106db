"""Work and energy of a run: tables for the terminal, JSON for machines."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from hetlava.arrays import Int64
from hetlava.files import replacing
from hetlava.hardware.energy import EnergyReport
from hetlava.network import Network
from hetlava.parity import wilson
from hetlava.quantised import QuantisedNetwork
from hetlava.report.tables import table
from hetlava.tally import Tally
from hetlava.work import Work, connection_sparsity, footprint

NANO, MICRO = 1e-9, 1e-6


def energy_tables(report: EnergyReport, work: Work, net: Network | QuantisedNetwork) -> list[Table]:
    """Return NeuroBench's counts, and the terms of an estimate with their sources."""
    counts = [(name, f"{value:.6g}") for name, value in neurobench(work, net).items()]
    made = table(
        f"Energy: an estimate for {report.device} by {report.preset}",
        ("what", "per sample", "pJ each", "nJ per sample", "status", "source"),
        _lines(report),
    )
    made.columns[5].justify = "left"
    made.caption = "; ".join(("an estimate, not a measurement", *report.notes))
    made.caption_justify = "left"
    return [table("Work, as NeuroBench counts it", ("what", "mean"), counts), made]


def _lines(report: EnergyReport) -> Iterable[tuple[str, ...]]:
    for term in report.terms:
        unit = 1e-12 if not term.quantity.startswith("seconds") else 1.0
        yield (
            term.quantity,
            f"{float(np.mean(term.count)):.4g}",
            f"{term.joules_each / unit:.4g}" + ("" if unit != 1.0 else " W"),
            f"{float(np.mean(term.joules)) / NANO:.4g}",
            term.source.status,
            term.source.text,
        )
    yield ("in all", "", "", f"{float(np.mean(report.joules)) / NANO:.4g}", "", "")
    if report.seconds is not None and report.times_source is not None:
        latency = f"{float(np.mean(report.seconds)) / MICRO:.4g} us"
        yield ("latency", latency, "", "", report.times_source.status, report.times_source.text)


def neurobench(work: Work, net: Network | QuantisedNetwork) -> dict[str, float]:
    """Return NeuroBench's metrics, means over samples where they are of samples."""
    by_sample = work.synops.astype(np.float64)
    return {
        "effective ACs": float(by_sample[~work.graded].sum() / work.n_samples),
        "effective MACs": float(by_sample[work.graded].sum() / work.n_samples),
        "dense synaptic operations": float(work.dense.sum()),
        "membrane updates": float(work.updates.sum() / work.n_samples),
        "activation sparsity": work.activation_sparsity,
        "connection sparsity": connection_sparsity(net),
        "footprint in bytes": footprint(net),
    }


def write_run(
    path: Path,
    whole: Tally,
    labels: Int64,
    net: Network | QuantisedNetwork,
    report: EnergyReport | None,
) -> None:
    """Write what a run gave as JSON: accuracy, spikes, work, and the estimate if there is one.

    Raises
    ------
    DataError
        If the disk refuses; an old file stays.
    """
    n = whole.n_samples
    content: dict[str, Any] = {
        "target": whole.target,
        "provenance": whole.provenance,
        "samples": n,
        "accuracy": wilson(int((whole.predictions == labels).sum()), n)._asdict(),
        "synops_per_sample": float(np.mean(whole.synops)),
        "spikes_per_sample": {
            name: spikes / n for name, spikes in zip(whole.names, whole.spikes, strict=True)
        },
        "seconds_per_sample": whole.seconds / n,
        "work": neurobench(whole.work, net) if whole.work else None,
        "energy": report.to_plain() if report else None,
    }
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2) + "\n")
