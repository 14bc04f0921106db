"""Heterogeneity as text: ``gamma:20ms,shape=3`` to a distribution and back.

A declaration is a family, its values with units, its numbers by name, and if wanted a clip::

    constant:20ms                   uniform:5ms,35ms              levels:1ms,2ms,4ms
    gamma:20ms,shape=3              lognormal:20ms,sigma=0.5,max=100ms
    double:20ms,100ms,share=0.05    lognormal:median=20ms,sigma=0.5
    empirical:18.2ms,25.1ms,31ms    empirical:taus.csv

Potentials are written alike, in volts: ``uniform:-0.5V,0.5V``. The plain value of ``gamma`` and
``lognormal`` is the mean. ``empirical`` takes its values from a file too, one to a line with its
unit. ``str`` of a distribution is its declaration, which parses to an equal one and names no file.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from hetlava.distributions import (
    UNBOUNDED,
    Constant,
    Distribution,
    Gamma,
    Levels,
    Lognormal,
    Uniform,
)
from hetlava.errors import ValidationError
from hetlava.files import to_read
from hetlava.listed_values import VALUES_MAX, Double, Empirical
from hetlava.quantities import QUANTITIES, Quantity, Unit
from hetlava.units import parse_number

LINE = 32  # characters that the line of a file of values has at most, on average
VALUE_KEYS = ("median", "min", "max")  # keys whose value has the unit


class Arguments(NamedTuple):
    """What stands behind the colon: plain values, and those by key, in seconds or volts."""

    values: tuple[float, ...]
    keys: Mapping[str, float]
    unit: Unit
    clip: tuple[float, float] = UNBOUNDED


class Family(NamedTuple):
    """How a family is written, and what makes it.

    ``numbers`` are the keys that it needs, ``instead`` is a key that can replace the plain value,
    ``n_values`` how many plain values it takes (None: any number from one on).
    """

    example: str
    of_potentials: str
    make: Callable[[Arguments], Distribution]
    numbers: tuple[str, ...] = ()
    instead: str = ""
    n_values: int | None = 1

    def example_in(self, unit: Unit) -> str:
        """Return an example of values in ``unit``."""
        return self.example if unit == "s" else self.of_potentials


def _lognormal(a: Arguments) -> Lognormal:
    sigma = a.keys["sigma"]
    if a.values:
        return Lognormal(value=a.values[0], sigma=sigma, unit=a.unit, clip=a.clip)
    return Lognormal(value=a.keys["median"], sigma=sigma, of="median", unit=a.unit, clip=a.clip)


FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        "constant": Family(
            "constant:20ms",
            "constant:1V",
            lambda a: Constant(value=a.values[0], unit=a.unit, clip=a.clip),
        ),
        "gamma": Family(
            "gamma:20ms,shape=3",
            "gamma:1V,shape=3",
            lambda a: Gamma(value=a.values[0], shape=a.keys["shape"], unit=a.unit, clip=a.clip),
            ("shape",),
        ),
        "lognormal": Family(
            "lognormal:20ms,sigma=0.5", "lognormal:1V,sigma=0.5", _lognormal, ("sigma",), "median"
        ),
        "uniform": Family(
            "uniform:5ms,35ms",
            "uniform:-0.5V,0.5V",
            lambda a: Uniform(low=a.values[0], high=a.values[1], unit=a.unit, clip=a.clip),
            n_values=2,
        ),
        "levels": Family(
            "levels:1ms,2ms,4ms",
            "levels:0.5V,1V,1.5V",
            lambda a: Levels(values=a.values, unit=a.unit, clip=a.clip),
            n_values=None,
        ),
        "double": Family(
            "double:20ms,100ms,share=0.05",
            "double:1V,2V,share=0.05",
            lambda a: Double(
                first=a.values[0],
                second=a.values[1],
                share=a.keys["share"],
                unit=a.unit,
                clip=a.clip,
            ),
            ("share",),
            n_values=2,
        ),
        "empirical": Family(
            "empirical:18ms,25ms,31ms",
            "empirical:0.9V,1.1V,1.2V",
            lambda a: Empirical(values=a.values, unit=a.unit, clip=a.clip),
            n_values=None,
        ),
    }
)


def parse(text: str, unit: Unit = "s") -> Distribution:
    """Return the distribution that a declaration stands for, of seconds or of volts.

    Raises
    ------
    ValidationError
        For an unknown family (the message lists the known), a value without unit, not above 0 or
        absurd, an inverted range, a key that is missing, unknown or doubled.

    Examples
    --------
    >>> parse("gamma:20ms,shape=3")
    Gamma(unit='s', clip=(1e-09, 10000.0), value=0.02, shape=3.0)
    >>> str(parse("lognormal:median=0.02s,sigma=0.50,max=100ms"))
    'lognormal:median=20ms,sigma=0.5,max=100ms'
    >>> parse("uniform:-0.5V,500mV", "V").support
    (-0.5, 0.5)
    """
    name, _, rest = text.strip().partition(":")
    if name not in FAMILIES:
        known = ", ".join(f.example_in(unit) for f in FAMILIES.values())
        raise ValidationError(f"distribution {name!r} is unknown; known, as examples: {known}")
    family = FAMILIES[name]
    quantity = QUANTITIES[unit]
    try:
        if name == "empirical":
            rest = _with_values_of_file(rest, quantity)
        arguments = _arguments(rest, family, unit)
        _check_arguments(family, arguments)
        return family.make(arguments)
    except ValidationError as error:
        raise ValidationError(
            f"distribution {text!r}: {error}; example: {family.example_in(unit)}"
        ) from None


def mean_matched(distribution: Distribution) -> Constant:
    """Return the homogeneous network's constant: the mean of what a distribution draws."""
    return Constant(value=distribution.mean, unit=distribution.unit)


