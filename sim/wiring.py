"""A quantised network as tables of numbers and addresses, as the compiled loops read it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from hetlava.arrays import AnyArray, Int, Int64
from hetlava.delays import by_delay
from hetlava.errors import UnsupportedError
from hetlava.fixedpoint import STATE_SHIFT
from hetlava.graph import INPUT, groups_in_order
from hetlava.quantised import QuantisedNetwork, QuantisedPopulation
from hetlava.sim import columns as col
from hetlava.sim import storage
from hetlava.sim.dense import Products
from hetlava.sim.memory import require_memory
from hetlava.sim.parameters import CUBA, MODELS, NEVER, XYLO, parameters_of
from hetlava.sim.placing import LANES, Place, padded, place
from hetlava.sim.synapse_lists import listed_bytes
from hetlava.sim.wires import Keeper, store, store_delays, store_in_order
from hetlava.sparse_synapses import QuantisedSparse
from hetlava.synapses import QuantisedProjection, QuantisedSynapses, Span

ROOM = 16  # words that loops may write beyond the last
FAN_IN_MAX = (1 << 31) // 256 - 1  # the sum of so many weights still fits 32 bits


class Group(NamedTuple):
    """Populations ``first .. last - 1``, which run together, those of a loop step by step.

    ``wires`` lead to them, each with its source and that source's neurons; the events of those in
    ``apart`` are not simply the source's. ``is_plain``: see :data:`hetlava.sim.columns.PLAIN`.
    """

    first: int
    last: int
    loops: bool
    is_plain: bool
    wires: tuple[tuple[int, int, int], ...]
    apart: tuple[int, ...]


@dataclass(frozen=True, eq=False, kw_only=True)
class Prepared:
    """A network laid out for the engine.

    Attributes
    ----------
    names : tuple of str
        The populations in feed-forward order.
    groups : tuple of Group
    places : tuple of Place
    graded : int64
        1 for each source whose spikes have sizes that matter; 0 for the input.
    rest : tuple of (slots, size) int32
        State of every population before the first step; no slots where all is 0.
    state_words : int
        Words that the state of one sample takes.
    scratch_bytes : (6,) int64
        Of what arrives in a step, of a part that is summed apart, of what other models than CUBA
        send and of spikes, both by place, of sums of 16 bits, of a state.
    row_bytes : int
        Of the spikes of all sources in a step.
    n_places : int
        Of all populations.
    remembers : bool
        Whether spikes of earlier steps are needed, for delays or loops.
    source_table, wire_table : int64
        The same in numbers; the columns are those of :mod:`hetlava.sim.columns`.
    kept : tuple of arrays
        What the addresses in the tables point to.
    products : Products
        The same weights for layers that are multiplied, made when needed.
    plans : dict
        Memory of blocks of samples, by their shape, see :mod:`hetlava.sim.rooms`.
    """

    names: tuple[str, ...]
    groups: tuple[Group, ...]
    places: tuple[Place, ...]
    graded: Int64
    rest: tuple[Int, ...]
    state_words: int
    scratch_bytes: Int64
    row_bytes: int
    n_places: int
    remembers: bool
    source_table: Int64
    wire_table: Int64
    kept: tuple[AnyArray, ...]
    products: Products
    plans: dict[tuple[int, int, bool], Any] = field(default_factory=dict)


def lay_out(net: QuantisedNetwork, *, lists: bool = True) -> Prepared:
    """Lay out a network; one of whose delays differ by synapse has a wire for every delay.

    ``lists``: whether such wires may be lists where their projection is a matrix.

    Raises
    ------
    UnsupportedError
        If a projection has so many sources that a sum could leave 32 bits before its shift.
    """
    groups = groups_in_order([p.name for p in net.populations], net.projections)
    names = tuple(name for group in groups for name in group)
    wires = tuple(
        part
        for name in names
        for q in net.projections
        if q.target == name
        for part in by_delay(q, lists=lists)
    )
    looped = [_is_looped(wire, groups) for wire in wires]
    in_loops = {wire.source for wire, loops in zip(wires, looped, strict=True) if loops}
    _check_fan_in(wires)
    sparse = [storage.is_sparse(q) for q in wires]
    places = []
    for name in names:
        here = [k for k, q in enumerate(wires) if q.target == name]
        n = net.population(name).registers.n
        places.append(place(n, [wires[k] for k in here], [sparse[k] for k in here]))
    spans = [wire.span() for wire in wires]
    require_memory(
        _stored_bytes(wires, places, names, sparse, spans), "the engine's copy of the weights"
    )
    keep = Keeper()
    number = {INPUT: 0} | {name: k + 1 for k, name in enumerate(names)}
    sources = np.zeros((len(names) + 1, col.SOURCE_COLUMNS), np.int64)
    rest = _populations(keep, sources, [net.population(name) for name in names], places)
    sources[0, col.WIDTH], sources[0, col.WORDS] = net.n_inputs, padded(net.n_inputs) // 64
    table = np.zeros((len(wires), col.WIRE_COLUMNS), np.int64)
    for w, wire in enumerate(wires):
        table[w, col.SOURCE] = number[wire.source]
        target = number[wire.target]
        if sources[target, col.MODEL] == XYLO:
            store_in_order(keep, table[w], wire, spans[w], places[target - 1])
        else:
            store(keep, table[w], wire, spans[w], places[target - 1], sparse[w])
        store_delays(keep, table[w], wire)
        if looped[w]:
            table[w, col.MODE] = col.FROM_LOOP
    ends = np.cumsum([0] + [sum(q.target == name for q in wires) for name in names])
    sources[1:, col.FIRST_WIRE], sources[1:, col.LAST_WIRE] = ends[:-1], ends[1:]
    for row, a, b in zip(sources[1:], ends[:-1], ends[1:], strict=True):
        row[col.PLAIN] = b - a == 1 and _is_plain(row, table[a])
    for q, name in enumerate((INPUT, *names)):
        leaving = [wire for wire in wires if wire.source == name]
        if leaving:
            fans: Int = np.sum([w.fan_out() for w in leaving], axis=0).astype(np.int32)
            sources[q, col.FAN_OUT_AT] = keep.address(fans)
        delays = [int(w.delays.max()) for w in leaving if w.delays is not None]
        sources[q, col.HISTORY] = 1 + max(delays) if delays else int(name in in_loops)
    starts = np.cumsum([0, *map(len, groups)])
    graded = np.array([False, *(net.population(q).registers.graded for q in names)], np.int64)
    state_words = int(sources[:, col.SLOTS] @ sources[:, col.SIZE])
    return Prepared(
        names=names,
        groups=tuple(
            _group(sources, table, int(a), int(b))
            for a, b in zip(starts[:-1], starts[1:], strict=True)
        ),
        places=tuple(places),
        graded=graded,
        rest=rest,
        state_words=state_words,
        row_bytes=int(sources[:, col.WORDS] @ (8 + 4 * LANES * graded)),
        n_places=int(sources[:, col.SIZE].sum()),
        remembers=bool(np.any(sources[:, col.HISTORY])),
        scratch_bytes=_scratch_bytes(sources, table, state_words),
        source_table=sources,
        wire_table=table,
        kept=tuple(keep.kept),
        products=Products(
            wires,
            [places[number[wire.target] - 1] for wire in wires],
            looped,
            table[:, col.PEAK].tolist(),
        ),
    )


def _group(sources: Int64, table: Int64, first: int, last: int) -> Group:
    rows = sources[first + 1 : last + 1]
    wires = range(int(rows[0, col.FIRST_WIRE]), int(rows[-1, col.LAST_WIRE]))
    loops = any(table[w, col.MODE] == col.FROM_LOOP for w in wires)
    return Group(
        first,
        last,
        loops,
        is_plain=bool(rows[0, col.PLAIN]) and not loops,
        wires=tuple((w, int(table[w, col.SOURCE]), int(table[w, col.ROWS])) for w in wires),
        apart=tuple(w for w in wires if table[w, col.MODE] != col.FROM_LIST),
    )


def _scratch_bytes(sources: Int64, wires: Int64, state_words: int) -> Int64:
    """Return what loops need for a step of the largest population, and for the state of all."""
    drives = int((sources[:, col.SUMS] * sources[:, col.PORTS]).max())
    places = int(sources[:, col.SIZE].max())
    apart = (wires[:, col.KIND] == col.KERNEL_ELSEWHERE) | (wires[:, col.EXPONENT] < 0)
    widest = int(wires[:, col.TABLES + 7].max(initial=int(sources[:, col.SUMS].max())))
    widest *= int(apart.any())
    sent = int(sources[1:, col.SIZE][sources[1:, col.MODEL] != CUBA].max(initial=0))
    lists, kernels = wires[:, col.KIND] == col.LISTED, wires[:, col.KIND] >= col.KERNEL
    halves = int(wires[lists, col.TABLES + 3].max(initial=0))
    halves = int(wires[kernels, col.TABLES + 7].max(initial=halves))
    words = np.array([drives, widest, sent, 0, 0, state_words], np.int64)
    made: Int64 = 4 * (words + ROOM) + np.array([0, 0, 0, places // 8, 2 * halves, 0])
    return made


def _is_looped(wire: QuantisedSynapses, groups: Sequence[tuple[str, ...]]) -> bool:
    return any(wire.source in group and wire.target in group for group in groups)


def _stored_bytes(
    wires: Sequence[QuantisedSynapses],
    places: Sequence[Place],
    names: Sequence[str],
    sparse: Sequence[bool],
    spans: Sequence[Span],
) -> int:
    """Return what the weights of matrices and lists will take at least."""
    at = dict(zip(names, places, strict=True))
    total = 0
    for wire, is_list, span in zip(wires, sparse, spans, strict=True):
        if isinstance(wire, QuantisedProjection | QuantisedSparse):
            if is_list:
                total += listed_bytes(wire, at[wire.target], span)
            else:
                total += storage.tiled_bytes(wire, at[wire.target], storage.planes_of(span))
    return total


def _check_fan_in(wires: Sequence[QuantisedSynapses]) -> None:
    for wire in wires:
        if wire.fan_in > FAN_IN_MAX:
            raise UnsupportedError(
                f"{wire.label}: {wire.fan_in} sources, the engine "
                f"sums at most {FAN_IN_MAX} exactly; split the source"
            )


def _populations(
    keep: Keeper,
    table: Int64,
    populations: Sequence[QuantisedPopulation],
    places: Sequence[Place],
) -> tuple[Int, ...]:
    """Fill in what the table says of neurons; return their states at rest."""
    state, rest = 0, list[Int]()
    for row, p, at in zip(table[1:], populations, places, strict=True):
        _place(keep, row, at)
        made = parameters_of(p.registers)
        row[col.WIDTH], row[col.WORDS] = p.registers.n, padded(p.registers.n) // 64
        row[col.MODEL], row[col.PORTS] = MODELS[p.registers.model], p.registers.n_ports
        row[col.SHIFT] = _shift(p)
        row[col.SLOTS] = len(made.rest)
        row[col.STATE], state = state, state + len(made.rest) * at.size
        row[col.U_SLOT], row[col.V_SLOT] = made.probes
        row[col.OPTION : col.OPTION + len(made.options)] = made.options
        row[col.PARAMETERS_AT] = keep.address(_by_place(made.words, at, made.silent))
        for k, words in enumerate(made.limits):
            limit = _limit(words, at, (0, NEVER)[k])
            row[col.LIMITS_AT + k] = keep.address(limit)
            row[col.OWN + k] = -(limit.size > LANES)
        if any(map(np.any, made.rest)):
            rest.append(_by_place(made.rest, at, ()))
            row[col.REST_AT] = keep.address(rest[-1])
        else:
            rest.append(np.zeros((0, at.size), np.int32))
        row[col.START], row[col.RESET_EVERY] = p.start, p.reset_interval
        row[col.RESET_AT] = p.reset_offset % max(1, p.reset_interval)
    return tuple(rest)


def _shift(p: QuantisedPopulation) -> int:
    """Return how far the sums of what arrives are shifted for the loops of the model."""
    return STATE_SHIFT if MODELS[p.registers.model] == CUBA else 0


def _place(keep: Keeper, row: Int64, at: Place) -> None:
    row[col.SIZE], row[col.CHUNK], row[col.LEAD] = at.size, at.chunk, at.lead
    row[col.SUMS] = at.lead + at.size + at.tail
    if not at.straight:
        neuron = np.full(at.size, -1, np.int32)
        neuron[at.where] = np.arange(len(at.where))
        row[col.WHERE_AT] = keep.address(at.where)
        row[col.NEURON_AT] = keep.address(neuron)


def _limit(words: AnyArray, at: Place, silent: int) -> Int:
    """Return bias or threshold of every place, or 64 that serve all of them."""
    # a place beyond the last neuron would have a threshold too, and might fire
    gapless = len(at.where) == at.size or not at.straight or words[0] == silent
    if gapless and np.all(words == words[0]):
        return np.full(LANES, words[0], np.int32)
    by_place: Int = _by_place([words], at, (silent,))[0]
    return by_place


def _by_place(words: Sequence[AnyArray], at: Place, silent: Sequence[int]) -> Int:
    """Return words of every place, (n_words, size); ``silent`` ones where no neuron stands."""
    table = np.zeros((len(words), at.size), np.int32)
    table.T[:] = silent or 0
    table[:, at.where] = np.reshape(words, (len(words), len(at.where)))
    return table


def _is_plain(row: Int64, wire: Int64) -> bool:
    """Say whether a population that one wire leads to is the usual case of the compiled loops."""
    nothing = row[[col.NEURON_AT, col.RESET_EVERY, col.START]]
    simple = wire[[col.LATE, col.MESSAGES]]
    usual = wire[col.KIND] == col.MATRIX and wire[col.PLANES] == 1 and wire[col.EXPONENT] >= 0
    return bool(row[col.MODEL] == CUBA and not nothing.any() and not simple.any() and usual)
