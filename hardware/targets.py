"""The table of targets: names and where they are found, so that nothing loads until asked for."""

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType

from hetlava.chips import CHIPS, OTHERS
from hetlava.errors import ValidationError
from hetlava.hardware.interface import Target
from hetlava.network import Network
from hetlava.quantised import QuantisedNetwork

TARGETS: Mapping[str, str] = MappingProxyType(
    {
        "float": "hetlava.hardware.simulators:FLOAT",
        "reference": "hetlava.hardware.simulators:REFERENCE",
        "loihi1-sim": "hetlava.hardware.simulators:LOIHI1_SIM",
        "loihi2-sim": "hetlava.hardware.simulators:LOIHI2_SIM",
        "torch-cpu": "hetlava.hardware.torch_simulator:TORCH_CPU",
        "lava-cpu": "hetlava.hardware.lava_cpu:LAVA_CPU",
        "loihi2-board": "hetlava.hardware.loihi2_board:LOIHI2_BOARD",
        "bss2-sim": "hetlava.hardware.bss2_sim:BSS2_SIM",
        "bss2-board": "hetlava.hardware.bss2_board:BSS2_BOARD",
        "dynapse2-like": "hetlava.hardware.dynapse2_like:DYNAPSE2_LIKE",
        "xylo2": "hetlava.hardware.xylo2:XYLO2_SIM",
    }
)


def target(name: str) -> Target:
    """Return the target of that name; a chip's name stands for its simulator.

    Targets of other packages are found by the names of their entry points.

    Raises
    ------
    ValidationError
        If there is none; the message lists those that exist.
    """
    listed = f"{name}-sim" if name in CHIPS else name
    if listed in TARGETS:
        module, constant = TARGETS[listed].split(":")
        found: Target = getattr(import_module(module), constant)
        return found
    others = {t.name: t for t in _plugins()}
    if name not in others:
        known = ", ".join((*TARGETS, *others, *CHIPS))
        raise ValidationError(f"target {name!r} is unknown; known: {known}")
    return others[name]


def target_of(net: Network | QuantisedNetwork) -> Target:
    """Return the simulator of the chip that a network was rounded for, listed or not.

    A float network runs on the target ``float``.
    """
    if isinstance(net, Network):
        return target("float")
    if net.chip in (*CHIPS, *OTHERS):
        return target(net.chip)
    from hetlava.hardware.simulators import simulator

    return simulator(net.digital)


def all_targets() -> tuple[Target, ...]:
    """Return every target, whether it can be used here or not."""
    return (*(target(name) for name in TARGETS), *_plugins())


def _plugins() -> tuple[Target, ...]:
    from hetlava.hardware.plugins import plugins

    return plugins(TARGETS)
