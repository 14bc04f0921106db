"""Digital chips in TOML files: a table of numbers with sources that a user writes.

A file holds ``name`` and, for every limit of :class:`hetlava.chip_spec.ChipSpec`, a line such as
``cores = { value = 128, status = "verified", source = "data sheet, table 2" }``. Everything that is
wrong with a file is said at once.
"""

import json
import tomllib
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

from hetlava.chip_spec import MEANINGS, ChipSpec, Source, Status, contradictions
from hetlava.chips import CHIPS, OTHERS, chip
from hetlava.errors import DataError, FormatError, ValidationError
from hetlava.files import to_read
from hetlava.fixedpoint import MESSAGE_BITS_MAX

SIZE_MAX = 1 << 20  # [byte] of a file
SUFFIX = ".toml"
ENTRY = ("value", "status", "source")
# of tables that were written before a limit was known
ADDED = {
    "message_bits": (MESSAGE_BITS_MAX, "assumed", "the table does not say; as wide as any"),
    "refractory_max": (0, "assumed", "the table does not say; none"),
    "subtract_reset": (0, "assumed", "the table does not say; none"),
}


def find_chip(name: str) -> ChipSpec:
    """Return a listed digital chip by its name, or the one that a ``.toml`` file describes.

    Raises
    ------
    ValidationError
        If there is no such chip, or the file's table is incomplete or contradicts itself.
    DataError, FormatError
        If there is no such file, or it is no TOML.
    """
    return read_chip(Path(name)) if name.endswith(SUFFIX) else chip(name)


def read_chip(path: Path) -> ChipSpec:
    """Read a chip from a TOML file.

    Raises
    ------
    DataError
        If there is no such file, or it cannot be read.
    FormatError
        If it is no TOML, or far too long for a chip.
    ValidationError
        If limits are missing, unknown, of the wrong type or contradict each other: all of it.
    """
    to_read(path)
    try:
        if path.stat().st_size > SIZE_MAX:
            raise FormatError(f"{path}: has more than the {SIZE_MAX} bytes of a chip's table")
        plain = tomllib.loads(path.read_bytes().decode())
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{path}: is no TOML: {error}") from error
    name = plain.get("name")
    if isinstance(name, str) and name in (*CHIPS, *OTHERS):
        raise ValidationError(f"{path}: the name {name} is a listed chip's; give yours another")
    return from_plain(plain, str(path))


def from_plain(plain: object, where: str) -> ChipSpec:
    """Return the chip of a nested mapping, as TOML and JSON give it.

    Raises
    ------
    ValidationError
        If limits are missing, unknown, of the wrong type or contradict each other: all of it.
    """
    if not isinstance(plain, Mapping):
        raise ValidationError(f"{where}: is a {type(plain).__name__}, expected a chip's table")
    added = {name: dict(zip(ENTRY, values, strict=True)) for name, values in ADDED.items()}
    plain = {**added, **plain}
    wrong = [*_shape_errors(plain)]
    if not wrong:
        numbers = {name: plain[name]["value"] for name in ChipSpec.limits()}
        wrong = [*contradictions(str(plain["name"]), numbers)]
    if wrong:
        lines = "".join(f"\n  {text}" for text in wrong)
        raise ValidationError(f"{where}: is no complete chip:{lines}")
    sources = {name: Source(plain[name]["source"], plain[name]["status"]) for name in numbers}
    return ChipSpec(name=plain["name"], **numbers, sources=sources)


def to_plain(spec: ChipSpec) -> dict[str, Any]:
    """Return a chip as nested mappings of plain values; ``from_plain`` gives an equal one."""
    return {"name": spec.name} | {
        name: {"value": getattr(spec, name), "status": s.status, "source": s.text}
        for name, s in ((name, spec.sources[name]) for name in spec.limits())
    }


def toml_of(spec: ChipSpec) -> str:
    """Return a chip as a TOML file that says what each limit means."""
    lines = [
        "# A digital chip for hetlava: change the numbers, and say of each where it comes from.",
        f"# status: {', '.join(get_args(Status))}",
        "",
        f"name = {_toml(spec.name)}",
    ]
    for name, entry in to_plain(spec).items():
        if name != "name":
            pairs = ", ".join(f"{key} = {_toml(entry[key])}" for key in ENTRY)
            lines += ["", f"# {MEANINGS[name]}", f"{name} = {{ {pairs} }}"]
    return "\n".join(lines) + "\n"


def _toml(value: str | int) -> str:
    # JSON's text is TOML's but for pairs of surrogates and for one control character
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _shape_errors(plain: Mapping[Any, Any]) -> Iterator[str]:
    """Yield what is missing, unknown, or of another type than it must be."""
    limits = ChipSpec.limits()
    if not isinstance(plain.get("name"), str):
        yield 'name: missing, expected a text such as name = "mychip"'
    for key in plain:
        if key not in ("name", *limits):
            near = get_close_matches(str(key), limits, 1)
            yield f"{key}: unknown{f'; {near[0]} is meant?' if near else ''}"
    for name in limits:
        if name not in plain:
            yield f"{name}: missing ({MEANINGS[name]})"
        else:
            yield from _entry_errors(name, plain[name])


def _entry_errors(name: str, entry: Any) -> Iterator[str]:
    if not isinstance(entry, Mapping) or set(entry) != set(ENTRY):
        yield f"{name}: {entry!r:.60}, expected {{ value = 1, status = ..., source = ... }}"
        return
    # bool is an int to isinstance, but no number here
    if type(entry["value"]) is not int:
        yield f"{name}: value {entry['value']!r:.40} is no whole number"
    if entry["status"] not in get_args(Status):
        known = ", ".join(get_args(Status))
        yield f"{name}: status {entry['status']!r:.40} is unknown; known: {known}"
    if not isinstance(entry["source"], str) or not entry["source"].strip():
        yield f"{name}: source {entry['source']!r:.40}, expected where the number comes from"
