"""Sums of listed synapses: compiled loops over the groups of :mod:`hetlava.sim.synapse_lists`."""

# what is compiled names no types
# mypy: allow-untyped-defs, allow-untyped-calls, allow-incomplete-defs

import numpy as np

from hetlava.sim import columns as col
from hetlava.sim import vectors as vec
from hetlava.sim.compiling import called, inlined
from hetlava.sim.synapse_lists import FOUR, PLACE_BITS

WORD, HALF_WORD = 4, 2  # bytes of a sum, and of one of which parts are made
AHEAD = 4  # events whose lists are asked for before they are needed
LINE = 64  # bytes of a cache line
FIRST, SECOND = np.uint64((1 << PLACE_BITS) - 1), np.uint64(PLACE_BITS)


@called
def add_lists(wires, w, target, chunk, n, events, start, stop, halves, shift, keep):
    """Add bytes of weights to the ``n`` sums of a chunk, which ``keep`` 0 makes anew.

    Parts of the sums are made in 16 bits: half of the memory to be hit at random.
    """
    most = wires[w, col.AT_ONCE]
    for a in range(start, stop, most):
        vec.clear(halves, HALF_WORD * n)
        _add_bytes(wires, w, chunk, events, a, min(a + most, stop), halves)
        vec.add_halves(target, halves, n, np.int32(shift + wires[w, col.DOUBLE]), keep)
        keep = np.int32(-1)


@inlined
def _add_bytes(wires, w, chunk, events, start, stop, sums):
    bits, width = np.uint64(wires[w, col.TABLES + 4]), wires[w, col.TABLES + 5]
    third, fourth, most = SECOND + bits, SECOND + bits + bits, (np.uint64(1) << bits) - np.uint64(1)
    group = width + FOUR
    groups = wires[w, col.TABLES + 2] + group * vec.read_int64(wires[w, col.TABLES + 0], chunk)
    starts = wires[w, col.TABLES + 1] + chunk * (wires[w, col.ROWS] + 1) * WORD
    for e in range(start, stop):
        soon = np.int64(vec.read_int32(events, min(e + AHEAD, stop - 1)))
        end = groups + group * np.int64(vec.read_uint32(starts, soon + 1))
        for line in range(groups + group * np.int64(vec.read_uint32(starts, soon)), end, LINE):
            vec.prefetch(line)
        source = np.int64(vec.read_int32(events, e))
        at = groups + group * np.int64(vec.read_uint32(starts, source))
        end = groups + group * np.int64(vec.read_uint32(starts, source + 1))
        while at < end:
            places, weights = vec.read_anywhere(at, 0), at + width
            lead = sums + HALF_WORD * np.int64(places & FIRST)
            _add_byte(lead, np.uint64(0), weights, 0)
            _add_byte(lead, (places >> SECOND) & most, weights, 1)
            _add_byte(lead, (places >> third) & most, weights, 2)
            _add_byte(lead, (places >> fourth) & most, weights, 3)
            at += group


@inlined
def _add_byte(lead, ahead, weights, k):
    at, weight = np.int64(ahead), vec.read_int8(weights, k)
    vec.write_int16(lead, at, np.int16(vec.read_int16(lead, at) + weight))


@called
def add_sized_lists(wires, w, target, chunk, events, values, start, stop, shift):
    """Add weights of any width, times the size of each message, to the sums of a chunk."""
    in_bytes, by = wires[w, col.KIND] == col.LISTED, np.int32(shift + wires[w, col.DOUBLE])
    n_bytes = 1 if in_bytes else HALF_WORD
    bits, width = np.uint64(wires[w, col.TABLES + 4]), wires[w, col.TABLES + 5]
    most, group = (np.uint64(1) << bits) - np.uint64(1), width + FOUR * n_bytes
    groups = wires[w, col.TABLES + 2] + group * vec.read_int64(wires[w, col.TABLES + 0], chunk)
    starts = wires[w, col.TABLES + 1] + chunk * (wires[w, col.ROWS] + 1) * WORD
    value = np.int32(1)
    for e in range(start, stop):
        source = np.int64(vec.read_int32(events, e))
        if values:
            value = vec.read_int32(values, e)
        at = groups + group * np.int64(vec.read_uint32(starts, source))
        end = groups + group * np.int64(vec.read_uint32(starts, source + 1))
        while at < end:
            places = vec.read_anywhere(at, 0)
            lead = target + WORD * np.int64(places & FIRST)
            ahead, below = np.int64(0), SECOND
            for k in range(FOUR):
                from_ = at + width + n_bytes * k
                weight = np.int32(vec.read_int8(from_, 0))
                if not in_bytes:
                    weight = np.int32(vec.read_int16(from_, 0))
                more = np.int32(np.int32(weight * value) << by)
                vec.write_int32(lead, ahead, np.int32(vec.read_int32(lead, ahead) + more))
                ahead = np.int64((places >> below) & most)
                below += bits
            at += group
