"""The doctor's findings, for people and for machines."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from hetlava.doctor import SEVERITIES, Finding
from hetlava.files import replacing
from hetlava.report.tables import table

COLOURS = {"error": "bold red", "warning": "yellow", "note": "dim"}


def findings_table(title: str, findings: Sequence[Finding]) -> Table:
    """Return a table of findings, one row each."""
    made = table(title, ("severity", "where", "count", "what", "cure"), ())
    for f in findings:
        colour = COLOURS[f.severity]
        # names come from a file, which may hold what rich takes for markup
        words = (escape(f.where), str(f.count), escape(f.text), escape(f.cure))
        made.add_row(f"[{colour}]{f.severity}[/]", *words)
    for name, column in zip(("where", "what", "cure"), (1, 3, 4), strict=True):
        made.columns[column].justify = "left"
        made.columns[column].ratio = {"where": 1, "what": 3, "cure": 2}[name]
    return made


def tally(findings: Sequence[Finding]) -> str:
    """Count findings by severity, as ``1 error, 2 warnings, 0 notes``."""
    counts = Counter(f.severity for f in findings)
    return ", ".join(f"{counts[s]} {s}{'' if counts[s] == 1 else 's'}" for s in SEVERITIES)


def write_findings(path: Path, file: Path, chip: str, findings: Sequence[Finding]) -> None:
    """Write findings as JSON, with ``passed`` false where there is an error."""
    content = {
        "file": str(file),
        "chip": chip,
        "passed": all(f.severity != "error" for f in findings),
        "findings": [asdict(f) for f in findings],
    }
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2) + "\n")
