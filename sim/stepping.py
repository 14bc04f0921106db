"""Loops over samples, steps and chunks of neurons, whatever the model; states and their traces."""

# numba infers the types of these functions
# mypy: allow-untyped-defs, allow-untyped-calls, allow-incomplete-defs

import numpy as np

from hetlava.sim import columns as col
from hetlava.sim import vectors as vec
from hetlava.sim.compiling import called, inlined
from hetlava.sim.listing import BYTES, listen, spikes_row
from hetlava.sim.placing import LANES
from hetlava.sim.receiving import WORD
from hetlava.sim.vectors import HALF


def layer_over(advance):
    """Make ``run_layer(sources, wires, run, p)``, which advances a population without a loop.

    ``advance(sources, wires, run, p, first, n, sample, t)`` brings some of it through a step.
    """

    @inlined
    def run_layer(sources, wires, run, p):
        size, chunk = sources[p + 1, col.SIZE], sources[p + 1, col.CHUNK]
        for first in range(0, size, chunk):
            n = min(chunk, size - first)
            for sample in range(run[col.SAMPLE_FROM], run[col.SAMPLE_TO]):
                sources[p + 1, col.TAME] = settle(sources, run, p, first, n, sample)
                for t in range(run[col.STEP_FROM], run[col.STEP_TO]):
                    if vec.read_uint8(run[col.STOP_AT], 0):
                        break
                    if _resets(sources, run, p, t):
                        sources[p + 1, col.TAME] = _rest(sources, run, p, first, n, sample)
                    advance(sources, wires, run, p, first, n, sample, t)
                    record_state(sources, run, p, first, n, sample, t)

    return run_layer


def loop_over(advance):
    """Make ``run_loop(sources, wires, run, first_p, last_p)``, for populations on a loop."""

    @inlined
    def step(sources, wires, run, p, sample, t):
        size, chunk = sources[p + 1, col.SIZE], sources[p + 1, col.CHUNK]
        if _resets(sources, run, p, t):
            sources[p + 1, col.TAME] = _rest(sources, run, p, 0, size, sample)
        for first in range(0, size, chunk):
            n = min(chunk, size - first)
            advance(sources, wires, run, p, first, n, sample, t)
            record_state(sources, run, p, first, n, sample, t)

    @inlined
    def run_loop(sources, wires, run, first_p, last_p):
        for sample in range(run[col.N_SAMPLES]):
            for p in range(first_p, last_p):
                n = sources[p + 1, col.SIZE]
                sources[p + 1, col.TAME] = settle(sources, run, p, 0, n, sample)
            for t in range(run[col.N_STEPS]):
                if vec.read_uint8(run[col.STOP_AT], 0):
                    break
                _hear(sources, wires, run, first_p, last_p, sample, t)
                for p in range(first_p, last_p):
                    step(sources, wires, run, p, sample, t)

    return run_loop


@inlined
def _hear(sources, wires, run, first_p, last_p, sample, t):
    """Collect what populations of a loop receive from each other."""
    for w in range(sources[first_p + 1, col.FIRST_WIRE], sources[last_p, col.LAST_WIRE]):
        if wires[w, col.MODE] == col.FROM_LOOP:
            events, values = wires[w, col.NOW_AT], wires[w, col.NOW_VALUES_AT]
            end = listen(sources, wires, run, w, sample, t, events, values, 0)
            wires[w, col.N_RECENT] = end


@inlined
def state_of(sources, run, p, first, sample):
    word = sample * run[col.STATE_STRIDE] + sources[p + 1, col.STATE] + first
    return run[col.STATE_AT] + WORD * word


@called
def settle(sources, run, p, first, n, sample):
    """Set the state to rest at the start of a run; return whether the currents are in range."""
    if run[col.FRESH] and run[col.STEP_FROM] == 0:
        return _rest(sources, run, p, first, n, sample)
    state = state_of(sources, run, p, first, sample)
    for k in range(n):
        u = vec.read_int32(state, k)
        if u > HALF or u < -HALF:
            return False
    return vec.CAN_ROUND


@inlined
def _resets(sources, run, p, t):
    every = sources[p + 1, col.RESET_EVERY]
    return every > 0 and (run[col.STEPS_BEFORE] + t + 1) % every == sources[p + 1, col.RESET_AT]


@called
def _rest(sources, run, p, first, n, sample):
    """Set the state to rest; all currents are in range then."""
    state, size = state_of(sources, run, p, first, sample), sources[p + 1, col.SIZE]
    for slot in range(sources[p + 1, col.SLOTS]):
        to = state + WORD * slot * size
        if sources[p + 1, col.REST_AT]:
            rest = sources[p + 1, col.REST_AT] + WORD * (slot * size + first)
            for k in range(n):
                vec.write_int32(to, k, vec.read_int32(rest, k))
        else:
            vec.clear(to, WORD * n)
    return vec.CAN_ROUND


@called
def wait(sources, run, p, first, n, sample, t):
    """Stay at rest and send nothing."""
    _rest(sources, run, p, first, n, sample)
    row = spikes_row(sources, run, p + 1, sample, t)
    if sources[p + 1, col.NEURON_AT]:
        vec.clear(row, BYTES * sources[p + 1, col.WORDS])
    else:
        vec.clear(row + BYTES * (first // LANES), BYTES * ((n + LANES - 1) // LANES))


@called
def record_state(sources, run, p, first, n, sample, t):
    """Copy what is recorded of the state after a step."""
    row = (run[col.FIRST_STEP] + t) * run[col.ALL_SAMPLES] + run[col.FIRST_SAMPLE] + sample
    state, words = state_of(sources, run, p, first, sample), WORD * sources[p + 1, col.SIZE]
    if sources[p + 1, col.U_AT]:
        u = state + words * sources[p + 1, col.U_SLOT]
        _trace(sources, p, sources[p + 1, col.U_AT], row, u, first, n)
    if sources[p + 1, col.V_AT]:
        v = state + words * sources[p + 1, col.V_SLOT]
        _trace(sources, p, sources[p + 1, col.V_AT], row, v, first, n)


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
