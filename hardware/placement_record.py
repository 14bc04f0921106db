"""The record of a placement: which neuron is where, and how full every core is."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from hetlava.arrays import AnyArray, ArrayRecord, Int, Int64
from hetlava.hardware.packing_demand import RESOURCES


@dataclass(frozen=True, eq=False, kw_only=True)
class PopulationPlacement(ArrayRecord):
    """Where the neurons of a population are.

    Attributes
    ----------
    name : str
    core, profile, threshold : (n,) int32
        Core of each neuron, counted through the network, and the numbers of its decay pair and of
        its threshold in the pools of that core.
    bounds : (6,) int64
        Cores that the population alone needs of each of ``RESOURCES``, whatever the placement.
    order : str
        The order in which neurons were taken, see :mod:`hetlava.hardware.packing_orders`.
    """

    name: str
    core: Int
    profile: Int
    threshold: Int
    bounds: Int64
    order: str

    @property
    def cores(self) -> Int:
        """The cores that it is on, ascending."""
        return np.unique(self.core)

    @property
    def n_cores(self) -> int:
        """Number of cores that it is on; others may be there too."""
        return int(self.cores.size)

    @property
    def lower_bound(self) -> int:
        """Cores that it needs at least."""
        return int(self.bounds.max())


@dataclass(frozen=True, eq=False, kw_only=True)
class Placement(ArrayRecord):
    """A network on cores.

    Attributes
    ----------
    chip : str
    cores_per_chip : int
        Core ``k`` is core ``k % cores_per_chip`` of chip ``k // cores_per_chip``.
    limits : (6,) int64
        What one core holds of each of ``RESOURCES``, 0 where there is no limit.
    usage : (n_cores, 6) int64
        What each core holds.
    closed_by : (n_cores,) int8
        The resource that a further neuron would have broken, -1 where none was left.
    bounds : (n_groups, 6) int64
        Cores that each resource needs whatever the placement, for every group of populations that
        may share cores.
    populations : tuple of PopulationPlacement
    """

    chip: str
    cores_per_chip: int
    limits: Int64
    usage: Int64
    closed_by: AnyArray
    bounds: Int64
    populations: tuple[PopulationPlacement, ...]

    @property
    def n_cores(self) -> int:
        """Number of cores."""
        return int(self.usage.shape[0])

    @property
    def n_chips(self) -> int:
        """Number of chips."""
        return -(-self.n_cores // self.cores_per_chip)

    @property
    def lower_bound(self) -> int:
        """Cores that the network needs at least."""
        return int(self.bounds.max(axis=1).sum())

    def binds(self, population: PopulationPlacement | None = None) -> str | None:
        """Return the resource that closed most cores, of a population or of all; None if none."""
        which = slice(None) if population is None else population.cores
        closed = self.closed_by[which]
        closed = closed[closed >= 0]
        return RESOURCES[int(np.bincount(closed).argmax())] if closed.size else None

    def to_plain(self) -> dict[str, Any]:
        """Return everything as lists and numbers, for JSON."""
        return {
            "chip": self.chip,
            "cores": self.n_cores,
            "chips": self.n_chips,
            "cores_per_chip": self.cores_per_chip,
            "lower_bound": self.lower_bound,
            "binds": self.binds(),
            "resources": list(RESOURCES),
            "limits": [int(limit) or None for limit in self.limits],
            "lower_bounds": self.bounds.sum(axis=0).tolist(),
            "usage": self.usage.tolist(),
            "closed_by": [RESOURCES[r] if r >= 0 else None for r in self.closed_by],
            "populations": [
                {
                    "name": p.name,
                    "cores": p.n_cores,
                    "lower_bounds": p.bounds.tolist(),
                    "binds": self.binds(p),
                    "order": p.order,
                    "core": p.core.tolist(),
                    "profile": p.profile.tolist(),
                    "threshold": p.threshold.tolist(),
                }
                for p in self.populations
            ],
        }
