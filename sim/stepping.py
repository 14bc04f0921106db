"""Loops over samples, steps and chunks of neurons, whatever the model; states and their traces."""

# what is compiled names no types
# mypy: allow-untyped-defs, allow-untyped-calls, allow-incomplete-defs

import numpy as np

from hetlava.sim import columns as col
from hetlava.sim import vectors as vec
from hetlava.sim.calling import call, run_table, source_table
from hetlava.sim.compiling import compiled, inlined
from hetlava.sim.listing import BYTES, count, spikes_row
from hetlava.sim.placing import LANES
from hetlava.sim.receiving import WORD
from hetlava.sim.vectors import HALF


@compiled
def run_layer(sources, wires, run, p):
    """Bring a population without a loop through the steps and samples that ``run`` names."""
    if vec.CAN_ROUND:
        vec.round_to(np.int32(vec.TO_ZERO))
    size, chunk = sources[p + 1, col.SIZE], sources[p + 1, col.CHUNK]
    for first in range(0, size, chunk):
        n = min(chunk, size - first)
        for sample in range(run[col.SAMPLE_FROM], run[col.SAMPLE_TO]):
            settle(sources, run, p, first, n, sample, False)
            for t in range(run[col.STEP_FROM], run[col.STEP_TO]):
                if vec.read_uint8(run[col.STOP_AT], 0):
                    break
                if _resets(sources, run, p, t):
                    settle(sources, run, p, first, n, sample, True)
                _advance(sources, wires, run, p, first, n, sample, t)
    if vec.CAN_ROUND:
        vec.round_to(np.int32(vec.TO_NEAREST))
    count(sources, run, p, p + 1)


@compiled
def run_loop(sources, wires, run, first_p, last_p):
    """Bring populations on a loop through all steps of all samples."""
    if vec.CAN_ROUND:
        vec.round_to(np.int32(vec.TO_ZERO))
    for sample in range(run[col.N_SAMPLES]):
        for p in range(first_p, last_p):
            settle(sources, run, p, 0, sources[p + 1, col.SIZE], sample, False)
        for t in range(run[col.N_STEPS]):
            if vec.read_uint8(run[col.STOP_AT], 0):
                break
            _hear(sources, wires, run, first_p, last_p, sample, t)
            for p in range(first_p, last_p):
                size, chunk = sources[p + 1, col.SIZE], sources[p + 1, col.CHUNK]
                if _resets(sources, run, p, t):
                    settle(sources, run, p, 0, size, sample, True)
                for first in range(0, size, chunk):
                    n = min(chunk, size - first)
                    _advance(sources, wires, run, p, first, n, sample, t)
    if vec.CAN_ROUND:
        vec.round_to(np.int32(vec.TO_NEAREST))
    count(sources, run, first_p, last_p)


@inlined
def _advance(sources, wires, run, p, first, n, sample, t):
    """Bring places ``first .. first + n`` of a population through a step."""
    tables = sources, wires, run
    loop = sources[p + 1, col.ADVANCE_AT]
    if run[col.STEPS_BEFORE] + t < sources[p + 1, col.START]:
        loop = run[col.WAIT_AT]
    call(loop, tables + (p, first, n, sample, t))
    record(sources, wires, run, p, first, n, sample, t)


@inlined
def record(sources, wires, run, p, first, n, sample, t):
    """Copy what is recorded of the state after a step, if anything is."""
    if sources[p + 1, col.U_AT] or sources[p + 1, col.V_AT]:
        tables = sources, wires, run
        call(run[col.RECORD_AT], tables + (p, first, n, sample, t))


@inlined
def settle(sources, run, p, first, n, sample, anew):
    """Make ready for the steps of this call, or return to rest; put down if currents are tame."""
    where = p, first, n, sample, np.int64(anew)
    call(run[col.SETTLE_AT], (sources, run, *where))


