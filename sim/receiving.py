"""How the engine sums what arrives in a step: compiled loops over every kind of wire.

Sums are made in 32 bits, in which they wrap as the chip's messages do; where the exponent is
negative the whole sum is made first, since its floor is what arrives.
"""

# what is compiled names no types
# mypy: allow-untyped-defs, allow-untyped-calls, allow-incomplete-defs

import numpy as np

from hetlava.sim import columns as col
from hetlava.sim import vectors as vec
from hetlava.sim.calling import call
from hetlava.sim.compiling import called, inlined
from hetlava.sim.placing import LANES
from hetlava.sim.row_vectors import add_rows

AT_ONCE = 256  # rows of bytes whose sums fit 16 bits
WORD = 4  # bytes of a sum
ANYTHING = 1 << 40  # a bound that excludes nothing


@inlined
def receive(sources, wires, run, p, first, n, sample, t):
    """Sum what arrives at places ``first .. first + n`` of population p; return a bound on it."""
    bound = np.int64(0)
    words = sources[p + 1, col.SUMS] if sources[p + 1, col.NEURON_AT] else n
    for port in range(sources[p + 1, col.PORTS]):
        drive, filled = run[col.DRIVE_AT] + WORD * port * sources[p + 1, col.SUMS], False
        for w in range(sources[p + 1, col.FIRST_WIRE], sources[p + 1, col.LAST_WIRE]):
            start, stop = arriving(sources, wires, run, w, sample, t)
            if wires[w, col.PORT] != port or start == stop:
                continue
            bound += _bound(wires, w, stop - start)
            if not filled and not _overwrites(sources, wires, w, p):
                vec.clear(drive, WORD * words)
                filled = True
            if wires[w, col.SUMS_AT]:
                _add_sums(sources, wires, run, w, drive, p, first, n, t)
            else:
                _add_wire(sources, wires, run, w, drive, p, first, n, start, stop, filled)
            filled = True
        if not filled:
            vec.clear(drive, WORD * words)
    return bound


@inlined
def arriving(sources, wires, run, w, sample, t):
    """Put down which array holds the events, and return where in it they are."""
    if wires[w, col.MODE] == col.FROM_LOOP:
        return np.int64(0), wires[w, col.N_RECENT]
    row, rows = sample * run[col.N_STEPS] + t, wires[w, col.ROWS_AT]
    if wires[w, col.MODE] == col.FROM_LATE:
        wires[w, col.NOW_AT] = wires[w, col.EVENTS_AT]
        wires[w, col.NOW_VALUES_AT] = wires[w, col.EVENT_VALUES_AT]
    elif t == 0:
        row, rows = sample, wires[w, col.BEFORE_ROWS_AT]
        wires[w, col.NOW_AT] = wires[w, col.BEFORE_AT]
        wires[w, col.NOW_VALUES_AT] = wires[w, col.BEFORE_VALUES_AT]
    else:
        q = wires[w, col.SOURCE]
        row, rows = row - 1, sources[q, col.LIST_ROWS_AT]
        wires[w, col.NOW_AT] = sources[q, col.LIST_AT]
        sized = wires[w, col.MESSAGES] != 0  # otherwise every message is a 1
        wires[w, col.NOW_VALUES_AT] = sources[q, col.LIST_VALUES_AT] if sized else 0
    return vec.read_int64(rows, row), vec.read_int64(rows, row + 1)


@inlined
def _bound(wires, w, n_events):
    """Return what no sum of so many events exceeds."""
    if wires[w, col.NOW_VALUES_AT]:
        return np.int64(ANYTHING)
    most = min(n_events, wires[w, col.FAN_IN]) * wires[w, col.PEAK]
    exponent = wires[w, col.EXPONENT]
    return most << exponent if exponent >= 0 else (most >> -exponent) + 1


@inlined
def _overwrites(sources, wires, w, p):
    """Say whether the wire may write its sums where nothing has been written."""
    straight = sources[p + 1, col.NEURON_AT] == 0
    rows = wires[w, col.KIND] == col.MATRIX or wires[w, col.KIND] == col.LISTED
    all_of_it = (straight and rows) or wires[w, col.KIND] == col.KERNEL
    spikes = wires[w, col.SUMS_AT] == 0 and wires[w, col.NOW_VALUES_AT] == 0
    return all_of_it and spikes and wires[w, col.EXPONENT] >= 0


@inlined
def _add_sums(sources, wires, run, w, drive, p, first, n, t):
    """Add sums that are made already, a row of all places for each step of this call."""
    word = (t - run[col.STEP_FROM]) * sources[p + 1, col.SIZE] + first
    exponent = wires[w, col.EXPONENT]
    down = np.int32(max(-exponent, 0))
    up = np.int32(sources[p + 1, col.SHIFT] + max(exponent, 0))
    to = drive + WORD * sources[p + 1, col.LEAD]
    vec.add_floor(to, wires[w, col.SUMS_AT] + WORD * word, n, down, up)


@inlined
def _add_wire(sources, wires, run, w, drive, p, first, n, start, stop, filled):
    """Have the loop of the wire add what arrives, to the sums or to a total that is shifted."""
    exponent, up, kind = wires[w, col.EXPONENT], sources[p + 1, col.SHIFT], wires[w, col.KIND]
    add = wires[w, col.ADD_SIZED_AT if wires[w, col.NOW_VALUES_AT] else col.ADD_AT]
    own, words = drive + WORD * sources[p + 1, col.LEAD], n
    if kind == col.KERNEL:
        own, words = drive, sources[p + 1, col.SUMS]
    whole = exponent < 0
    target, shift = own, up + exponent
    if kind == col.KERNEL_ELSEWHERE:  # sums and shifts by itself
        target, shift, whole = drive, up, False
    elif whole:
        target, shift, filled = run[col.TOTAL_AT], np.int64(0), True
        vec.clear(target, WORD * words)
    size = sources[p + 1, col.SIZE]
    tables = run, wires
    where = w, target, size, first, n, start, stop, shift, np.int64(filled)
    call(add, tables + where)
    if whole:
        vec.add_floor(own, target, words // 8 * 8, np.int32(-exponent), np.int32(up))


@called
def sum_rows(weights, n_pre, events, start, stop, drive, n, low, by, adds):
    """Write the sums of rows of one plane for ``n`` places, or add them to what is there."""
    if start == stop and not adds:
        vec.clear(drive, WORD * n)
    for tile in range(0, n, LANES):
        at, to = weights + tile * n_pre, drive + WORD * tile
        a, keep = start, np.int32(-1 if adds else 0)
        while a < stop:
            b = min(a + AT_ONCE, stop)
            less = np.int32(low * (b - a))
            add_rows(at, events, a, b, to, by, less, keep)
            a, keep = b, np.int32(-1)
