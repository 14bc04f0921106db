"""Placement: the neurons of a network onto the cores of a chip, under every limit at once.

Populations of one neuron model may share cores, or have cores of their own as Lava's partitioner
gives them.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from hetlava.arrays import Int, Int64
from hetlava.chips import ChipSpec
from hetlava.errors import ValidationError
from hetlava.hardware.demand import demand_misfits, kernels_of, limits_of, network_demand
from hetlava.hardware.packing import Packing, reach
from hetlava.hardware.packing_bounds import lower_bounds
from hetlava.hardware.packing_demand import RESOURCES, Limits
from hetlava.hardware.placement_groups import Group, sharing, with_kernels
from hetlava.hardware.placement_record import Placement, PopulationPlacement
from hetlava.quantised import QuantisedNetwork
from hetlava.rules import Violation, refuse

__all__ = ["Placement", "PopulationPlacement", "place", "placed"]

ROUNDS = 20  # around loops: more cores need more axons, and those more cores
OUTPUTS = RESOURCES.index("output axons")


def place(
    net: QuantisedNetwork,
    chip: ChipSpec,
    *,
    cores: int | None = None,
    per_core: int | None = None,
    apart: bool = False,
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
    apart : bool
        Every core holds neurons of one population only.

    Raises
    ------
    RuleError
        If it does not fit: every reason, and the smallest changes with which it would.
    UnsupportedError
        If it is not known what neurons of a model take of the chip's pools.
    ValidationError
        If ``cores`` or ``per_core`` is below 1.
    """
    allowed = chip.cores if cores is None else cores
    for what, value in (("cores", allowed), ("per_core", per_core)):
        if value is not None and value < 1:
            raise ValidationError(f"{what} is {value}, expected at least 1")
    placement = placed(net, chip, limits_of(chip, per_core), apart)
    if placement.n_cores > allowed:
        from hetlava.hardware.placement_advice import too_many_cores

        refuse(chip, too_many_cores(net, chip, placement, allowed, (per_core, apart)))
    return placement


def placed(net: QuantisedNetwork, chip: ChipSpec, limits: Limits, apart: bool = False) -> Placement:
    """Place a network under the given limits of a core, on as many cores as that takes.

    Raises
    ------
    RuleError
        If a neuron does not fit even a core of its own.
    UnsupportedError
        As in :func:`place`.
    """
    together = sharing(net, apart)
    groups = [
        Group(names=names, demand=network_demand(net, names, chip, limits)) for names in together
    ]
    plain = _placed(net, chip, groups, limits)
    kernels = {p.name: kernels_of(net, p.name, chip, limits) for p in net.populations}
    if plain.n_cores <= plain.lower_bound or not any(kernels.values()):
        return plain
    alone = {name: k for name, k in kernels.items() if k}
    stored_once = _placed(net, chip, with_kernels(net, chip, together, alone, limits), limits)
    # of equal ones the one that leaves output axons alone
    return min(plain, stored_once, key=lambda placement: placement.n_cores)


def _placed(
    net: QuantisedNetwork, chip: ChipSpec, groups: Sequence[Group], limits: Limits
) -> Placement:
    packings = _settle(net, chip, groups, limits)
    first, parts = 0, dict[str, PopulationPlacement]()
    for group, packing in zip(groups, packings, strict=True):
        parts |= _located(group, packing, limits, first)
        first += packing.n_cores
    return Placement(
        chip=chip.name,
        cores_per_chip=chip.cores,
        limits=np.array(limits, np.int64),
        usage=np.concatenate([p.usage for p in packings]),
        closed_by=np.concatenate([p.closed_by for p in packings]),
        bounds=np.array([lower_bounds(g.demand, limits) for g in groups], np.int64),
        populations=tuple(parts[p.name] for p in net.populations),
    )


