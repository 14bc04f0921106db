"""A quantised network laid out in flat arrays, as the compiled loops of the engine read it."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from hetlava.arrays import AnyArray, Int, Int16, Int64
from hetlava.convolution import QuantisedConvolution
from hetlava.errors import UnsupportedError
from hetlava.fixedpoint import DECAY_BITS, STATE_BITS, STATE_SHIFT, bias_value
from hetlava.graph import INPUT, groups_in_order
from hetlava.quantised import QuantisedNetwork, QuantisedPopulation
from hetlava.synapses import QuantisedSynapses

LANES = 64  # neurons are padded to whole vectors of bytes
PAIR_EXCESS = 128  # added to the lower half of a pair, so that it is never negative
NEVER = 1 << STATE_BITS  # a threshold that no voltage reaches
WORDS, PAIRED, KERNEL = range(3)  # a weight a word, two even ones a word, a kernel by channels
FAN_IN_MAX = (1 << 31) // 256 - 1  # the sum of so many weights still fits 32 bits


class Wiring(NamedTuple):
    """A network as flat arrays; source 0 is the input, source p + 1 population p.

    Populations stand in feed-forward order, each padded with silent neurons to whole vectors.
    """

    group_start: Int64  # (n_groups + 1,): populations that run together, step by step
    width: Int64  # (P,): neurons
    size: Int64  # (P,): neurons, padded
    offset: Int64  # (P,): of the first neuron in the next four, (N,)
    keep_u: AnyArray  # uint32: 4096 - decay
    keep_v: AnyArray
    bias: Int
    threshold: Int
    wire_start: Int64  # (P + 1,): wires that lead into each population
    source: Int64  # (W,)
    kind: Int64  # (W,): how the weights are stored
    shift: Int64  # (W,): of the sum of what is stored
    geometry: Int64  # (W, 15): of a kernel
    weight_offset: Int64  # (W,): row of source neuron j at weight_offset + j * words per row
    weights: Int16  # begins with a row of zeros
    late_start: Int64  # (W + 1,): distinct delays of each wire, none without delays
    late_step: Int64
    delay_offset: Int64  # (W,): of the delay of the first source neuron
    delays: Int16
    fan_offset: Int64  # (P + 1,)
    fan_out: Int64  # non-zero weights of each source neuron


class Traces(NamedTuple):
    """Where u and v of each population go in a flat array; -1 for nowhere."""

    u_offset: Int64
    v_offset: Int64
    values: Int  # blocks of (n_steps, n_samples, width)


class Work(NamedTuple):
    """Memory of one thread; events of source q lie in room[q] .. room[q + 1], late ones last."""

    u: Int
    v: Int
    drive: Int
    total: Int
    sums: Int16
    highs: Int16
    fired: AnyArray  # uint8
    flags: AnyArray  # the same memory, eight neurons in a uint64
    room: Int64
    events: Int
    rows: Int64  # (P + 1, n_rows + 1): where each step's events begin


def order_of(net: QuantisedNetwork) -> tuple[tuple[str, ...], Int64]:
    """Return the populations in feed-forward order and where each group of them starts."""
    groups = groups_in_order([p.name for p in net.populations], net.projections)
    starts = np.cumsum([0, *map(len, groups)]).astype(np.int64)
    return tuple(name for group in groups for name in group), starts


def lay_out(net: QuantisedNetwork) -> tuple[tuple[str, ...], Wiring]:
    """Return the names in feed-forward order and the network in flat arrays.

    Raises
    ------
    UnsupportedError
        If a projection has so many sources that a sum could leave 32 bits before its shift.
    """
    names, group_start = order_of(net)
    populations = [net.population(name) for name in names]
    wires = [p for name in names for p in net.projections if p.target == name]
    _check_fan_in(wires)
    width = np.array([p.registers.n for p in populations], np.int64)
    size = -(-width // LANES) * LANES
    sources = {INPUT: 0} | {name: k + 1 for k, name in enumerate(names)}
    kind, shift, weight_offset, weights = _store(wires, dict(zip(names, size, strict=True)))
    wiring = Wiring(  # in the order of its fields, some of which are made together
        group_start,
        width,
        size,
        np.cumsum(size) - size,
        *_neurons(populations, size),
        np.cumsum([0] + [sum(w.target == name for w in wires) for name in names]),
        np.array([sources[w.source] for w in wires], np.int64),
        kind,
        shift,
        np.array([_geometry(w) for w in wires], np.int64).reshape(-1, 15),
        weight_offset,
        weights,
        *_late(wires),
        *_fan_out(net.n_inputs, populations, wires),
    )
    for array in wiring:
        array.flags.writeable = False
    return names, wiring


def _check_fan_in(wires: Sequence[QuantisedSynapses]) -> None:
    for wire in wires:
        if wire.fan_in > FAN_IN_MAX:
            raise UnsupportedError(
                f"{wire.label}: {wire.fan_in} sources, the engine "
                f"sums at most {FAN_IN_MAX} exactly; split the source"
            )


def _neurons(
    populations: Sequence[QuantisedPopulation], size: Int64
) -> tuple[AnyArray, AnyArray, Int, Int]:
    full = 1 << DECAY_BITS

    def padded(values: Sequence[AnyArray], fill: int, dtype: type) -> AnyArray:
        parts: list[AnyArray] = [
            np.pad(x.astype(dtype), (0, int(n) - x.size), constant_values=fill)
            for x, n in zip(values, size, strict=True)
        ]
        return np.concatenate(parts)

    r = [p.cuba for p in populations]
    return (
        padded([full - 1 - x.du for x in r], 0, np.uint32),
        padded([full - x.dv for x in r], 0, np.uint32),
        padded([bias_value(x.bias_mant, x.bias_exp) for x in r], 0, np.int32),
        padded(
            [x.vth << STATE_SHIFT if x.spiking else np.full(x.n, NEVER) for x in r], NEVER, np.int32
        ),
    )


def _store(
    wires: Sequence[QuantisedSynapses], size: dict[str, np.int64]
) -> tuple[Int64, Int64, Int64, Int16]:
    """Store weights by source neuron, in pairs where every weight is even, kernels by channels."""
    kind = np.array([_kind(wire) for wire in wires], np.int64)
    tables = [np.zeros(max(size.values()), np.int16)]
    tables += [_table(w, k, int(size[w.target])) for w, k in zip(wires, kind, strict=True)]
    exponents = np.array([wire.weight_exp for wire in wires], np.int64)
    offsets = np.cumsum([table.size for table in tables])[:-1].astype(np.int64)
    return kind, exponents + (kind == PAIRED), offsets, np.concatenate(tables)


def _kind(wire: QuantisedSynapses) -> int:
    if isinstance(wire, QuantisedConvolution):
        return KERNEL
    return WORDS if np.any(wire.weights & 1) else PAIRED


def _table(wire: QuantisedSynapses, kind: int, size: int) -> Int16:
    if isinstance(wire, QuantisedConvolution):
        grouped = wire.weights.reshape(wire.groups, -1, *wire.weights.shape[1:])
        return grouped.transpose(0, 2, 3, 4, 1).ravel()
    rows = np.zeros((wire.shape[1], size), np.int16)
    rows[:, : wire.shape[0]] = wire.weights.T
    return (_in_pairs(rows) if kind == PAIRED else rows).ravel()


def _geometry(wire: QuantisedSynapses) -> tuple[int, ...]:
    """Return what the kernel's loop needs to know of its image, in the order that it reads."""
    if not isinstance(wire, QuantisedConvolution):
        return (0,) * 15
    c_out, per_in, kh, kw = wire.weights.shape
    (top, _), (left, _) = wire.padding
    _, oh, ow = wire.output_shape
    image = (*wire.input_shape[1:], kh, kw, *wire.stride, *wire.dilation, top, left, oh, ow)
    return (*image, per_in, c_out // wire.groups, c_out)


def _late(wires: Sequence[QuantisedSynapses]) -> tuple[Int64, Int64, Int64, Int16]:
    """Return the distinct delays of every wire, and the delays of its source neurons."""
    none = np.zeros(0, np.int16)
    given = [none if wire.delays is None else wire.delays for wire in wires]
    steps = [np.unique(delays).astype(np.int64) for delays in given]
    starts = np.cumsum([0, *(len(s) for s in steps)]).astype(np.int64)
    offsets = np.cumsum([0, *(d.size for d in given)])[:-1].astype(np.int64)
    joined = np.concatenate([np.zeros(0, np.int64), *steps])
    return starts, joined, offsets, np.concatenate([none, *given])


def _in_pairs(rows: Int16) -> Int16:
    """Return words ``256 * high + low + 128`` of the halves of even weights."""
    low, high = np.split(rows >> 1, 2, axis=1)
    words: Int16 = (high << 8) + low + np.int16(PAIR_EXCESS)
    return words


def _fan_out(
    n_inputs: int,
    populations: Sequence[QuantisedPopulation],
    wires: Sequence[QuantisedSynapses],
) -> tuple[Int64, Int64]:
    sizes = {INPUT: n_inputs} | {p.name: p.registers.n for p in populations}
    fans = {name: np.zeros(n, np.int64) for name, n in sizes.items()}
    for wire in wires:
        fans[wire.source] += wire.fan_out()
    starts = np.cumsum([0, *sizes.values()])[:-1].astype(np.int64)
    return starts, np.concatenate(list(fans.values()))
