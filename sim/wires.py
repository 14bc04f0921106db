"""How the wires of a network are stored for the engine, a row of numbers and addresses for each."""

import numpy as np

from hetlava.arrays import AnyArray, Int64
from hetlava.convolution import QuantisedConvolution
from hetlava.errors import UnsupportedError
from hetlava.sim import columns as col
from hetlava.sim import images, storage
from hetlava.sim.memory import require_memory
from hetlava.sim.placing import Place, padded, place
from hetlava.sim.synapse_lists import lists, place_bytes
from hetlava.sparse_synapses import QuantisedSparse
from hetlava.synapses import QuantisedProjection, QuantisedSynapses, Span

SUM_MOST = (1 << 15) - 1  # of a sum of 16 bits


class Keeper:
    """Hands out addresses of arrays and keeps these."""

    def __init__(self) -> None:
        self.kept: list[AnyArray] = []

    def address(self, array: AnyArray) -> int:
        solid = np.ascontiguousarray(array)
        self.kept.append(solid)
        return int(solid.ctypes.data)


def _numbers(row: Int64, wire: QuantisedSynapses, span: Span) -> None:
    row[col.EXPONENT], row[col.PEAK] = wire.weight_exp, max(-span.low, span.high)
    row[col.PORT], row[col.MESSAGES] = wire.port, wire.message_bits
    row[col.FAN_IN], row[col.ROWS], row[col.PLANES] = wire.fan_in, wire.shape[1], 1


def store_in_order(
    keep: Keeper, row: Int64, wire: QuantisedSynapses, span: Span, to: Place
) -> None:
    """Store weights to neurons that add messages one by one: words, by source and place."""
    _numbers(row, wire, span)
    require_memory(2 * wire.shape[1] * to.size, "the engine's copy of the weights")
    made = np.zeros((wire.shape[1], to.size), np.int16)
    made[:, to.where] = wire.matrix().T
    row[col.KIND], row[col.TABLES] = col.IN_ORDER, keep.address(made)


def store(
    keep: Keeper,
    row: Int64,
    wire: QuantisedSynapses,
    span: Span,
    to: Place,
    is_list: bool,
) -> None:
    """Fill in how the weights of a wire are stored."""
    _numbers(row, wire, span)
    if isinstance(wire, QuantisedConvolution):
        _kernel(keep, row, wire, to)
        return
    if not isinstance(wire, QuantisedProjection | QuantisedSparse):
        raise UnsupportedError(f"{wire.label}: the engine knows no {type(wire).__name__}")
    if is_list or isinstance(wire, QuantisedSparse):
        _lists(keep, row, wire, span, to)
        return
    planes = storage.planes_of(span)
    row[col.KIND], row[col.PLANES] = col.MATRIX, len(planes)
    for k, plane in enumerate(planes):
        row[col.LOW + k], row[col.DOUBLE + k] = plane
    row[col.TABLES] = keep.address(storage.tiles(wire, to, planes))


def _lists(keep: Keeper, row: Int64, wire: QuantisedSynapses, span: Span, to: Place) -> None:
    made = lists(wire, to, span)
    row[col.KIND] = col.LISTED if made.in_bytes else col.LISTED_WORDS
    row[col.FAN_IN], row[col.DOUBLE] = made.fan_in, made.double
    stored: tuple[AnyArray, ...] = made.chunks, made.starts, made.groups
    for k, array in enumerate(stored):
        row[col.TABLES + k] = keep.address(array)
    row[col.TABLES + 3 : col.TABLES + 6] = made.chunk, made.bits, place_bytes(made.bits)
    row[col.AT_ONCE] = _at_once(row)


def _at_once(row: Int64) -> int:
    """Return how many spikes can arrive at a time for sums of what is stored to fit 16 bits."""
    peak = max(1, int(row[col.PEAK] >> row[col.DOUBLE]))
    all_fit = row[col.FAN_IN] * peak <= SUM_MOST
    return int(row[col.ROWS]) if all_fit else max(1, SUM_MOST // peak)


def _kernel(keep: Keeper, row: Int64, wire: QuantisedConvolution, to: Place) -> None:
    here = to.image == wire.output_shape
    row[col.KIND] = col.KERNEL if here else col.KERNEL_ELSEWHERE
    own = to if here else place(wire.shape[0], [wire], [False])
    made = images.runs(wire, own)
    stored: tuple[AnyArray, ...] = made[:6]
    for k, array in enumerate(stored):
        row[col.TABLES + k] = keep.address(array)
    channels, height, width = wire.input_shape
    row[[col.DOUBLE, col.CHANNELS, col.PIXELS]] = made.double, channels, height * width
    row[col.AT_ONCE] = _at_once(row)
    words = own.lead + own.size + own.tail
    if not here:
        target = np.full(words, -1, np.int32)
        target[own.lead + own.where] = to.lead + to.where
        row[col.TABLES + 6] = keep.address(target)
    row[col.TABLES + 7] = words


def store_delays(keep: Keeper, row: Int64, wire: QuantisedSynapses) -> None:
    """Fill in the distinct delays, and which source neurons have each."""
    if wire.delays is not None:
        steps = np.unique(wire.delays).astype(np.int64)
        has = np.zeros((steps.size, padded(wire.delays.size)), bool)
        has[:, : wire.delays.size] = wire.delays == steps[:, None]
        row[col.MODE] = col.FROM_LATE
        row[col.LATE], row[col.LATE_AT] = steps.size, keep.address(steps)
        row[col.LATE_OF_AT] = keep.address(wire.delays.astype(np.int32))
        row[col.LATE_WORDS_AT] = keep.address(np.packbits(has, axis=1, bitorder="little"))