@inlined
def _hear(sources, wires, run, first_p, last_p, sample, t):
    """Collect what populations of a loop receive from each other."""
    for w in range(sources[first_p + 1, col.FIRST_WIRE], sources[last_p, col.LAST_WIRE]):
        if wires[w, col.MODE] == col.FROM_LOOP:
            tables = sources, wires, run
            to = wires[w, col.NOW_AT], wires[w, col.NOW_VALUES_AT], np.int64(0)
            wires[w, col.N_RECENT] = call(run[col.LISTEN_AT], tables + (w, sample, t) + to)


@inlined
def state_of(sources, run, p, first, sample):
    word = sample * run[col.STATE_STRIDE] + sources[p + 1, col.STATE] + first
    return run[col.STATE_AT] + WORD * word


@inlined
def _resets(sources, run, p, t):
    every = sources[p + 1, col.RESET_EVERY]
    return every > 0 and (run[col.STEPS_BEFORE] + t + 1) % every == sources[p + 1, col.RESET_AT]


@inlined
def _rest(sources, run, p, first, n, sample):
    """Set the state to rest."""
    state, size = state_of(sources, run, p, first, sample), sources[p + 1, col.SIZE]
    for slot in range(sources[p + 1, col.SLOTS]):
        to = state + WORD * slot * size
        if sources[p + 1, col.REST_AT]:
            rest = sources[p + 1, col.REST_AT] + WORD * (slot * size + first)
            for k in range(n):
                vec.write_int32(to, k, vec.read_int32(rest, k))
        else:
            vec.clear(to, WORD * n)


def _settle(sources_at, run_at, p, first, n, sample, anew):
    sources, run, tame = source_table(sources_at), run_table(run_at), vec.CAN_ROUND
    if anew or (run[col.FRESH] and run[col.STEP_FROM] == 0):
        _rest(sources, run, p, first, n, sample)
    else:
        state = state_of(sources, run, p, first, sample)
        for k in range(n):
            u = vec.read_int32(state, k)
            tame &= -HALF <= u <= HALF
    sources[p + 1, col.TAME] = tame
    return 0


def _wait(sources_at, wires_at, run_at, p, first, n, sample, t):
    """Stay at rest and send nothing."""
    sources, run = source_table(sources_at), run_table(run_at)
    _rest(sources, run, p, first, n, sample)
    row = spikes_row(sources, run, p + 1, sample, t)
    if sources[p + 1, col.NEURON_AT]:
        vec.clear(row, BYTES * sources[p + 1, col.WORDS])
    else:
        vec.clear(row + BYTES * (first // LANES), BYTES * ((n + LANES - 1) // LANES))
    return 0


def _record(sources_at, wires_at, run_at, p, first, n, sample, t):
    sources, run = source_table(sources_at), run_table(run_at)
    row = (run[col.FIRST_STEP] + t) * run[col.ALL_SAMPLES] + run[col.FIRST_SAMPLE] + sample
    state, words = state_of(sources, run, p, first, sample), WORD * sources[p + 1, col.SIZE]
    if sources[p + 1, col.U_AT]:
        u = state + words * sources[p + 1, col.U_SLOT]
        _trace(sources, p, sources[p + 1, col.U_AT], row, u, first, n)
    if sources[p + 1, col.V_AT]:
        v = state + words * sources[p + 1, col.V_SLOT]
        _trace(sources, p, sources[p + 1, col.V_AT], row, v, first, n)
    return 0


@inlined
def _trace(sources, p, to, row, state, first, n):
    width, where = sources[p + 1, col.WIDTH], sources[p + 1, col.WHERE_AT]
    at = to + WORD * row * width
    if where:
        for k in range(width):
            place = np.int64(vec.read_int32(where, k))
            vec.write_int32(at, k, vec.read_int32(state, place))
    else:
        for k in range(min(n, width - first)):
            vec.write_int32(at, first + k, vec.read_int32(state, k))


SETTLE, WAIT, RECORD = compiled(_settle), compiled(_wait), compiled(_record)
