"""Sums of listed synapses: compiled loops over the groups of :mod:`hetlava.sim.synapse_lists`."""

# what is compiled names no types
# mypy: allow-untyped-defs, allow-untyped-calls, allow-incomplete-defs

import numpy as np

from hetlava.sim import columns as col
from hetlava.sim import vectors as vec
from hetlava.sim.compiling import called, inlined
from hetlava.sim.synapse_lists import BITS, FOUR, PLACE_BITS, place_bytes

WORD, HALF_WORD = 4, 2  # bytes of a sum, and of one of which parts are made
ABREAST = 16  # lists that are gone through side by side
NEAR = 1 << 13  # sums of 16 bits up to which the nearest cache holds all of them
IN_TURN = 8  # lists that are asked for at a time where it does
PAIR = 2  # groups that are added without asking whether there are more
NOTED = 3  # words put down of a list: where it begins, where it ends, how far the next one is
FAR = 1 << 40  # bytes that no list has
FIRST, SECOND = np.uint64((1 << PLACE_BITS) - 1), np.uint64(PLACE_BITS)
width_of = inlined(place_bytes)


@called
def add_lists(wires, w, target, chunk, n, events, start, stop, halves, shift, keep):
    """Add bytes of weights to the ``n`` sums of a chunk, which ``keep`` 0 makes anew.

    Parts of the sums are made in 16 bits: half of the memory to be hit at random.
    """
    most, by = wires[w, col.AT_ONCE], np.int32(shift + wires[w, col.DOUBLE])
    starts = wires[w, col.TABLES + 1] + chunk * (wires[w, col.ROWS] + 1) * WORD
    first = vec.read_int64(wires[w, col.TABLES + 0], chunk)
    groups, n_lists = wires[w, col.TABLES + 2], ABREAST if n > NEAR else IN_TURN
    for a in range(start, stop, most):
        vec.clear(halves, HALF_WORD * n)
        b = min(a + most, stop)
        # shifts known to the compiler spare the loop a third of its registers
        if wires[w, col.TABLES + 4] == BITS[0]:
            _add_bytes(groups, first, starts, events, a, b, halves, n_lists, BITS[0])
        else:
            _add_bytes(groups, first, starts, events, a, b, halves, n_lists, BITS[1])
        vec.add_halves(target, halves, n, by, keep)
        keep = np.int32(-1)


@inlined
def _add_bytes(groups, first, starts, events, start, stop, sums, n_lists, bits):
    """Add lists, some at a time, while the next ones are on their way from memory.

    Lists are in the order of places: those that are gone through side by side meet the same part
    of the sums, which is in the nearest cache then.
    """
    group, noted = width_of(bits) + FOUR, vec.stack_words()
    groups += group * first
    for e in range(start, stop, n_lists):
        n, least = min(n_lists, stop - e), np.int64(FAR)
        for k in range(n):
            source = np.int64(vec.read_int32(events, e + k))
            soon = np.int64(vec.read_int32(events, min(e + k + n_lists, stop - 1)))
            at = groups + group * np.int64(vec.read_uint32(starts, source))
            end = groups + group * np.int64(vec.read_uint32(starts, source + 1))
            away = groups + group * np.int64(vec.read_uint32(starts, soon)) - at
            vec.write_int64(noted, NOTED * k, at)
            vec.write_int64(noted, NOTED * k + 1, end)
            vec.write_int64(noted, NOTED * k + 2, away)
            least = min(least, end - at)
        done = np.int64(0)
        if n_lists > IN_TURN:
            done = _add_abreast(noted, n, least, sums, bits)
        for k in range(n):
            at, end = vec.read_int64(noted, NOTED * k), vec.read_int64(noted, NOTED * k + 1)
            _add_list(at + done, end, vec.read_int64(noted, NOTED * k + 2), sums, bits)


@inlined
def _add_abreast(noted, n, least, sums, bits):
    """Add the first pairs of groups of ``n`` lists, as many as all have; return their bytes."""
    width = width_of(bits)
    group = width + FOUR
    at, done, step = vec.read_int64(noted, 0), np.int64(0), PAIR * group
    vec.write_int64(noted, NOTED * n, at + step)  # after the last list the first one goes on
    places, weights = vec.read_anywhere(at, 0), vec.read_weights(at + width, 0)
    others, loads = vec.read_anywhere(at + group, 0), vec.read_weights(at + group + width, 0)
    while done + step <= least:
        for k in range(n):
            here = vec.read_int64(noted, NOTED * k) + done
            vec.prefetch_later(here + vec.read_int64(noted, NOTED * k + 2))
            at = vec.read_int64(noted, NOTED * (k + 1)) + done
            # read before sums are written, for which processors would let it wait
            a, b = vec.read_anywhere(at, 0), vec.read_weights(at + width, 0)
            c, d = vec.read_anywhere(at + group, 0), vec.read_weights(at + group + width, 0)
            _add_group(places, weights, sums, bits)
            _add_group(others, loads, sums, bits)
            places, weights, others, loads = a, b, c, d
        done += step
    return done


@inlined
def _add_list(at, end, away, sums, bits):
    """Add the groups from ``at`` to ``end``, asking for those that are ``away`` from them."""
    width = width_of(bits)
    group = width + FOUR
    places, weights = vec.read_anywhere(at, 0), vec.read_weights(at + width, 0)
    while at + group < end:
        vec.prefetch_later(at + away)
        others, loads = vec.read_anywhere(at + group, 0), vec.read_weights(at + group + width, 0)
        at += PAIR * group
        a, b = vec.read_anywhere(at, 0), vec.read_weights(at + width, 0)
        _add_group(places, weights, sums, bits)
        _add_group(others, loads, sums, bits)
        places, weights = a, b
    vec.prefetch_later(at + away)
    if at < end:
        _add_group(places, weights, sums, bits)


@inlined
def _add_group(places, weights, sums, bits):
    n, most = np.uint64(bits), (np.uint64(1) << np.uint64(bits)) - np.uint64(1)
    lead = sums + HALF_WORD * np.int64(places & FIRST)
    _add_byte(lead, np.uint64(0), weights)
    _add_byte(lead, (places >> SECOND) & most, weights >> np.uint32(8))
    _add_byte(lead, (places >> (SECOND + n)) & most, weights >> np.uint32(16))
    _add_byte(lead, (places >> (SECOND + n + n)) & most, weights >> np.uint32(24))


@inlined
def _add_byte(lead, ahead, weight):
    at = np.int64(ahead)
    vec.write_int16(lead, at, np.int16(vec.read_int16(lead, at) + np.int16(np.int8(weight))))


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
