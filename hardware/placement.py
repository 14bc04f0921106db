"""Placement: the neurons of a network onto the cores of a chip, under every limit at once.

A core holds neurons of one population, as Lava's partitioner and nengo-loihi's blocks have it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from hetlava.arrays import AnyArray, ArrayRecord, Int, Int64
from hetlava.chips import ChipSpec
from hetlava.errors import ValidationError
from hetlava.graph import groups_in_order
from hetlava.hardware.demand import layer_misfits, layer_of, limits_of
from hetlava.hardware.packing import RESOURCES, Layer, Limits, Packing, lower_bounds, pack
from hetlava.quantised import QuantisedNetwork
from hetlava.rules import Violation, refuse

ROUNDS = 20  # around loops: more cores need more axons, and those more cores


@dataclass(frozen=True, eq=False, kw_only=True)
class PopulationPlacement(ArrayRecord):
    """Where the neurons of a population are.

    Attributes
    ----------
    name : str
    core, profile, threshold : (n,) int32
        Core of each neuron, counted through the network, and the numbers of its decay pair and of
        its threshold in the pools of that core.
    usage : (n_cores, 6) int64
        What each core holds of :data:`hetlava.hardware.packing.RESOURCES`.
    bounds : (6,) int64
        Cores that each resource needs whatever the placement.
    closed_by : (n_cores,) int8
        The resource that a further neuron would have broken, -1 for the last core.
    order : str
        The order in which neurons were taken, see :mod:`hetlava.hardware.packing_orders`.
    """

    name: str
    core: Int
    profile: Int
    threshold: Int
    usage: Int64
    bounds: Int64
    closed_by: AnyArray
    order: str

    @property
    def n_cores(self) -> int:
        """Number of cores."""
        return int(self.usage.shape[0])

    @property
    def lower_bound(self) -> int:
        """Cores that it needs at least."""
        return int(self.bounds.max())

    @property
    def binds(self) -> str | None:
        """The resource that closed most cores; None where one core is enough."""
        closed = self.closed_by[self.closed_by >= 0]
        return RESOURCES[int(np.bincount(closed).argmax())] if closed.size else None


@dataclass(frozen=True, eq=False, kw_only=True)
class Placement(ArrayRecord):
    """A network on cores.

    Attributes
    ----------
    chip : str
    cores_per_chip : int
    limits : (6,) int64
        What one core holds of each resource, 0 where there is no limit.
    populations : tuple of PopulationPlacement
    """

    chip: str
    cores_per_chip: int
    limits: Int64
    populations: tuple[PopulationPlacement, ...]

    @property
    def n_cores(self) -> int:
        """Number of cores."""
        return sum(p.n_cores for p in self.populations)

    @property
    def n_chips(self) -> int:
        """Number of chips."""
        return -(-self.n_cores // self.cores_per_chip)

    @property
    def lower_bound(self) -> int:
        """Cores that the network needs at least, one population to a core."""
        return sum(p.lower_bound for p in self.populations)

    def to_plain(self) -> dict[str, Any]:
        """Return everything as lists and numbers, for JSON."""
        return {
            "chip": self.chip,
            "cores": self.n_cores,
            "chips": self.n_chips,
            "lower_bound": self.lower_bound,
            "resources": list(RESOURCES),
            "limits": [int(limit) or None for limit in self.limits],
            "populations": [
                {
                    "name": p.name,
                    "cores": p.n_cores,
                    "lower_bounds": p.bounds.tolist(),
                    "binds": p.binds,
                    "order": p.order,
                    "usage": p.usage.tolist(),
                    "core": p.core.tolist(),
                    "profile": p.profile.tolist(),
                    "threshold": p.threshold.tolist(),
                }
                for p in self.populations
            ],
        }


def place(
    net: QuantisedNetwork, chip: ChipSpec, *, cores: int | None = None, per_core: int | None = None
) -> Placement:
    """Put every neuron on a core so that no core exceeds a limit, on few cores.

    The same network gives the same placement. How far it can be from the fewest cores is what
    :attr:`Placement.lower_bound` says.

    Parameters
    ----------
    cores : int or None
        Cores to get along with; the chip's by default. More than the chip's mean several chips.
    per_core : int or None
        Neurons to put on a core at most.

    Raises
    ------
    RuleError
        If it does not fit: every reason, and the smallest changes with which it would.
    ValidationError
        If ``cores`` or ``per_core`` is below 1.
    """
    allowed = chip.cores if cores is None else cores
    for what, value in (("cores", allowed), ("per_core", per_core)):
        if value is not None and value < 1:
            raise ValidationError(f"{what} is {value}, expected at least 1")
    placement = placed(net, chip, limits_of(chip, per_core))
    if placement.n_cores > allowed:
        from hetlava.hardware.placement_advice import too_many_cores

        refuse(chip, too_many_cores(net, chip, placement, allowed, per_core))
    return placement


def placed(net: QuantisedNetwork, chip: ChipSpec, limits: Limits) -> Placement:
    """Place a network under the given limits of a core, on as many cores as that takes.

    Raises
    ------
    RuleError
        If a neuron does not fit even a core of its own.
    """
    layers = {p.name: layer_of(net, p, chip, limits) for p in net.populations}
    layers, packings = _settle(net, chip, layers, limits)
    first, parts = 0, []
    for p in net.populations:
        parts.append(_located(p.name, layers[p.name], packings[p.name], limits, first))
        first += packings[p.name].n_cores
    return Placement(
        chip=chip.name,
        cores_per_chip=chip.cores,
        limits=np.array(limits, np.int64),
        populations=tuple(parts),
    )


def _settle(
    net: QuantisedNetwork, chip: ChipSpec, layers: Mapping[str, Layer], limits: Limits
) -> tuple[dict[str, Layer], dict[str, Packing]]:
    """Pack targets before their sources, again where a loop makes axons more than was assumed."""
    refuse(chip, [v for name in layers for v in layer_misfits(name, layers[name], limits)])
    layers, packings = dict(layers), dict[str, Packing]()
    groups = groups_in_order(list(layers), net.projections)
    names = [name for group in reversed(groups) for name in reversed(group)]
    for _ in range(ROUNDS):
        for name in names:
            known = _axons(net, name, packings, layers[name].n)
            layers[name] = replace(layers[name], axons=np.maximum(known, layers[name].axons))
            refuse(chip, layer_misfits(name, layers[name], limits))
            packings[name] = pack(layers[name], limits)
        grown = False
        for name in names:
            need = _axons(net, name, packings, layers[name].n)
            used = np.bincount(packings[name].core, need).astype(np.int64)
            packings[name] = _with_outputs(packings[name], used)
            if limits.outputs and np.any(used > limits.outputs):
                grown = True
        if not grown:
            return layers, packings
    text = f"around a loop more cores need more output axons without end ({ROUNDS} rounds)"
    refuse(chip, [Violation("network", 1, text, "use fewer recurrent synapses")])
    return layers, packings  # never: the line above raises


def _axons(net: QuantisedNetwork, name: str, packings: Mapping[str, Packing], n: int) -> Int64:
    """Return the cores that each neuron of a population sends to, as far as these are packed."""
    total = np.zeros(n, np.int64)
    for target, packing in packings.items():
        first = 0
        for q in (q for q in net.projections if q.target == target):
            if q.source == name:
                total += packing.reach[first : first + n]
            first += q.shape[1]
    return total


def _with_outputs(packing: Packing, used: Int64) -> Packing:
    usage = packing.usage.copy()
    usage[:, RESOURCES.index("output axons")] = used
    return replace(packing, usage=usage)


def _located(
    name: str, layer: Layer, packing: Packing, limits: Limits, first: int
) -> PopulationPlacement:
    return PopulationPlacement(
        name=name,
        core=(packing.core + first).astype(np.int32),
        profile=_within_core(packing.core, layer.profile),
        threshold=_within_core(packing.core, layer.threshold),
        usage=packing.usage,
        bounds=lower_bounds(layer, limits),
        closed_by=packing.closed_by,
        order=packing.order,
    )


def _within_core(core: Int, value: Int) -> Int:
    """Number the distinct values of each core from 0, in their order."""
    key = core.astype(np.int64) * (int(value.max()) + 1) + value
    distinct, rank = np.unique(key, return_inverse=True)
    first = np.searchsorted(distinct, np.arange(int(core.max()) + 1) * (int(value.max()) + 1))
    y: Int = (rank.ravel() - first[core]).astype(np.int32)
    return y
