"""How the engine sums what arrives in a step: compiled loops over every kind of wire.

Sums are made in 32 bits, in which they wrap as the chip's messages do; where the exponent is
negative the whole sum is made first, since its floor is what arrives.
"""

# numba infers the types of these functions
# mypy: allow-untyped-defs, allow-untyped-calls, allow-incomplete-defs

import numpy as np

from hetlava.sim import columns as col
from hetlava.sim import vectors as vec
from hetlava.sim.compiling import called, inlined
from hetlava.sim.list_sums import add_lists, add_sized_lists
from hetlava.sim.placing import LANES, TILE

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
    whole = sources[p + 1, col.NEURON_AT] == 0 and wires[w, col.EXPONENT] >= 0
    rows = wires[w, col.KIND] == col.MATRIX or wires[w, col.KIND] == col.LISTED
    return whole and rows and wires[w, col.SUMS_AT] == 0 and wires[w, col.NOW_VALUES_AT] == 0


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
    exponent, up = wires[w, col.EXPONENT], sources[p + 1, col.SHIFT]
    kind, total = wires[w, col.KIND], run[col.TOTAL_AT]
    neurons = drive + WORD * sources[p + 1, col.LEAD]
    own = drive if kind == col.KERNEL else neurons
    words = wires[w, col.TABLES + 7] if kind >= col.KERNEL else n
    whole = exponent < 0 or kind == col.KERNEL_ELSEWHERE  # summed apart, then added
    if whole:
        vec.clear(total, WORD * words)
    # one call: what is compiled into every caller is compiled once
    target, by = (total, 0) if whole else (own, exponent + up)
    filled = filled or whole
    _add(sources, wires, run, w, target, p, first, n, start, stop, by, filled)
    if not whole:
        return
    down, up = np.int32(max(-exponent, 0)), np.int32(up + max(exponent, 0))
    if kind == col.KERNEL_ELSEWHERE:
        _add_elsewhere(wires, w, drive, total, words, down, up)
    else:
        vec.add_floor(own, total, words // 8 * 8, down, up)


@called
def _add_elsewhere(wires, w, drive, total, words, down, up):
    """Add sums of an image of another shape to those of the neurons."""
    for k in range(words):
        to = vec.read_int32(wires[w, col.TABLES + 6], k)
        if to >= 0:
            part = np.int32(np.int32(vec.read_int32(total, k) >> down) << up)
            vec.write_int32(drive, to, np.int32(vec.read_int32(drive, to) + part))


@inlined
def _add(sources, wires, run, w, target, p, first, n, start, stop, shift, filled):
    kind, graded = wires[w, col.KIND], wires[w, col.NOW_VALUES_AT] != 0
    if kind == col.MATRIX:
        size = sources[p + 1, col.SIZE]
        if graded:
            _add_graded_rows(wires, w, target, size, first, n, start, stop, shift)
        else:
            _add_rows(wires, w, target, size, first, n, start, stop, shift, filled)
    elif kind == col.KERNEL or kind == col.KERNEL_ELSEWHERE:
        _add_kernel(wires, w, target, start, stop, graded)
    else:
        # places of an image are more than the numbers of one chunk of lists reach
        chunk, events = wires[w, col.TABLES + 3], wires[w, col.NOW_AT]
        for c in range(first // chunk, (first + n - 1) // chunk + 1):
            at = target + WORD * (c * chunk - first)
            if graded or kind == col.LISTED_WORDS:
                values = wires[w, col.NOW_VALUES_AT]
                add_sized_lists(wires, w, at, c, events, values, start, stop, shift)
            else:
                some, keep = min(chunk, first + n - c * chunk), np.int32(-1 if filled else 0)
                halves = run[col.HALVES_AT]
                add_lists(wires, w, at, c, some, events, start, stop, halves, shift, keep)


@called
def sum_rows(weights, n_pre, events, start, stop, drive, n, low, by, adds):
    """Write the sums of rows of one plane for ``n`` places, or add them to what is there."""
    if start == stop and not adds:
        vec.clear(drive, WORD * n)
    for tile in range(0, n, TILE):
        at, to = weights + tile * n_pre, drive + WORD * tile
        a, keep = start, np.int32(-1 if adds else 0)
        while a < stop:
            b = min(a + AT_ONCE, stop)
            less = np.int32(low * (b - a))
            if n - tile >= TILE:
                vec.add_128(at, events, a, b, to, by, less, keep)
            else:
                vec.add_64(at, events, a, b, to, by, less, keep)
            a, keep = b, np.int32(-1)


@inlined
def _add_rows(wires, w, target, size, first, n, start, stop, shift, filled):
    n_pre, events = wires[w, col.ROWS], wires[w, col.NOW_AT]
    for k in range(wires[w, col.PLANES]):
        weights = wires[w, col.TABLES] + (k * size + first) * n_pre
        by, low = np.int32(shift + wires[w, col.DOUBLE + k]), wires[w, col.LOW + k]
        adds = filled or k > 0
        sum_rows(weights, n_pre, events, start, stop, target, n, low, by, adds)


@called
def _add_graded_rows(wires, w, target, size, first, n, start, stop, shift):
    n_pre, events, values = wires[w, col.ROWS], wires[w, col.NOW_AT], wires[w, col.NOW_VALUES_AT]
    for k in range(wires[w, col.PLANES]):
        weights = wires[w, col.TABLES] + (k * size + first) * n_pre
        low, by = np.int32(wires[w, col.LOW + k]), np.int32(shift + wires[w, col.DOUBLE + k])
        for unit in range(0, n, LANES):
            tile = unit // TILE * TILE
            width = min(TILE, n - tile)
            at = weights + tile * n_pre + unit - tile
            for e in range(start, stop):
                row = at + width * np.int64(vec.read_int32(events, e))
                value = vec.read_int32(values, e)
                vec.add_graded_64(row, target + WORD * unit, value, by, low)


@called
def _add_kernel(wires, w, target, start, stop, graded):
    pixel, kinds = wires[w, col.TABLES + 0], wires[w, col.TABLES + 1]
    to, of, length = wires[w, col.TABLES + 2], wires[w, col.TABLES + 3], wires[w, col.TABLES + 4]
    for e in range(start, stop):
        k = 2 * np.int64(vec.read_int32(wires[w, col.NOW_AT], e))
        a = target + WORD * np.int64(vec.read_int32(pixel, k))
        kind = 3 * np.int64(vec.read_int32(pixel, k + 1))
        b = wires[w, col.TABLES + 5] + WORD * vec.read_int64(kinds, kind + 2)
        for r in range(vec.read_int64(kinds, kind), vec.read_int64(kinds, kind + 1)):
            at, weights = a + WORD * vec.read_int64(to, r), b + WORD * vec.read_int64(of, r)
            if graded:
                value = vec.read_int32(wires[w, col.NOW_VALUES_AT], e)
                vec.add_graded_words(at, weights, vec.read_int64(length, r), value)
            else:
                vec.add_words(at, weights, vec.read_int64(length, r))
