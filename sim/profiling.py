"""Where the time of a network goes: layer by layer, against the least that memory allows."""

from typing import NamedTuple

import numpy as np

from hetlava.events import Events
from hetlava.graph import groups_in_order
from hetlava.quantised import QuantisedNetwork
from hetlava.sim import engine
from hetlava.sim.limit import traffic

REPEATS = 5


class LayerProfile(NamedTuple):
    """What populations that run together cost on one core.

    Attributes
    ----------
    names : tuple of str
        One population, or those on a common loop.
    seconds : float
    events_in, events_out : int
        Spikes that arrive through all projections, and that are sent.
    weight_bytes, state_bytes : int
        What must be touched, see :mod:`hetlava.sim.limit`.
    limit_seconds : float
        The least time at the measured bandwidth of one core.
    """

    names: tuple[str, ...]
    seconds: float
    events_in: int
    events_out: int
    weight_bytes: int
    state_bytes: int
    limit_seconds: float

    @property
    def share(self) -> float:
        """The least time as a share of the time that it took."""
        return self.limit_seconds / self.seconds if self.seconds > 0 else float("nan")


def profile(
    net: QuantisedNetwork, inputs: Events, *, mode: str = "auto"
) -> tuple[LayerProfile, ...]:
    """Run the network on one thread and return what each layer takes.

    The engine itself times its layers; the median of ``REPEATS`` runs counts.

    Raises
    ------
    UnsupportedError
        If the compiled loops cannot run the network.
    """
    groups = groups_in_order([p.name for p in net.populations], net.projections)
    made = engine.prepare(net, mode=mode)
    whole = made.run(inputs, threads=1)
    took = np.median([made.layer_seconds(inputs) for _ in range(REPEATS)], axis=0)
    spikes = dict(zip(whole.names, whole.spikes, strict=True))
    needs = traffic(net, inputs, spikes)
    return tuple(
        LayerProfile(
            names=group,
            seconds=float(took[k]),
            events_in=sum(needs[name].events for name in group),
            events_out=sum(spikes[name].n_events for name in group),
            weight_bytes=sum(needs[name].weight_bytes for name in group),
            state_bytes=sum(needs[name].state_bytes for name in group),
            limit_seconds=sum(needs[name].seconds() for name in group),
        )
        for k, group in enumerate(groups)
    )
