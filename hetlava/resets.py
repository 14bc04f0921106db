"""Reset intervals for a whole network, as netx is told them when it loads a file."""

from collections.abc import Iterable
from dataclasses import replace

from hetlava.errors import ValidationError
from hetlava.graph import INPUT
from hetlava.quantised import QuantisedNetwork
from hetlava.synapses import QuantisedSynapses


def with_resets(net: QuantisedNetwork, interval: int | None, offset: int = 0) -> QuantisedNetwork:
    """Return the network with all neurons set to rest at every ``interval`` steps, None for never.

    With steps counted from 1, neurons that ``k`` projections lead to from the input are reset
    before those equal to ``offset + k`` modulo the interval: a reset goes through the network with
    the spikes. That is what ``reset_interval`` and ``reset_offset`` of
    ``lava.lib.dl.netx.hdf5.Network`` do to CUBA neurons; netx resets no others, hetlava all.

    Raises
    ------
    ValidationError
        If the interval is below 1, or the offset below 0, or given without an interval.
    """
    if interval is None:
        if offset:
            raise ValidationError(f"reset offset {offset} without an interval")
        return net
    if interval < 1 or offset < 0:
        raise ValidationError(
            f"reset interval {interval} and offset {offset}, expected at least 1 and 0"
        )
    depth = depths(net.projections)
    populations = [
        replace(p, reset_interval=interval, reset_offset=offset + depth.get(p.name, 1))
        for p in net.populations
    ]
    return replace(net, populations=tuple(populations))


def depths(projections: Iterable[QuantisedSynapses]) -> dict[str, int]:
    """Return how many projections lead from the input to each population, on the shortest way."""
    wires = [(q.source, q.target) for q in projections]
    depth = {INPUT: 0}
    reached = [INPUT]
    while reached:
        new = {target for source, target in wires if source in reached and target not in depth}
        depth |= {name: depth[reached[0]] + 1 for name in new}
        reached = sorted(new)
    return depth
