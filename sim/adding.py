"""How each kind of wire adds what arrives in a step: loops that are compiled when one needs them.

All have the same arguments: the tables and the wire; the address of the sums, how many places there
are, and of which of them sums are made; which events arrive; how far weights are shifted left; and
whether there are sums to add to.
"""

# numba infers the types of these functions
# mypy: allow-untyped-defs, allow-untyped-calls, allow-incomplete-defs

import numpy as np

from hetlava.sim import columns as col
from hetlava.sim import vectors as vec
from hetlava.sim.calling import run_table, wire_table
from hetlava.sim.compiling import Apart, inlined
from hetlava.sim.list_sums import add_lists, add_sized_lists
from hetlava.sim.placing import LANES
from hetlava.sim.receiving import WORD, sum_rows
from hetlava.sim.row_vectors import add_graded_64


def _rows(run_at, wires_at, w, target, size, first, n, start, stop, shift, filled):
    wires = wire_table(wires_at)
    n_pre, events = wires[w, col.ROWS], wires[w, col.NOW_AT]
    for k in range(wires[w, col.PLANES]):
        weights = wires[w, col.TABLES] + (k * size + first) * n_pre
        by, low = np.int32(shift + wires[w, col.DOUBLE + k]), wires[w, col.LOW + k]
        adds = filled != 0 or k > 0
        sum_rows(weights, n_pre, events, start, stop, target, n, low, by, adds)
    return 0


def _sized_rows(run_at, wires_at, w, target, size, first, n, start, stop, shift, filled):
    wires = wire_table(wires_at)
    n_pre, events, values = wires[w, col.ROWS], wires[w, col.NOW_AT], wires[w, col.NOW_VALUES_AT]
    for k in range(wires[w, col.PLANES]):
        weights = wires[w, col.TABLES] + (k * size + first) * n_pre
        low, by = np.int32(wires[w, col.LOW + k]), np.int32(shift + wires[w, col.DOUBLE + k])
        for tile in range(0, n, LANES):
            at = weights + tile * n_pre
            for e in range(start, stop):
                row = at + LANES * np.int64(vec.read_int32(events, e))
                value = vec.read_int32(values, e)
                add_graded_64(row, target + WORD * tile, value, by, low)
    return 0


def _lists(run_at, wires_at, w, target, size, first, n, start, stop, shift, filled):
    wires, run = wire_table(wires_at), run_table(run_at)
    # places of an image are more than the numbers of one chunk of lists reach
    chunk, events, halves = wires[w, col.TABLES + 3], wires[w, col.NOW_AT], run[col.HALVES_AT]
    for c in range(first // chunk, (first + n - 1) // chunk + 1):
        at, some = target + WORD * (c * chunk - first), min(chunk, first + n - c * chunk)
        keep = np.int32(-1 if filled else 0)
        add_lists(wires, w, at, c, some, events, start, stop, halves, shift, keep)
    return 0


def _sized_lists(run_at, wires_at, w, target, size, first, n, start, stop, shift, filled):
    wires = wire_table(wires_at)
    events, values = wires[w, col.NOW_AT], wires[w, col.NOW_VALUES_AT]
    chunk = wires[w, col.TABLES + 3]
    for c in range(first // chunk, (first + n - 1) // chunk + 1):
        at = target + WORD * (c * chunk - first)
        add_sized_lists(wires, w, at, c, events, values, start, stop, shift)
    return 0


def _kernel(run_at, wires_at, w, target, size, first, n, start, stop, shift, filled):
    _add_runs(wire_table(wires_at), w, target, start, stop, False)
    return 0


def _sized_kernel(run_at, wires_at, w, target, size, first, n, start, stop, shift, filled):
    _add_runs(wire_table(wires_at), w, target, start, stop, True)
    return 0


def _kernel_elsewhere(run_at, wires_at, w, target, size, first, n, start, stop, shift, filled):
    """Add the sums of an image of another shape to those of the neurons."""
    wires, run = wire_table(wires_at), run_table(run_at)
    total, words = run[col.TOTAL_AT], wires[w, col.TABLES + 7]
    vec.clear(total, WORD * words)
    _add_runs(wires, w, total, start, stop, wires[w, col.NOW_VALUES_AT] != 0)
    down = np.int32(max(-wires[w, col.EXPONENT], 0))
    up = np.int32(shift + max(wires[w, col.EXPONENT], 0))
    for k in range(words):
        to = vec.read_int32(wires[w, col.TABLES + 6], k)
        if to >= 0:
            part = np.int32(np.int32(vec.read_int32(total, k) >> down) << up)
            vec.write_int32(target, to, np.int32(vec.read_int32(target, to) + part))
    return 0


@inlined
def _add_runs(wires, w, target, start, stop, sized):
    pixel, kinds = wires[w, col.TABLES + 0], wires[w, col.TABLES + 1]
    to, of, length = wires[w, col.TABLES + 2], wires[w, col.TABLES + 3], wires[w, col.TABLES + 4]
    for e in range(start, stop):
        k = 2 * np.int64(vec.read_int32(wires[w, col.NOW_AT], e))
        a = target + WORD * np.int64(vec.read_int32(pixel, k))
        kind = 3 * np.int64(vec.read_int32(pixel, k + 1))
        b = wires[w, col.TABLES + 5] + WORD * vec.read_int64(kinds, kind + 2)
        for r in range(vec.read_int64(kinds, kind), vec.read_int64(kinds, kind + 1)):
            at, weights = a + WORD * vec.read_int64(to, r), b + WORD * vec.read_int64(of, r)
            if sized:
                value = vec.read_int32(wires[w, col.NOW_VALUES_AT], e)
                vec.add_graded_words(at, weights, vec.read_int64(length, r), value)
            else:
                vec.add_words(at, weights, vec.read_int64(length, r))


_elsewhere, _all_sized_lists = Apart(_kernel_elsewhere), Apart(_sized_lists)
# of each kind, for spikes and for messages with a size
ADDERS = {
    col.MATRIX: (Apart(_rows), Apart(_sized_rows)),
    col.LISTED: (Apart(_lists), _all_sized_lists),
    col.LISTED_WORDS: (_all_sized_lists, _all_sized_lists),
    col.KERNEL: (Apart(_kernel), Apart(_sized_kernel)),
    col.KERNEL_ELSEWHERE: (_elsewhere, _elsewhere),
}
