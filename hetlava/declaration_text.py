"""Declarations as options write them: ``PARAM=VALUE``, clips, rates, potentials."""

from collections.abc import Mapping, Sequence

from hetlava.declarations import CLIPS, PARAMETERS, Clip
from hetlava.distributions import Constant, Distribution
from hetlava.errors import ValidationError
from hetlava.heterogeneity import parse
from hetlava.quantities import QUANTITIES, Unit
from hetlava.units import format_number, parse_number


def by_parameter(option: str, texts: Sequence[str], plain: Sequence[str] = ()) -> dict[str, str]:
    """Return the values of ``PARAM=VALUE`` by parameter, in the order of the parameters.

    Parameters
    ----------
    option : str
        Its name, for messages.
    plain : sequence of str
        The parameters that a VALUE alone is for, where they have none of their own.

    Raises
    ------
    ValidationError
        If a parameter is unknown or named twice, or a value stands alone and may not.

    Examples
    --------
    >>> by_parameter("space", ("decay", "tau_syn=logit"), ("tau_mem", "tau_syn"))
    {'tau_mem': 'decay', 'tau_syn': 'logit'}
    """
    found: dict[str, str] = {}
    alone: dict[str, str] = {}
    for text in texts:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not equals and not plain:
            raise ValidationError(f"{option} {text!r}: expected PARAM=VALUE, as tau_mem=...")
        if equals and name not in PARAMETERS:
            known = ", ".join(PARAMETERS)
            raise ValidationError(f"{option} {text!r}: {name!r} is unknown; known: {known}")
        given = {name: value} if equals else dict.fromkeys(plain, name)
        kept = found if equals else alone
        if kept.keys() & given.keys():
            raise ValidationError(f"{option} {text!r}: given twice")
        kept |= given
    both = alone | found
    return {name: both[name] for name in PARAMETERS if name in both}


def written(values: Mapping[str, str]) -> tuple[str, ...]:
    """Return ``PARAM=VALUE`` of every parameter that has one; the canonical form of an option."""
    return tuple(f"{name}={value}" for name, value in values.items())


def parse_clip(text: str, unit: Unit) -> Clip:
    """Return the clip that ``paper2021``, ``2ms,100ms`` or ``0.5V,1.5V`` stands for.

    Raises
    ------
    ValidationError
        If it is none of a parameter of this unit, or its ends are not in order.
    """
    if text in CLIPS and (unit == "s" or text == "chip"):
        return CLIPS[text]
    quantity = QUANTITIES[unit]
    ends = text.split(",")
    if len(ends) != 2:
        known = ", ".join(CLIPS) if unit == "s" else "chip"
        raise ValidationError(
            f"clip {text!r} is unknown; known: {known}, or a range as "
            f"{'2ms,100ms' if unit == 's' else '0.5V,1.5V'}"
        )
    low, high = (quantity.parse(end) for end in ends)
    quantity.check(f"clip {text!r}", low, high)
    if not low < high:
        raise ValidationError(f"clip {text!r}: its ends are not in order")
    return Clip(of="value", low=low, high=high)


def clip_text(text: str, unit: Unit) -> str:
    """Return the canonical text of a clip's: presets by name, ranges with shortest numbers."""
    clip = parse_clip(text, unit)
    if clip.of != "value":
        return text
    write = QUANTITIES[unit].format
    return f"{write(clip.low)},{write(clip.high)}"


def rate_text(text: str) -> str:
    """Return the canonical text of a learning rate.

    Raises
    ------
    ValidationError
        If it is no number of at least 0.
    """
    if not 0 <= parse_number(text) < 1e6:
        raise ValidationError(f"lr of a parameter is {text}, expected at least 0")
    return format_number(parse_number(text))


def parse_potential(value: float | str) -> Distribution:
    """Return the distribution of potentials that a number [V] or a declaration stands for."""
    if isinstance(value, str):
        return parse(value, "V")
    return Constant(value=float(value), unit="V")


def potential(value: float | str) -> float | str:
    """Return the canonical form of a potential: a number [V] for one value, else a declaration.

    Examples
    --------
    >>> potential("1.5"), potential("constant:500mV"), potential("uniform:0V, 1V")
    (1.5, 0.5, 'uniform:0V,1V')
    """
    if isinstance(value, str):
        try:
            return parse_number(value)
        except ValidationError:
            if not value.partition(":")[1]:  # neither a number nor a family with its values
                return QUANTITIES["V"].parse(value)
    distribution = parse_potential(value)
    plain = isinstance(distribution, Constant) and distribution.clip == QUANTITIES["V"].range
    return distribution.mean if plain else str(distribution)