def _settle(
    net: QuantisedNetwork, chip: ChipSpec, groups: Sequence[Group], limits: Limits
) -> list[Packing]:
    """Pack, and again where neurons need more output axons than was assumed."""
    _expect(groups, _least_axons(net, groups), chip, limits)
    for _ in range(ROUNDS):
        packings = [group.packed(limits) for group in groups]
        axons = _axons(net, groups, packings)
        packings = [
            _with_outputs(p, _used(g, p, axons)) for g, p in zip(groups, packings, strict=True)
        ]
        most = limits.values()[OUTPUTS]
        if all(np.all(p.usage[:, OUTPUTS] <= most) for p in packings):
            return packings
        _expect(groups, axons, chip, limits)
    text = f"around a loop more cores need more output axons without end ({ROUNDS} rounds)"
    refuse(chip, [Violation("network", 1, text, "use fewer recurrent synapses")])
    return packings  # never: the line above raises


def _expect(
    groups: Sequence[Group], axons: dict[str, Int64], chip: ChipSpec, limits: Limits
) -> None:
    """Let the demands have at least these axons, and forget the packings that had fewer."""
    for group in groups:
        known = np.concatenate([axons[name] for name in group.names])
        if np.any(known > group.demand.axons):
            most = np.maximum(known, group.demand.axons)
            group.demand, group.packing = replace(group.demand, axons=most), None
    refuse(chip, [v for g in groups for v in demand_misfits(g.names, g.demand, limits)])


def _least_axons(net: QuantisedNetwork, groups: Sequence[Group]) -> dict[str, Int64]:
    """Return the axons of every neuron if all its targets of a projection are on one core."""
    slots = {name: group.slots for group in groups for name in group.names}
    axons = {p.name: np.zeros(p.registers.n, np.int64) for p in net.populations}
    for q in net.projections:
        if q.source in axons:
            axons[q.source] += slots[q.target] * (q.fan_out() > 0)
    return axons


def _axons(
    net: QuantisedNetwork, groups: Sequence[Group], packings: Sequence[Packing]
) -> dict[str, Int64]:
    """Return the cores that each neuron sends to, counted for each projection."""
    axons = {p.name: np.zeros(p.registers.n, np.int64) for p in net.populations}
    for group, packing in zip(groups, packings, strict=True):
        cores, first = reach(group.demand, packing), 0
        for name in group.names:
            for q in (q for q in net.projections if q.target == name):
                if q.source in axons:
                    axons[q.source] += group.slots * cores[first : first + q.shape[1]]
                first += q.shape[1]
    return axons


def _used(group: Group, packing: Packing, axons: dict[str, Int64]) -> Int64:
    mine = np.concatenate([axons[name] for name in group.names])
    # the weights of a bincount are float64, which holds whole numbers below 2**53
    return np.bincount(packing.core, mine, packing.n_cores).astype(np.int64)


def _with_outputs(packing: Packing, used: Int64) -> Packing:
    usage = packing.usage.copy()
    usage[:, OUTPUTS] = used
    return replace(packing, usage=usage)


def _located(
    group: Group, packing: Packing, limits: Limits, first: int
) -> dict[str, PopulationPlacement]:
    profile = _within_core(packing.core, group.demand.profile)
    threshold = _within_core(packing.core, group.demand.threshold)
    found = {}
    for q, name in enumerate(group.names):
        rows = group.rows(q)
        found[name] = PopulationPlacement(
            name=name,
            core=(packing.core[rows] + first).astype(np.int32),
            profile=profile[rows],
            threshold=threshold[rows],
            bounds=lower_bounds(group.demand, limits, q),
            order=packing.order,
        )
    return found


def _within_core(core: Int, value: Int) -> Int:
    """Number the distinct values of each core from 0, in their order."""
    key = core.astype(np.int64) * (int(value.max()) + 1) + value
    distinct, rank = np.unique(key, return_inverse=True)
    first = np.searchsorted(distinct, np.arange(int(core.max()) + 1) * (int(value.max()) + 1))
    y: Int = (rank.ravel() - first[core]).astype(np.int32)
    return y
