"""How each kind of wire adds what arrives in a step: loops that are compiled when one needs them.

All have the same arguments: the tables and the wire; the address of the sums, how many places there
are, and of which of them sums are made; which events arrive; how far weights are shifted left; and
whether there are sums to add to.
"""

# what is compiled names no types
# mypy: allow-untyped-defs, allow-untyped-calls, allow-incomplete-defs

import numpy as np

from hetlava.sim import columns as col
from hetlava.sim import vectors as vec
from hetlava.sim.calling import run_table, wire_table
from hetlava.sim.compiling import compiled, inlined
from hetlava.sim.list_sums import HALF_WORD, add_lists, add_sized_lists
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
    wires, run = wire_table(wires_at), run_table(run_at)
    _sum_kernel(wires, w, target, run[col.HALVES_AT], start, stop, shift, filled)
    return 0


def _sized_kernel(run_at, wires_at, w, target, size, first, n, start, stop, shift, filled):
    wires = wire_table(wires_at)
    _add_sized_runs(wires, w, target, start, stop, np.int32(shift + wires[w, col.DOUBLE]))
    return 0


def _kernel_elsewhere(run_at, wires_at, w, target, size, first, n, start, stop, shift, filled):
    wires, run = wire_table(wires_at), run_table(run_at)
    _sum_kernel(wires, w, run[col.TOTAL_AT], run[col.HALVES_AT], start, stop, 0, 0)
    _move_image(wires, w, run[col.TOTAL_AT], target, shift)
    return 0


def _sized_kernel_elsewhere(
    run_at, wires_at, w, target, size, first, n, start, stop, shift, filled
):
    wires, run = wire_table(wires_at), run_table(run_at)
    vec.clear(run[col.TOTAL_AT], WORD * wires[w, col.TABLES + 7])
    _add_sized_runs(wires, w, run[col.TOTAL_AT], start, stop, np.int32(wires[w, col.DOUBLE]))
    _move_image(wires, w, run[col.TOTAL_AT], target, shift)
    return 0


@inlined
def _move_image(wires, w, total, target, shift):
    """Add the sums of an image of another shape to those of the neurons."""
    down = np.int32(max(-wires[w, col.EXPONENT], 0))
    up = np.int32(shift + max(wires[w, col.EXPONENT], 0))
    for k in range(wires[w, col.TABLES + 7] // 8 * 8):
        to = vec.read_int32(wires[w, col.TABLES + 6], k)
        if to >= 0:
            part = np.int32(np.int32(vec.read_int32(total, k) >> down) << up)
            vec.write_int32(target, to, np.int32(vec.read_int32(target, to) + part))


@inlined
def _sum_kernel(wires, w, target, halves, start, stop, shift, filled):
    words, most = wires[w, col.TABLES + 7], wires[w, col.AT_ONCE]
    by, keep = np.int32(shift + wires[w, col.DOUBLE]), np.int32(-1 if filled else 0)
    for a in range(start, stop, most):
        vec.clear(halves, HALF_WORD * words)
        _add_runs(wires, w, halves, a, min(a + most, stop))
        vec.add_halves(target, halves, words // 8 * 8, by, keep)
        keep = np.int32(-1)


@inlined
def _meets(wires, w, pixel, kinds, neuron):
    """Return where an input neuron adds, and where in the table of kinds its runs are."""
    n_pixels = np.uint32(wires[w, col.PIXELS])
    channel = np.uint32(np.uint32(neuron) // n_pixels)
    k = 2 * np.int64(np.uint32(np.uint32(neuron) - np.uint32(channel * n_pixels)))
    phase = np.int64(vec.read_int32(pixel, k + 1))
    kind = 4 * (phase * wires[w, col.CHANNELS] + np.int64(channel))
    return np.int64(vec.read_int32(pixel, k)) + vec.read_int64(kinds, kind + 3), kind


@inlined
def _add_runs(wires, w, sums, start, stop):
    pixel, kinds, events = wires[w, col.TABLES + 0], wires[w, col.TABLES + 1], wires[w, col.NOW_AT]
    to, of, length = wires[w, col.TABLES + 2], wires[w, col.TABLES + 3], wires[w, col.TABLES + 4]
    weights = wires[w, col.TABLES + 5]
    for e in range(start, stop):
        to_, kind = _meets(wires, w, pixel, kinds, vec.read_int32(events, e))
        at = sums + HALF_WORD * to_
        from_ = weights + HALF_WORD * vec.read_int64(kinds, kind + 2)
        for r in range(vec.read_int64(kinds, kind), vec.read_int64(kinds, kind + 1)):
            here, there = HALF_WORD * vec.read_int64(of, r), HALF_WORD * vec.read_int64(to, r)
            vec.add_run(at + there, from_ + here, vec.read_int64(length, r))


@inlined
def _add_sized_runs(wires, w, sums, start, stop, shift):
    pixel, kinds, events = wires[w, col.TABLES + 0], wires[w, col.TABLES + 1], wires[w, col.NOW_AT]
    to, of, length = wires[w, col.TABLES + 2], wires[w, col.TABLES + 3], wires[w, col.TABLES + 4]
    for e in range(start, stop):
        to_, kind = _meets(wires, w, pixel, kinds, vec.read_int32(events, e))
        at = sums + WORD * to_
        from_ = wires[w, col.TABLES + 5] + HALF_WORD * vec.read_int64(kinds, kind + 2)
        value = vec.read_int32(wires[w, col.NOW_VALUES_AT], e)
        for r in range(vec.read_int64(kinds, kind), vec.read_int64(kinds, kind + 1)):
            here, there = HALF_WORD * vec.read_int64(of, r), WORD * vec.read_int64(to, r)
            vec.add_sized_run(at + there, from_ + here, vec.read_int64(length, r), value, shift)


_all_sized_lists = compiled(_sized_lists)
# of each kind, for spikes and for messages with a size
ADDERS = {
    col.MATRIX: (compiled(_rows), compiled(_sized_rows)),
    col.LISTED: (compiled(_lists), _all_sized_lists),
    col.LISTED_WORDS: (_all_sized_lists, _all_sized_lists),
    col.KERNEL: (compiled(_kernel), compiled(_sized_kernel)),
    col.KERNEL_ELSEWHERE: (compiled(_kernel_elsewhere), compiled(_sized_kernel_elsewhere)),
}
