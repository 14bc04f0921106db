"""JUnit XML of a parity ladder: what CI systems show as tests."""

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from hetlava.files import replacing
from hetlava.parity import Parity


def write_junit(path: Path, ladder: Sequence[Parity], failures: Sequence[str | None]) -> None:
    """Write one test case per rung; ``failures`` gives the reason of those that failed."""
    suite = ElementTree.Element(
        "testsuite",
        name="hetlava verify",
        tests=str(len(ladder)),
        failures=str(sum(reason is not None for reason in failures)),
    )
    for parity, reason in zip(ladder, failures, strict=True):
        case = ElementTree.SubElement(
            suite, "testcase", classname="parity", name=f"{parity.reference} -> {parity.candidate}"
        )
        if reason is not None:
            ElementTree.SubElement(case, "failure", message=reason)
        out = ElementTree.SubElement(case, "system-out")
        out.text = (
            f"accuracy {parity.accuracy.value:.2f} %, drop {parity.drop.value:.2f} points, "
            f"first difference {parity.first_difference}"
        )
    with replacing(path) as temporary:
        ElementTree.ElementTree(suite).write(temporary, encoding="utf-8", xml_declaration=True)
