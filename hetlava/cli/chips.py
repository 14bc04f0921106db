"""Which chip is meant: a listed one by name, or one that a TOML file describes."""

from pathlib import Path
from typing import TYPE_CHECKING

from hetlava.errors import ValidationError

if TYPE_CHECKING:
    from hetlava.chip_spec import ChipSpec, Sourced
    from hetlava.cli.net_files import NetOptions
    from hetlava.network import Network
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


def any_chip_to_round_for(target: str | None, chip: str | None) -> "Sourced":
    """Return the chip of ``--target``, of any kind, or the digital one of ``--chip``.

    Raises
    ------
    ValidationError
        As :func:`chip_to_round_for`.
    """
    from hetlava.chips import OTHERS, described

    if target is not None and target in OTHERS and chip is None:
        return described(target)
    return chip_to_round_for(target, chip)


def read_to_run(
    path: Path, chip: str | None, options: "NetOptions"
) -> "Network | QuantisedNetwork":
    """Read a network of either kind; an integer one is taken to another chip, if one is named.

    Raises
    ------
    ValidationError
        If it is a recording, or a chip is named for a float network.
    RuleError
        If the integers do not fit the chip.
    """
    from hetlava.cli.contents import read_any
    from hetlava.network import Network
    from hetlava.quantised import QuantisedNetwork

    net = read_any(path, options)
    if isinstance(net, QuantisedNetwork):
        return as_on(net, chip)
    if not isinstance(net, Network):
        raise ValidationError(f"{path}: is a recording; run takes a network")
    if chip is not None:
        raise ValidationError(f"{path}: is a float network; --chip takes integers, see export")
    return net


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
