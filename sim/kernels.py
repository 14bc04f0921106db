"""Compiled loops over CUBA neurons and steps; loaded only when a network runs."""

# what is compiled names no types
# mypy: allow-untyped-defs, allow-untyped-calls, allow-incomplete-defs

import numpy as np

from hetlava.fixedpoint import DECAY_BITS, STATE_SHIFT
from hetlava.sim import columns as col
from hetlava.sim import vectors as vec
from hetlava.sim.calling import call, run_table, source_table, wire_table
from hetlava.sim.compiling import called, compiled, inlined
from hetlava.sim.cuba_vectors import (
    advance_more_rows,
    advance_rows,
    largest_of_64,
    update_any,
    update_tame,
)
from hetlava.sim.listing import BYTES, count, spikes_row
from hetlava.sim.placing import LANES
from hetlava.sim.receiving import AT_ONCE, WORD, receive, sum_rows
from hetlava.sim.stepping import record, settle, state_of
from hetlava.sim.vectors import HALF

# sums below it bring no current further out than one turn
BOUND = 2 * HALF >> STATE_SHIFT
LOOK_EVERY = 16  # steps between looks at how large currents really are


@compiled
def run_plain(sources, wires, run, p):
    """Run a layer that one matrix leads to, as :func:`hetlava.sim.stepping.run_layer` would.

    It is compiled alone, in half of the time, and all that the loop over steps needs is at hand
    before it starts. 64 neurons go through all steps: their weights and state stay in near caches.
    """
    if vec.CAN_ROUND:
        vec.round_to(np.int32(vec.TO_ZERO))
    w, size, n_steps = sources[p + 1, col.FIRST_WIRE], sources[p + 1, col.SIZE], run[col.N_STEPS]
    q, drive = wires[w, col.SOURCE], run[col.DRIVE_AT]
    rows, events = sources[q, col.LIST_ROWS_AT], sources[q, col.LIST_AT]
    by = np.int32(wires[w, col.EXPONENT] + STATE_SHIFT + wires[w, col.DOUBLE])
    from_t, n_pre = run[col.STEP_FROM], wires[w, col.ROWS]
    up = np.int32(wires[w, col.EXPONENT] + STATE_SHIFT)
    low, most = wires[w, col.LOW], (BOUND - 1) // max(1, wires[w, col.PEAK])
    most >>= wires[w, col.EXPONENT]
    calm_below, kept = sources[p + 1, col.OPTION], sources[p + 1, col.OPTION + 1]
    most_by_one = wires[w, col.PEAK] << up
    stop_at, words, tile = run[col.STOP_AT], sources[p + 1, col.WORDS], LANES * n_pre
    lines, last = -(-n_pre // max(1, run[col.STEP_TO] - from_t)), run[col.SAMPLE_TO] - 1
    for first in range(0, size, LANES):
        weights = wires[w, col.TABLES] + first * n_pre
        ahead, ahead_stop = weights + tile, weights + min(2, (size - first) // LANES) * tile
        for sample in range(run[col.SAMPLE_FROM], run[col.SAMPLE_TO]):
            settle(sources, run, p, first, LANES, sample, False)
            tame, reach = sources[p + 1, col.TAME] != 0, np.int64(HALF)
            neurons = _neurons(sources, run, p, first, sample)
            spikes = spikes_row(sources, run, p + 1, sample, from_t) + BYTES * (first // LANES)
            sums = wires[w, col.SUMS_AT] + WORD * first
            here, at, row = wires[w, col.BEFORE_AT], wires[w, col.BEFORE_ROWS_AT], sample
            if from_t:
                here, at, row = events, rows, sample * n_steps + from_t - 1
            start, stop = vec.read_int64(at, row), vec.read_int64(at, row + 1)
            for t in range(from_t, run[col.STEP_TO]):
                if sample == last:
                    ahead = _ask_for(ahead, ahead_stop, lines)
                tame &= stop - start <= most
                reach = _reach(reach, t, neurons[0], kept, (stop - start) * most_by_one)
                if wires[w, col.SUMS_AT]:
                    vec.clear(drive, WORD * LANES)
                    vec.add_floor(drive, sums, LANES, np.int32(0), up)
                    sums += WORD * size
                    _update(tame, LANES, neurons, drive, spikes)
                else:
                    _sum_and_update(
                        run, tame, reach < calm_below, weights, n_pre, here, start, stop, drive,
                        by, low, neurons, spikes,
                    )  # fmt: skip
                record(sources, wires, run, p, first, LANES, sample, t)
                if vec.read_uint8(stop_at, 0):
                    break
                spikes += BYTES * words
                here = events
                start = vec.read_int64(rows, sample * n_steps + t)
                stop = vec.read_int64(rows, sample * n_steps + t + 1)
    if vec.CAN_ROUND:
        vec.round_to(np.int32(vec.TO_NEAREST))
    count(sources, run, p, p + 1)


@inlined
def _ask_for(ahead, stop, lines):
    """Have some of the weights brought near that the next neurons need; return where they end."""
    if ahead < stop:
        for k in range(lines):
            vec.prefetch_later(ahead + LANES * k)
        ahead += LANES * lines
    return ahead


@inlined
def _reach(reach, t, currents, kept, more):
    """Return what no current of 64 neurons exceeds after a step, from what it was before."""
    if t % LOOK_EVERY == 0:  # from then on it is an estimate, and grows
        reach = largest_of_64(currents)
    return (reach * kept >> DECAY_BITS) + 1 + more


@inlined
def _sum_and_update(
    run, tame, calm, weights, n_pre, events, start, stop, drive, by, low, neurons, spikes
):
    """Bring 64 neurons through a step."""
    if tame and stop - start <= AT_ONCE:
        less = np.int32(low * (stop - start))
        advance_rows(calm, weights, events, start, stop, by, less, neurons, spikes)
    else:
        which = np.int64(tame), weights, n_pre, events, start, stop, drive
        call(run[col.MANY_AT], (*which, np.int64(by), low, *neurons, spikes))


def _sum_many(
    tame, weights, n_pre, events, start, stop, drive, shift, low,
    state, keeps, size, bias, threshold, own_bias, own_threshold, spikes,
):  # fmt: skip
    """Do the same where more arrives than is summed at once, or so much that currents are wild."""
    neurons = state, keeps, size, bias, threshold, own_bias, own_threshold
    by = np.int32(shift)
    if tame:
        last = stop - 1 - (stop - 1 - start) % AT_ONCE
        sum_rows(weights, n_pre, events, start, last, drive, LANES, low, by, False)
        less = np.int32(low * (stop - last))
        advance_more_rows(weights, events, last, stop, drive, by, less, neurons, spikes)
    else:
        sum_rows(weights, n_pre, events, start, stop, drive, LANES, low, by, False)
        update_any(LANES, neurons, drive, spikes)
    return 0


MANY = compiled(_sum_many)


@called
def _update(tame, n, neurons, drive, spikes):
    if tame:
        update_tame(n, neurons, drive, spikes)
    else:
        update_any(n, neurons, drive, spikes)


@inlined
def _neurons(sources, run, p, first, sample):
    """Return where the words of neurons are, as the loops in vectors take it."""
    own_bias, own_threshold = sources[p + 1, col.OWN], sources[p + 1, col.OWN + 1]
    bias = sources[p + 1, col.LIMITS_AT] + (WORD * first & own_bias)
    threshold = sources[p + 1, col.LIMITS_AT + 1] + (WORD * first & own_threshold)
    keeps, size = sources[p + 1, col.PARAMETERS_AT] + WORD * first, sources[p + 1, col.SIZE]
    state = state_of(sources, run, p, first, sample)
    return state, keeps, size, bias, threshold, own_bias, own_threshold


def _advance(sources_at, wires_at, run_at, p, first, n, sample, t):
    """Bring places ``first .. first + n`` of a population through a step."""
    sources, wires, run = source_table(sources_at), wire_table(wires_at), run_table(run_at)
    sources[p + 1, col.TAME] &= receive(sources, wires, run, p, first, n, sample, t) < BOUND
    drive = run[col.DRIVE_AT] + WORD * sources[p + 1, col.LEAD]
    turned = sources[p + 1, col.NEURON_AT] != 0
    row = spikes_row(sources, run, p + 1, sample, t)
    bits = run[col.BITS_AT] if turned else row + BYTES * (first // LANES)
    _update(sources[p + 1, col.TAME] != 0, n, _neurons(sources, run, p, first, sample), drive, bits)
    if turned:
        _turn(sources, run, p, bits, n // LANES, row)
    return 0


@called
def _turn(sources, run, p, words, n_words, spikes):
    """Bring bits by place into the order of the neurons."""
    vec.clear(spikes, BYTES * sources[p + 1, col.WORDS])
    # nobody needs any more what has arrived
    places, neurons = run[col.DRIVE_AT], sources[p + 1, col.NEURON_AT]
    for k in range(vec.write_all(words, 0, n_words, places, 0)):
        neuron = np.int64(vec.read_int32(neurons, np.int64(vec.read_int32(places, k))))
        if neuron >= 0:  # not in a gap, where a kernel adds what nobody sees
            vec.set_bit(spikes, neuron)


ADVANCE = compiled(_advance)
