"""A parity ladder as JSON, for machines."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hetlava.files import replacing
from hetlava.parity import Interval, Parity
from hetlava.report.ladder import Ladder
from hetlava.sim.slayer import Shown


def write_json(
    path: Path,
    ladder: Ladder,
    max_drop: float,
    *,
    differences: Sequence[Shown] = (),
    netx_refused: str | None = None,
) -> None:
    """Write every rung with its intervals, layers, first difference and failure.

    ``differences`` are those between SLAYER and a chip that a run came upon, ``netx_refused`` why
    netx could not be asked.
    """
    rungs = [
        _rung(parity) | {"failure": reason}
        for parity, reason in zip(ladder.rungs, ladder.failures, strict=True)
    ]
    content = {"passed": ladder.passed, "max_drop": max_drop, "rungs": rungs}
    if differences:
        content["differences"] = [asdict(one) for one in differences]
    if netx_refused is not None:
        content["netx_refused"] = netx_refused
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2) + "\n")


def _rung(parity: Parity) -> dict[str, Any]:
    first = parity.first_difference
    return {
        "reference": parity.reference,
        "candidate": parity.candidate,
        "n_samples": parity.n_samples,
        "reference_accuracy": _interval(parity.reference_accuracy),
        "accuracy": _interval(parity.accuracy),
        "drop": _interval(parity.drop),
        "same_prediction": parity.same_prediction,
        "layers": [layer._asdict() for layer in parity.layers],
        "first_difference": first._asdict() if first else None,
    }


def _interval(value: Interval) -> dict[str, float]:
    return value._asdict()
