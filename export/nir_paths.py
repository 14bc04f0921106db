"""The ways from neurons to neurons in a graph of NIR."""

from collections.abc import Iterator
from dataclasses import dataclass

from hetlava.errors import FormatError
from hetlava.export.nir_nodes import Nodes

PATHS_MAX = 10_000  # between populations; branches that meet again multiply them
WEIGHTS = ("Linear", "Affine", "Conv2d", "SumPool2d", "AvgPool2d")
THROUGH = (*WEIGHTS, "Flatten", "Scale", "Delay")


@dataclass(frozen=True)
class Path:
    """The nodes from one population to the next."""

    source: str
    through: tuple[str, ...]
    target: str


def paths(graph: Nodes, starts: tuple[str, ...]) -> Iterator[Path]:
    """Yield the ways from input and neurons to neurons and output, in the order of the edges."""
    after: dict[str, list[str]] = {name: [] for name in graph.nodes}
    for a, b in graph.edges:
        if a not in after or b not in after:
            raise FormatError(f"an edge from {a} to {b}, which are not both nodes")
        after[a].append(b)
    count = 0
    for start in starts:
        waiting = [Path(start, (), name) for name in reversed(after[start])]
        while waiting:
            path = waiting.pop()
            here, through = path.target, path.through
            count += 1
            if count > PATHS_MAX:
                raise FormatError(f"more than {PATHS_MAX} paths between neurons")
            if graph.nodes[here]["type"] not in THROUGH:
                yield path
            elif here in through:
                raise FormatError(f"{here}: is on a loop without neurons")
            else:
                waiting += [Path(start, (*through, here), n) for n in reversed(after[here])]
