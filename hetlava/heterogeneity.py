"""Heterogeneity as text: ``gamma:20ms,shape=3`` to a distribution of time constants and back.

A declaration is a family, its times with units, its numbers by name, and if wanted a clip::

    constant:20ms                   uniform:5ms,35ms              levels:1ms,2ms,4ms
    gamma:20ms,shape=3              lognormal:20ms,sigma=0.5,max=100ms
    double:20ms,100ms,share=0.05    lognormal:median=20ms,sigma=0.5
    empirical:18.2ms,25.1ms,31ms    empirical:taus.csv

The plain time of ``gamma`` and ``lognormal`` is the mean. ``empirical`` takes its times from a file
too, one to a line with its unit. ``str`` of a distribution is its declaration, which parses to an
equal one and names no file.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from hetlava.distributions import (
    TAU_MIN,
    Constant,
    Distribution,
    Gamma,
    Levels,
    Lognormal,
    Uniform,
)
from hetlava.errors import ValidationError
from hetlava.listed_values import VALUES_MAX, Double, Empirical
from hetlava.neurons.cuba import TAU_MAX
from hetlava.units import parse_number, parse_time

LINE = 32  # characters that the line of a file of times has at most, on average
TIME_KEYS = ("median", "min", "max")  # keys whose value is a time


class Arguments(NamedTuple):
    """What stands behind the colon: plain times [s], and values by key (times in [s])."""

    times: tuple[float, ...]
    keys: Mapping[str, float]


class Family(NamedTuple):
    """How a family is written, and what makes it.

    ``numbers`` are the keys that it needs, ``instead`` is a key that can replace the plain time,
    ``n_times`` how many plain times it takes (None: any number from one on).
    """

    example: str
    make: Callable[[Arguments], Distribution]
    numbers: tuple[str, ...] = ()
    instead: str = ""
    n_times: int | None = 1


def _lognormal(a: Arguments) -> Lognormal:
    if a.times:
        return Lognormal(value=a.times[0], sigma=a.keys["sigma"])
    return Lognormal(value=a.keys["median"], sigma=a.keys["sigma"], of="median")


FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        "constant": Family("constant:20ms", lambda a: Constant(value=a.times[0])),
        "gamma": Family(
            "gamma:20ms,shape=3",
            lambda a: Gamma(value=a.times[0], shape=a.keys["shape"]),
            ("shape",),
        ),
        "lognormal": Family("lognormal:20ms,sigma=0.5", _lognormal, ("sigma",), "median"),
        "uniform": Family(
            "uniform:5ms,35ms", lambda a: Uniform(low=a.times[0], high=a.times[1]), n_times=2
        ),
        "levels": Family("levels:1ms,2ms,4ms", lambda a: Levels(values=a.times), n_times=None),
        "double": Family(
            "double:20ms,100ms,share=0.05",
            lambda a: Double(first=a.times[0], second=a.times[1], share=a.keys["share"]),
            ("share",),
            n_times=2,
        ),
        "empirical": Family(
            "empirical:18ms,25ms,31ms", lambda a: Empirical(values=a.times), n_times=None
        ),
    }
)


def parse(text: str) -> Distribution:
    """Return the distribution that a declaration stands for.

    Raises
    ------
    ValidationError
        For an unknown family (the message lists the known), a time without unit, not above 0 or
        absurd, an inverted range, a key that is missing, unknown or doubled.

    Examples
    --------
    >>> parse("gamma:20ms,shape=3")
    Gamma(clip=(1e-09, 10000.0), value=0.02, shape=3.0)
    >>> str(parse("lognormal:median=0.02s,sigma=0.50,max=100ms"))
    'lognormal:median=20ms,sigma=0.5,max=100ms'
    """
    name, _, rest = text.strip().partition(":")
    if name not in FAMILIES:
        known = ", ".join(f.example for f in FAMILIES.values())
        raise ValidationError(f"distribution {name!r} is unknown; known, as examples: {known}")
    family = FAMILIES[name]
    try:
        if name == "empirical":
            rest = _with_times_of_file(rest)
        arguments = _arguments(rest, family)
        _check_arguments(family, arguments)
        clip = arguments.keys.get("min", TAU_MIN), arguments.keys.get("max", TAU_MAX)
        return replace(family.make(arguments), clip=clip)
    except ValidationError as error:
        raise ValidationError(
            f"distribution {text!r}: {error}; example: {family.example}"
        ) from None


def mean_matched(distribution: Distribution) -> Constant:
    """Return the homogeneous network's constant: the mean of what a distribution draws."""
    return Constant(value=distribution.mean)


def _arguments(rest: str, family: Family) -> Arguments:
    times: list[float] = []
    keys: dict[str, float] = {}
    known = [*family.numbers, *filter(None, [family.instead]), "min", "max"]
    for part in rest.split(",") if rest.strip() else ():
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals:
            times.append(parse_time(key))
        elif key not in known:
            raise ValidationError(f"key {key!r} is unknown; known: {', '.join(known)}")
        elif key in keys:
            raise ValidationError(f"key {key!r} is given twice")
        else:
            keys[key] = (parse_time if key in TIME_KEYS else parse_number)(value)
    return Arguments(tuple(times), keys)


def _with_times_of_file(rest: str) -> str:
    """Replace the name of a file, which stands first, by the times in it."""
    name, comma, others = rest.partition(",")
    if not name.strip().endswith((".csv", ".txt")):
        return rest
    path = Path(name.strip())
    if not path.is_file():
        raise ValidationError(f"{path}: no such file")
    with path.open(encoding="utf-8", errors="replace") as file:
        lines = [line.strip() for line in file.readlines(LINE * VALUES_MAX) if line.strip()]
    for number, line in enumerate(lines, 1):
        try:
            parse_time(line)
        except ValidationError as error:
            raise ValidationError(f"{path}, line {number}: {error}") from None
    return ",".join(lines) + comma + others


def _check_arguments(family: Family, arguments: Arguments) -> None:
    missing = [key for key in family.numbers if key not in arguments.keys]
    if missing:
        raise ValidationError(f"key {missing[0]!r} is missing")
    n = len(arguments.times) + (family.instead in arguments.keys)
    if n < 1 or family.n_times not in (None, n):
        expected = "at least 1" if family.n_times is None else family.n_times
        also = f" (plain, or as {family.instead}=)" if family.instead else ""
        raise ValidationError(f"{n} time(s) given, expected {expected}{also}")
