"""Populations split into groups of equal decays and threshold, each of which a stock LIF holds.

Lava's ``LIF`` declares one ``du``, one ``dv`` and one ``vth``; biases it has per neuron. A network
of which every population is such a group is again a network: rows of the weights go to the groups
of the target, columns to those of the source, and the sums meet in the neuron.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from hetlava.arrays import AnyArray, Int64
from hetlava.convolution import QuantisedConvolution
from hetlava.errors import UnsupportedError
from hetlava.graph import INPUT
from hetlava.neurons.cuba import CubaRegisters
from hetlava.quantised import QuantisedNetwork
from hetlava.sliding import Shape
from hetlava.sparse_synapses import QuantisedSparse, part_of
from hetlava.synapses import QuantisedSynapses

SHARED_WORDS = ("du", "dv", "vth")
OWN_WORDS = ("bias_mant", "bias_exp")
PROCESSES_MAX = 500  # Lava starts one of the operating system for each


@dataclass(frozen=True)
class Levels:
    """A network of homogeneous groups, and where their neurons stood.

    Attributes
    ----------
    net : QuantisedNetwork
        Its output is the first group of the output.
    groups : mapping of str to {str: (n,) int64}
        For each population the names of its groups, and the neurons of each.
    """

    net: QuantisedNetwork
    groups: Mapping[str, Mapping[str, Int64]]


def split_levels(net: QuantisedNetwork) -> Levels:
    """Split every population by (du, dv, vth); bit for bit the same network.

    Raises
    ------
    UnsupportedError
        If a negative exponent rounds a sum over several groups, or there would be more processes
        than one machine starts.
    """
    members = {p.name: level_members(p.cuba) for p in net.populations}
    _check_count(net, members)
    names = _group_names(net, members)
    groups = {p: dict(zip(names[p], indices, strict=True)) for p, indices in members.items()}
    senders = {INPUT: {INPUT: np.arange(net.n_inputs)}, **groups}
    populations = [
        replace(p, name=name, registers=_taken(p.cuba, index))
        for p in net.populations
        for name, index in groups[p.name].items()
    ]
    blocks = [
        block
        for projection in net.projections
        for block in _blocks(projection, senders[projection.source], groups[projection.target])
    ]
    split = replace(
        net,
        populations=tuple(populations),
        projections=tuple(blocks),
        output=next(iter(groups[net.output])),
    )
    return Levels(split, groups)


def level_members(registers: CubaRegisters) -> list[Int64]:
    """Return the neurons of each distinct (du, dv, vth), levels and neurons ascending."""
    words = np.stack([getattr(registers, name) for name in SHARED_WORDS])
    if not registers.spiking:
        words[-1] = 0  # not read
    _, level = np.unique(words, axis=1, return_inverse=True)
    level = level.reshape(-1)
    return [np.flatnonzero(level == k) for k in range(level.max() + 1)]


def merge_levels(
    levels: Levels, records: Mapping[str, Mapping[str, AnyArray]]
) -> dict[str, dict[str, AnyArray]]:
    """Return what was recorded of groups, ``(..., n)`` by group and state, by population."""
    merged: dict[str, dict[str, AnyArray]] = {}
    for population, groups in levels.groups.items():
        size = sum(index.size for index in groups.values())
        merged[population] = {}
        for state, first in records[next(iter(groups))].items():
            whole = np.empty((*first.shape[:-1], size), first.dtype)
            for name, index in groups.items():
                whole[..., index] = records[name][state]
            merged[population][state] = whole
    return merged


def _group_names(net: QuantisedNetwork, members: Mapping[str, list[Int64]]) -> dict[str, list[str]]:
    # a population may be named as another one's group; its place in the table tells them apart
    return {
        p.name: [f"{p.name}.{i}.{k}" for k in range(len(members[p.name]))]
        for i, p in enumerate(net.populations)
    }


def _taken(registers: CubaRegisters, index: Int64) -> CubaRegisters:
    words = {name: getattr(registers, name)[index] for name in SHARED_WORDS + OWN_WORDS}
    return replace(registers, **words)


def _blocks(
    q: QuantisedSynapses, sources: Mapping[str, Int64], targets: Mapping[str, Int64]
) -> list[QuantisedSynapses]:
    unit = 1 << max(0, -q.weight_exp)
    if len(sources) > 1 and q.span().bits % unit:
        raise UnsupportedError(
            f"{q.label}: weight_exp {q.weight_exp} rounds the sum over {len(sources)} levels of "
            f"the source, which separate processes cannot; make the weights multiples of {unit}, "
            "or take --lif vector"
        )
    whole = len(sources) == len(targets) == 1
    return [
        replace(
            _late(q, columns, q if whole else _part(q, rows, columns)), source=source, target=target
        )
        for source, columns in sources.items()
        for target, rows in targets.items()
    ]


def _late(q: QuantisedSynapses, columns: Int64, part: QuantisedSynapses) -> QuantisedSynapses:
    """Return a part with the delays of its sources; those of synapses it has."""
    return part if q.delays is None else replace(part, delays=q.delays[columns])


def _part(q: QuantisedSynapses, rows: Int64, columns: Int64) -> QuantisedSynapses:
    """Return the synapses between some neurons, whole channels where they see an image."""
    if isinstance(q, QuantisedSparse):
        return part_of(q, rows, columns)
    if not isinstance(q, QuantisedConvolution):
        return replace(q, delays=None, **_taken_weights(q, rows, columns))
    to, from_ = _channels(rows, q.output_shape), _channels(columns, q.input_shape)
    if to is None or from_ is None or q.groups > 1:
        raise UnsupportedError(
            f"{q.label}: levels that part channels, or a kernel of groups; take --lif vector"
        )
    image = (from_.size, *q.input_shape[1:])
    return replace(q, input_shape=image, delays=None, **_taken_weights(q, to, from_))


def _taken_weights(q: QuantisedSynapses, rows: Int64, columns: Int64) -> dict[str, Any]:
    """Return the weights, and their delays if there are any, of some rows and columns."""
    names = ("weights",) if q.synaptic_delays is None else ("weights", "synaptic_delays")
    return {name: getattr(q, name)[np.ix_(rows, columns)] for name in names}


def _channels(neurons: Int64, shape: Shape) -> Int64 | None:
    """Return the channels that neurons of an image are all of, None if of some they are a part."""
    area = shape[1] * shape[2]
    channels: Int64 = np.unique(neurons // area)
    return channels if neurons.size == channels.size * area else None


def _check_count(net: QuantisedNetwork, members: Mapping[str, list[Int64]]) -> None:
    count = {INPUT: 1} | {name: len(indices) for name, indices in members.items()}
    n_lif = sum(count.values()) - 1
    n_dense = sum(count[p.source] * count[p.target] for p in net.projections)
    if n_lif + n_dense > PROCESSES_MAX:
        raise UnsupportedError(
            f"levels: {n_lif} LIF processes ({count}) and {n_dense} Dense are more than "
            f"{PROCESSES_MAX}; round to fewer levels (--decay-bits, or time constants drawn from "
            "levels), or take --lif vector"
        )
