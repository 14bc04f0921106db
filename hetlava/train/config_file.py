"""A training run as a TOML file: the options of ``hetlava train`` and a table per parameter.

::

    trainer = "norse"
    dataset = "digits"
    dt = "1ms"
    hidden = ["16c5", "2p", 128]

    [heterogeneity.tau_mem]
    distribution = "gamma:20ms,shape=3"
    learn = "neuron"
    space = "decay"
    clip = "code2021"
    lr = 0.001
    regularise = ["variance:0.01"]

Keys are the fields of :class:`hetlava.train.config.TrainConfig`; what is not given is the preset of
the data set. A table says of a parameter what ``--tau-mem``, ``--learn``, ``--space``, ``--clip``,
``--lr-of`` and ``--regularise`` say.
"""

import difflib
import json
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple

from hetlava.declaration_text import by_parameter, written
from hetlava.declarations import PARAMETERS, TIMES
from hetlava.errors import DataError, FormatError, ValidationError
from hetlava.train.config import TrainConfig
from hetlava.units import format_number, format_time, parse_time

MAX_BYTES = 16 << 20  # of a file; the longest hold a measured population
TABLE = "heterogeneity"
# the options that are said for each parameter, and as tables call them
EACH = {"learn": "learn", "space": "space", "clip": "clip", "lr_of": "lr"}
TABLE_KEYS = ("distribution", "learn", "space", "clip", "lr", "regularise")


class Kind(NamedTuple):
    """A type of values: how messages call it, what it accepts, and what becomes of that."""

    words: str
    accepts: Callable[[Any], bool]
    convert: Callable[[Any], Any]


def _is_whole(value: object) -> bool:
    return type(value) is int  # true is a whole number to Python, not to a user


def _is_number(value: object) -> bool:
    return type(value) in (int, float)


