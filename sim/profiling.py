"""Where the time of a network goes: layer by layer, against the least that memory allows."""

from dataclasses import replace
from statistics import median
from typing import NamedTuple

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


def profile(net: QuantisedNetwork, inputs: Events) -> tuple[LayerProfile, ...]:
    """Run the network up to every layer, on one thread, and return what each layer adds.

    The time of a layer is the difference of medians of ``REPEATS`` interleaved runs with and
    without it, so that a small layer behind a large one is known as roughly as the large one's
    time varies.
    """
    groups = groups_in_order([p.name for p in net.populations], net.projections)
    parts = [_up_to(net, groups[: k + 1]) for k in range(len(groups))]
    engines = [engine.prepare(part) for part in parts]
    whole = engines[-1].run(inputs, threads=1)
    times: list[list[float]] = [[] for _ in engines]
    for _ in range(REPEATS):
        for k, made in enumerate(engines):
            times[k].append(made.run(inputs, threads=1).seconds)
    until = [0.0, *map(median, times)]
    spikes = dict(zip(whole.names, whole.spikes, strict=True))
    needs = traffic(net, inputs, spikes)
    return tuple(
        LayerProfile(
            names=group,
            seconds=max(0.0, until[k + 1] - until[k]),
            events_in=sum(needs[name].events for name in group),
            events_out=sum(spikes[name].n_events for name in group),
            weight_bytes=sum(needs[name].weight_bytes for name in group),
            state_bytes=sum(needs[name].state_bytes for name in group),
            limit_seconds=sum(needs[name].seconds() for name in group),
        )
        for k, group in enumerate(groups)
    )


def _up_to(net: QuantisedNetwork, groups: list[tuple[str, ...]]) -> QuantisedNetwork:
    """Return the network without what comes after those groups."""
    names = {name for group in groups for name in group}
    last = net.output if net.output in names else groups[-1][-1]
    spikes = net.population(last).registers.sends
    return replace(
        net,
        populations=tuple(p for p in net.populations if p.name in names),
        projections=tuple(q for q in net.projections if q.target in names),
        output=last,
        readout=net.readout if last == net.output else "spike-count" if spikes else "last-voltage",
    )