def _arguments(rest: str, family: Family, unit: Unit) -> Arguments:
    quantity = QUANTITIES[unit]
    values: list[float] = []
    keys: dict[str, float] = {}
    known = [*family.numbers, *filter(None, [family.instead]), "min", "max"]
    for part in rest.split(",") if rest.strip() else ():
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals:
            values.append(quantity.parse(key))
        elif key not in known:
            raise ValidationError(f"key {key!r} is unknown; known: {', '.join(known)}")
        elif key in keys:
            raise ValidationError(f"key {key!r} is given twice")
        else:
            keys[key] = (quantity.parse if key in VALUE_KEYS else parse_number)(value)
    low, high = quantity.range
    clip = keys.get("min", low), keys.get("max", high)
    return Arguments(tuple(values), keys, unit, clip)


def _with_values_of_file(rest: str, quantity: Quantity) -> str:
    """Replace the name of a file, which stands first, by the values in it."""
    name, comma, others = rest.partition(",")
    if not name.strip().endswith((".csv", ".txt")):
        return rest
    path = to_read(Path(name.strip()))
    with path.open(encoding="utf-8", errors="replace") as file:
        lines = [line.strip() for line in file.readlines(LINE * VALUES_MAX) if line.strip()]
    for number, line in enumerate(lines, 1):
        try:
            quantity.parse(line)
        except ValidationError as error:
            raise ValidationError(f"{path}, line {number}: {error}") from None
    return ",".join(lines) + comma + others


def _check_arguments(family: Family, arguments: Arguments) -> None:
    missing = [key for key in family.numbers if key not in arguments.keys]
    if missing:
        raise ValidationError(f"key {missing[0]!r} is missing")
    n = len(arguments.values) + (family.instead in arguments.keys)
    if n < 1 or family.n_values not in (None, n):
        expected = "at least 1" if family.n_values is None else family.n_values
        also = f" (plain, or as {family.instead}=)" if family.instead else ""
        plural = QUANTITIES[arguments.unit].plural
        raise ValidationError(f"{n} {plural} given, expected {expected}{also}")