def _are(accepts: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and all(map(accepts, value))


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _number_or_text(value: float | str) -> float | str:
    return value if isinstance(value, str) else float(value)


TEXT = Kind("text", _is_text, str)
KINDS: Mapping[object, Kind] = {
    bool: Kind("true or false", lambda value: isinstance(value, bool), bool),
    int: Kind("a whole number", _is_whole, int),
    float: Kind("a number", _is_number, float),
    float | str: Kind(
        "a number [V] or a distribution as text",
        lambda value: _is_number(value) or _is_text(value),
        _number_or_text,
    ),
    tuple[int | str, ...]: Kind(
        "a list of whole numbers and texts",
        _are(lambda value: _is_whole(value) or _is_text(value)),
        tuple,
    ),
    tuple[int, int, int] | None: Kind("a list of three whole numbers", _are(_is_whole), tuple),
    tuple[str, ...]: Kind("a list of texts", _are(_is_text), tuple),
}


def read_config_file(path: Path) -> dict[str, Any]:
    """Return what a file asks for, by the fields of a configuration.

    Raises
    ------
    DataError
        If it cannot be read.
    FormatError
        If it is no TOML, has unknown keys or values of a wrong type; the message names the key.
    """
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise FormatError(f"{path}: {size} bytes, no configuration is above {MAX_BYTES}")
        plain = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise FormatError(f"{path}: is no TOML: {error}") from error
    tables = plain.pop(TABLE, {})
    known = [f.name for f in fields(TrainConfig)]
    asked = {}
    for key, value in plain.items():
        if key not in known:
            raise FormatError(f"{path}: {_unknown(key, (*known, TABLE))}")
        asked[key] = _value(path, key, key, value)
    return _with_tables(path, asked, tables)


def merged(file: Mapping[str, Any], line: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a file and the command line ask for together; the line has the last word.

    Parameters
    ----------
    line : mapping
        By field; None is what it does not say.
    """
    said = {name: value for name, value in line.items() if value is not None}
    for name in EACH.keys() & said.keys() & file.keys():
        plain = TIMES if name in ("space", "clip") else ()
        before, after = (by_parameter(name, texts, plain) for texts in (file[name], said[name]))
        said[name] = written(before | after)
    return {**file, **said}


def to_toml(config: TrainConfig) -> str:
    """Return the file of a configuration, which :func:`read_config_file` reads back to it."""
    tabled = {*PARAMETERS, *EACH}
    lines = [
        f"{f.name} = {_toml(f.name, getattr(config, f.name))}"
        for f in fields(config)
        if f.name not in tabled
    ]
    said = {key: by_parameter(name, getattr(config, name)) for name, key in EACH.items()}
    for parameter in PARAMETERS:
        lines += ["", f"[{TABLE}.{parameter}]"]
        lines.append(f"distribution = {_toml('', getattr(config, parameter))}")
        for key in EACH.values():
            if parameter in said[key]:
                value = said[key][parameter]
                lines.append(f"{key} = {_toml('', float(value) if key == 'lr' else value)}")
    return "\n".join(lines) + "\n"


def _with_tables(path: Path, asked: dict[str, Any], tables: object) -> dict[str, Any]:
    if not isinstance(tables, dict):
        raise FormatError(f"{path}: {TABLE} is no table; write [{TABLE}.tau_mem]")
    lists: dict[str, list[str]] = {}
    for parameter, table in tables.items():
        where = f"{TABLE}.{parameter}"
        if parameter not in PARAMETERS:
            raise FormatError(f"{path}: {TABLE}: {_unknown(parameter, PARAMETERS)}")
        if not isinstance(table, dict):
            raise FormatError(f"{path}: {where} is no table; write [{where}]")
        for key, value in table.items():
            if key not in TABLE_KEYS:
                raise FormatError(f"{path}: {where}: {_unknown(key, TABLE_KEYS)}")
            at = f"{where}.{key}"
            if key != "distribution":
                name, texts = _listed(path, at, key, value)
                lists.setdefault(name, []).extend(f"{parameter}={text}" for text in texts)
            elif parameter in asked:
                raise FormatError(f"{path}: {parameter} and {at} are both given")
            else:
                asked[parameter] = _value(path, at, parameter, value)
    for name, found in lists.items():
        asked[name] = (*asked.get(name, ()), *found)
    return asked


def _listed(path: Path, where: str, key: str, value: object) -> tuple[str, tuple[str, ...]]:
    """Return the option that a key of a table is for, and what it says there."""
    if key == "regularise":
        return key, _value(path, where, key, value)
    name = next(name for name, called in EACH.items() if called == key)
    kind = KINDS[float] if key == "lr" else TEXT
    if not kind.accepts(value):
        raise FormatError(f"{path}: {where} is {value!r}, expected {kind.words}")
    return name, (format_number(kind.convert(value)) if key == "lr" else str(value),)


def _value(path: Path, where: str, field: str, value: object) -> Any:
    """Return the value of a field, checked for its type."""
    if field == "dt" and isinstance(value, str):
        try:
            return parse_time(value)
        except ValidationError as error:
            raise FormatError(f"{path}: {where}: {error}") from None
    kind = KINDS.get(TrainConfig.__annotations__[field], TEXT)
    if not kind.accepts(value):
        raise FormatError(f"{path}: {where} is {value!r}, expected {kind.words}")
    return kind.convert(value)


def _unknown(key: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(key, list(known), n=1)
    hint = f"did you mean {near[0]}" if near else f"known: {', '.join(known)}"
    return f"key {key!r} is unknown; {hint}"


def _toml(name: str, value: object) -> str:
    if name == "dt":
        return _toml("", format_time(value))  # type: ignore[arg-type]
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "[]"  # only an image, of which TOML cannot say that there is none
    if isinstance(value, tuple):
        return f"[{', '.join(_toml('', item) for item in value)}]"
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, int):
        return str(value)
    # TOML knows JSON's escapes; DEL is to be escaped in TOML alone
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
