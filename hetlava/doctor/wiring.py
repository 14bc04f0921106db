"""What is wrong with who leads to whom."""

from collections.abc import Iterable, Iterator

import numpy as np

from hetlava.doctor.findings import Case, Finding
from hetlava.graph import INPUT


def weights_exist(case: Case) -> Iterator[Finding]:
    """No weight matrix is all zeros."""
    for q in case.net.projections:
        if not np.any(q.weights):
            yield Finding(
                severity="warning",
                where=f"{q.source} -> {q.target}",
                count=q.weights.size,
                text="all weights are 0; lava-dl's loader fails on such a matrix",
                cure="leave it out, or lower weight_exp so that weights survive rounding",
            )


def input_reaches(case: Case) -> Iterator[Finding]:
    """Every population hears the input, if by way of others."""
    heard = _reached(INPUT, _wires(case))
    for p in case.net.populations:
        if p.name not in heard:
            yield Finding(
                severity="warning",
                where=p.name,
                count=p.registers.n,
                text="no path of non-zero weights leads here from the input",
                cure="connect it, or remove it, unless its biases are to drive it",
            )


def output_is_reached(case: Case) -> Iterator[Finding]:
    """Every population has a say in the output."""
    wires = ((target, source) for source, target in _wires(case))
    has_say = _reached(case.net.output, wires)
    for p in case.net.populations:
        if p.name not in has_say:
            yield Finding(
                severity="warning",
                where=p.name,
                count=p.registers.n,
                text=f"no path of non-zero weights leads to the output {case.net.output!r}",
                cure="connect it, or remove it: it costs neurons and changes no result",
            )


def _wires(case: Case) -> Iterator[tuple[str, str]]:
    yield from ((q.source, q.target) for q in case.net.projections if np.any(q.weights))


def _reached(start: str, wires: Iterable[tuple[str, str]]) -> set[str]:
    after: dict[str, list[str]] = {}
    for source, target in wires:
        after.setdefault(source, []).append(target)
    seen, waiting = {start}, [start]
    while waiting:
        new = set(after.get(waiting.pop(), ())) - seen
        seen |= new
        waiting += new
    return seen
