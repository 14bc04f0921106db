"""What the float and the integer network share: names, wiring and the order of layers."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from hetlava.errors import ValidationError

INPUT = "input"


class Wire(Protocol):
    """Anything that leads spikes from a population (or the input) to a population."""

    @property
    def source(self) -> str: ...
    @property
    def target(self) -> str: ...
    @property
    def shape(self) -> tuple[int, int]:
        """(n_post, n_pre)."""
        ...


def check_wiring(sizes: dict[str, int], wires: Iterable[Wire], output: str) -> None:
    """Check that every wire joins existing populations with weights of the right shape.

    Raises
    ------
    ValidationError
        Naming the wire, what it asks for and what is there.
    """
    for wire in wires:
        label = f"projection {wire.source} -> {wire.target}"
        for end in (wire.source, wire.target):
            if end not in sizes:
                raise ValidationError(f"{label}: no population {end!r}; there are {list(sizes)}")
        if wire.target == INPUT:
            raise ValidationError(f"{label}: the input cannot be a target")
        expected = (sizes[wire.target], sizes[wire.source])
        if wire.shape != expected:
            raise ValidationError(
                f"{label}: weights of shape {wire.shape}, expected (n_post, n_pre) = {expected}"
            )
    if output not in sizes or output == INPUT:
        raise ValidationError(f"output {output!r} is not a population; there are {list(sizes)[1:]}")


def population_sizes(n_inputs: int, members: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Return the size of the input and of each population by name, refusing doubled names."""
    if n_inputs < 1:
        raise ValidationError(f"n_inputs is {n_inputs}, expected at least 1")
    sizes = {INPUT: n_inputs}
    for name, n in members:
        if name in sizes or not name or "/" in name:
            raise ValidationError(f"population name {name!r} is empty, doubled or holds a '/'")
        if n < 1:
            raise ValidationError(f"population {name!r} has no neurons")
        sizes[name] = n
    return sizes


def groups_in_order(names: Sequence[str], wires: Iterable[Wire]) -> list[tuple[str, ...]]:
    """Return populations in feed-forward order, those on a common loop in one group.

    The strongly connected components of the graph (Tarjan 1972), sources first. A group of one
    may still have a projection onto itself.
    """
    after: dict[str, list[str]] = {name: [] for name in names}
    for wire in wires:
        if wire.source != INPUT:
            after[wire.source].append(wire.target)
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    groups: list[tuple[str, ...]] = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for nxt in after[name]:
            if nxt not in index:
                visit(nxt)
                low[name] = min(low[name], low[nxt])
            elif nxt in stack:
                low[name] = min(low[name], index[nxt])
        if low[name] == index[name]:
            cut = stack.index(name)
            members = set(stack[cut:])
            groups.append(tuple(n for n in names if n in members))
            del stack[cut:]

    for name in names:
        if name not in index:
            visit(name)
    return groups[::-1]
