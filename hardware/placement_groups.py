"""Which populations may share cores, and what they ask for together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hetlava.chips import ChipSpec
from hetlava.graph import groups_in_order
from hetlava.hardware.demand import network_demand
from hetlava.hardware.kernel_packing import SLOTS, Kernel, pack_kernels
from hetlava.hardware.packing import Packing, pack
from hetlava.hardware.packing_demand import Demand, Limits
from hetlava.quantised import QuantisedNetwork


@dataclass(kw_only=True)
class Group:
    """Populations that may share cores: what they ask for, and where they are so far.

    ``kernels``: of a population alone whose synapses are stored once for all places of a kernel.
    """

    names: tuple[str, ...]
    demand: Demand
    kernels: list[Kernel] | None = None
    packing: Packing | None = None

    @property
    def slots(self) -> int:
        """Output axons that a source needs for each core."""
        return 1 if self.kernels is None else SLOTS

    def packed(self, limits: Limits) -> Packing:
        """Return where the neurons are."""
        if self.packing is None:
            kernels = self.kernels
            self.packing = (
                pack(self.demand, limits)
                if kernels is None
                else pack_kernels(self.demand, kernels, limits)
            )
        return self.packing

    def rows(self, q: int) -> slice:
        """Return the neurons of population ``q``."""
        first, stop = np.searchsorted(self.demand.population, [q, q + 1])
        return slice(int(first), int(stop))


def sharing(net: QuantisedNetwork, apart: bool) -> list[tuple[str, ...]]:
    """Return the populations that may share cores, targets before their sources."""
    in_order = groups_in_order([p.name for p in net.populations], net.projections)
    names = [name for group in reversed(in_order) for name in reversed(group)]
    if apart:
        return [(name,) for name in names]
    by_model = dict[str, tuple[str, ...]]()
    for name in names:
        model = net.population(name).registers.model
        by_model[model] = (*by_model.get(model, ()), name)
    return list(by_model.values())


def with_kernels(
    net: QuantisedNetwork,
    chip: ChipSpec,
    together: Sequence[tuple[str, ...]],
    kernels: Mapping[str, list[Kernel]],
    limits: Limits,
) -> list[Group]:
    """Give the targets of convolutions cores of their own, and leave the others together."""
    found = []
    for names in together:
        rest = tuple(name for name in names if name not in kernels)
        for group in (*((name,) for name in names if name in kernels), rest):
            if group:
                demand = network_demand(net, group, chip, limits)
                found.append(Group(names=group, demand=demand, kernels=kernels.get(group[0])))
    return found
