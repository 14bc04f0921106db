"""Targets of other packages, announced as entry points of the group ``hetlava.targets``.

``[project.entry-points."hetlava.targets"]`` ``mychip-sim = "mypackage.mychip:TARGET"`` in a
package's ``pyproject.toml`` is all that it takes. A package that does not load is listed with what
is wrong with it, and stops nobody else.
"""

from collections.abc import Collection
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from hetlava.errors import TargetError
from hetlava.hardware.interface import Target
from hetlava.recording import Recording

GROUP = "hetlava.targets"


def plugins(taken: Collection[str]) -> tuple[Target, ...]:
    """Return the targets of other packages, by name; ``taken`` are hetlava's own names."""
    points = sorted(entry_points(group=GROUP), key=lambda point: (point.name, point.value))
    found: dict[str, Target] = {}
    for point in points:
        name = point.name
        while name in (*taken, *found):
            name = f"{name} of {_package(point)}" if name == point.name else f"{name}'"
        found[name] = _load(point) if name == point.name else _taken(point, name)
    return tuple(found.values())


def _load(point: EntryPoint) -> Target:
    try:
        made = point.load()
    except Exception as error:  # whatever another package raises is its own
        return _broken(point.name, f"{_package(point)}: {point.value} does not load: {error}")
    if not isinstance(made, Target):
        why = f"{_package(point)}: {point.value} is a {type(made).__name__}, no Target"
        return _broken(point.name, why)
    if made.name != point.name:
        why = f"{_package(point)}: {point.value} calls itself {made.name}, not {point.name}"
        return _broken(point.name, why)
    return made


def _taken(point: EntryPoint, name: str) -> Target:
    return _broken(name, f"{_package(point)}: the name {point.name} is taken; it needs another")


def _broken(name: str, why: str) -> Target:
    def refuse(*_: Any, **__: Any) -> Recording:
        raise TargetError(why)

    return Target(name=name, description="of another package", runner=refuse, missing=lambda: why)


def _package(point: EntryPoint) -> str:
    return f"package {point.dist.name}" if point.dist else "a package"
