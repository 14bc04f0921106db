"""Spikes as bits and as lists of events: how the engine's loops turn one into the other."""

# what is compiled names no types
# mypy: allow-untyped-defs, allow-untyped-calls, allow-incomplete-defs

import numpy as np

from hetlava.sim import columns as col
from hetlava.sim import vectors as vec
from hetlava.sim.calling import call, run_table, source_table, wire_table
from hetlava.sim.compiling import called, compiled, inlined
from hetlava.sim.placing import LANES

BYTES = 8  # of a word of spikes
WORD = 4  # bytes of a message


@inlined
def _row(sources, run, q, sample, t):
    before = sources[q, col.HISTORY]
    return sample * (before + run[col.N_STEPS]) + before + t


@inlined
def spikes_row(sources, run, q, sample, t):
    """Return the address of the spikes of source q at a step, which may be before this run."""
    row = _row(sources, run, q, sample, t)
    return sources[q, col.SPIKES_AT] + BYTES * row * sources[q, col.WORDS]


@inlined
def values_row(sources, run, q, sample, t):
    """Return the address of what source q sent at a step, 0 where its spikes are not graded."""
    row = _row(sources, run, q, sample, t)
    at = sources[q, col.VALUES_AT]
    return at + WORD * row * LANES * sources[q, col.WORDS] if at else at


def _listen(sources_at, wires_at, run_at, w, sample, t, events, values, position):
    """Write what arrives through wire w at step t; return where it ends."""
    sources, wires, run = source_table(sources_at), wire_table(wires_at), run_table(run_at)
    q = wires[w, col.SOURCE]
    words, delays = sources[q, col.WORDS], wires[w, col.LATE]
    for k in range(max(1, delays)):
        sent = t - 1
        start = position
        if delays:
            sent -= vec.read_int64(wires[w, col.LATE_AT], k)
            chosen = wires[w, col.LATE_WORDS_AT] + BYTES * k * words
            row = spikes_row(sources, run, q, sample, sent)
            position = vec.write_chosen(row, chosen, words, events, position)
        else:
            row = spikes_row(sources, run, q, sample, sent)
            position = vec.write_all(row, 0, words, events, position)
        if values:
            _read_values(values_row(sources, run, q, sample, sent), events, values, start, position)
    return position


LISTEN = compiled(_listen)


@called
def _read_values(row, events, values, start, stop):
    for e in range(start, stop):
        vec.write_int32(values, e, vec.read_int32(row, np.int64(vec.read_int32(events, e))))


@inlined
def count(sources, run, first_p, last_p):
    """Count the spikes of populations of which all samples and steps have run."""
    if run[col.SAMPLE_TO] == run[col.N_SAMPLES] and run[col.STEP_TO] == run[col.N_STEPS]:
        for p in range(first_p, last_p):
            call(run[col.COUNT_AT], (sources, run, p + 1))


def _count(sources_at, run_at, q):
    """Write where the events of every step of source q begin, and how many there are."""
    sources, run = source_table(sources_at), run_table(run_at)
    total, words, rows = np.int64(0), sources[q, col.WORDS], sources[q, col.LIST_ROWS_AT]
    vec.write_int64(rows, 0, 0)
    for sample in range(run[col.N_SAMPLES]):
        for t in range(run[col.N_STEPS]):
            spikes = spikes_row(sources, run, q, sample, t)
            for k in range(words):
                total += vec.count_bits(vec.read_uint64(spikes, k))
            vec.write_int64(rows, sample * run[col.N_STEPS] + t + 1, total)
    sources[q, col.COUNT] = total
    return 0


COUNT = compiled(_count)


@compiled
def list_spikes(sources, run, q, events, values):
    """Write the events of source q, and put down where they are."""
    sources[q, col.LIST_AT], sources[q, col.LIST_VALUES_AT] = events, values
    position, words = np.int64(0), sources[q, col.WORDS]
    for sample in range(run[col.N_SAMPLES]):
        for t in range(run[col.N_STEPS]):
            row, start = spikes_row(sources, run, q, sample, t), position
            position = vec.write_all(row, 0, words, events, position)
            if values:
                sent = values_row(sources, run, q, sample, t)
                _read_values(sent, events, values, start, position)


@compiled
def mark_spikes(sources, run, q):
    """Turn the events of source q into bits, those before this run untouched."""
    rows, events, values = (
        sources[q, col.LIST_ROWS_AT], sources[q, col.LIST_AT], sources[q, col.LIST_VALUES_AT]
    )  # fmt: skip
    for sample in range(run[col.N_SAMPLES]):
        for t in range(run[col.N_STEPS]):
            row = sample * run[col.N_STEPS] + t
            spikes = spikes_row(sources, run, q, sample, t)
            vec.clear(spikes, BYTES * sources[q, col.WORDS])
            sent = values_row(sources, run, q, sample, t)
            for e in range(vec.read_int64(rows, row), vec.read_int64(rows, row + 1)):
                neuron = np.int64(vec.read_int32(events, e))
                vec.set_bit(spikes, neuron)
                if sent:
                    vec.write_int32(sent, neuron, vec.read_int32(values, e))


@compiled
def add_synops(sources, run, n_sources, synops):
    """Add the synapses that the events of all sources meet to ``synops`` of every sample."""
    for q in range(n_sources):
        fan_out, rows, events = (
            sources[q, col.FAN_OUT_AT], sources[q, col.LIST_ROWS_AT], sources[q, col.LIST_AT]
        )  # fmt: skip
        for sample in range(run[col.N_SAMPLES] if fan_out else 0):
            row, total = sample * run[col.N_STEPS], np.int64(0)
            stop = vec.read_int64(rows, row + run[col.N_STEPS])
            for e in range(vec.read_int64(rows, row), stop):
                total += vec.read_int32(fan_out, np.int64(vec.read_int32(events, e)))
            vec.write_int64(synops, sample, vec.read_int64(synops, sample) + total)
