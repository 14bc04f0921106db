"""Which chip is meant: a listed one by name, or one that a TOML file describes."""

from typing import TYPE_CHECKING

from hetlava.errors import ValidationError

if TYPE_CHECKING:
    from hetlava.chip_spec import ChipSpec
    from hetlava.quantised import QuantisedNetwork

DEFAULT = "loihi2"


def chip_to_round_for(target: str | None, chip: str | None) -> "ChipSpec":
    """Return the chip of ``--target`` or of ``--chip``; without either Loihi 2.

    Raises
    ------
    ValidationError
        If both are given, or there is no such chip.
    """
    from hetlava.chip_file import find_chip

    if target is not None and chip is not None:
        raise ValidationError(f"--target {target} and --chip {chip}: give one of them")
    return find_chip(chip or target or DEFAULT)


def as_on(net: "QuantisedNetwork", chip: str | None) -> "QuantisedNetwork":
    """Return the same integers as a network of another chip, if one is named.

    Raises
    ------
    RuleError
        If they do not fit it.
    """
    if chip is None:
        return net
    from hetlava.chip_file import find_chip
    from hetlava.quantised import recast
    from hetlava.rules import refuse, violations

    spec = find_chip(chip)
    moved = recast(net, spec)
    refuse(spec, violations(moved, spec))
    return moved
