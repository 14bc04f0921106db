"""Times and voltages as people write them: a number that always carries its unit."""

import math
import re
from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType

from hetlava.errors import ValidationError

POWERS: Mapping[str, int] = MappingProxyType({"s": 0, "ms": -3, "us": -6})
VOLT_POWERS: Mapping[str, int] = MappingProxyType({"V": 0, "mV": -3})
_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_QUANTITY = re.compile(rf"({_NUMBER})\s*(.*)")


def parse_time(text: str) -> float:
    """Return the seconds of ``20ms``, ``0.02 s`` or ``500us``, rounded once.

    Raises
    ------
    ValidationError
        If it is no number, or its unit is missing or unknown.

    Examples
    --------
    >>> parse_time("20ms")
    0.02
    """
    return _parse(text, POWERS, "time", "20ms", ("ms", "s", "us"))


def parse_volts(text: str) -> float:
    """Return the volts of ``0.5V`` or ``-20 mV``, rounded once.

    Raises
    ------
    ValidationError
        If it is no number, or its unit is missing or unknown.
    """
    return _parse(text, VOLT_POWERS, "voltage", "0.5V", ("V", "mV"))


def _parse(
    text: str, powers: Mapping[str, int], noun: str, example: str, units: tuple[str, ...]
) -> float:
    match = _QUANTITY.fullmatch(text.strip())
    if match is None:
        raise ValidationError(
            f"{text!r} is not a {noun}; write a number and its unit, as {example}"
        )
    number, unit = match.groups()
    if not unit:
        *first, last = (number + u for u in units)
        raise ValidationError(f"{number} has no unit; write {', '.join(first)} or {last}")
    if unit not in powers:
        raise ValidationError(f"{text!r}: unit {unit!r} is unknown; known: {', '.join(powers)}")
    try:
        return float(Decimal(number).scaleb(powers[unit]))
    except ArithmeticError:  # an exponent that no decimal holds
        raise ValidationError(f"{text!r} is too large or too small for a {noun}") from None


def format_time(seconds: float) -> str:
    """Write a time so that :func:`parse_time` gives the same float back.

    Examples
    --------
    >>> [format_time(t) for t in (2.0, 0.02, 5e-7)]
    ['2s', '20ms', '0.5us']
    """
    exact = Decimal(repr(float(seconds)))
    if not exact.is_finite():
        return f"{seconds} s"
    unit = "s" if abs(exact) >= 1 else "ms" if abs(exact) >= Decimal("1e-4") else "us"
    return f"{exact.scaleb(-POWERS[unit]).normalize():f}{unit}"


def format_volts(volts: float) -> str:
    """Write a voltage so that :func:`parse_volts` gives the same float back; ``0.5V``."""
    exact = Decimal(repr(float(volts)))
    return f"{exact.normalize():f}V" if exact.is_finite() else f"{volts} V"


def parse_number(text: str) -> float:
    """Return a plain number without unit.

    Raises
    ------
    ValidationError
        If it is none, or is not finite.
    """
    if re.fullmatch(_NUMBER, text.strip()) is None or not math.isfinite(float(text)):
        raise ValidationError(f"{text!r} is not a plain number")
    return float(text)


def format_number(value: float) -> str:
    """Write a number so that :func:`parse_number` gives the same float back; 3.0 is ``3``."""
    return repr(float(value)).removesuffix(".0")
