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

    The strongly connected components of the graph (Kosaraju; Sharir 1981), sources first. A group
    of one may still have a projection onto itself.
    """
    after: dict[str, list[str]] = {name: [] for name in names}
    before: dict[str, list[str]] = {name: [] for name in names}
    for wire in wires:
        if wire.source != INPUT:
            after[wire.source].append(wire.target)
            before[wire.target].append(wire.source)
    seen: set[str] = set()
    left = [name for start in names for name in _leaving(start, after, seen)]
    order = {name: k for k, name in enumerate(names)}
    seen.clear()
    groups = (_leaving(start, before, seen) for start in reversed(left))
    return [tuple(sorted(group, key=order.__getitem__)) for group in groups if group]


def _leaving(start: str, after: dict[str, list[str]], seen: set[str]) -> list[str]:
    """Return what is newly reached from ``start``, in the order that a depth-first walk leaves it.

    Without recursion: a chain of populations may be longer than the stack is deep.
    """
    if start in seen:
        return []
    seen.add(start)
    path, left = [(start, iter(after[start]))], []
    while path:
        name, rest = path[-1]
        new = next((n for n in rest if n not in seen), None)
        if new is None:
            path.pop()
            left.append(name)
        else:
            seen.add(new)
            path.append((new, iter(after[new])))
    return left
