"""The engine's compiled loops over neurons and steps; loaded only when a network runs."""

# numba infers the types of these functions
# mypy: allow-untyped-defs, allow-untyped-calls, allow-incomplete-defs

import numpy as np

from hetlava.fixedpoint import STATE_SHIFT
from hetlava.sim import columns as col
from hetlava.sim import vectors as vec
from hetlava.sim.compiling import compiled, inlined
from hetlava.sim.cuba_vectors import update_any, update_tame
from hetlava.sim.listing import BYTES, listen, spikes_row, values_row
from hetlava.sim.models import update_model
from hetlava.sim.parameters import CUBA
from hetlava.sim.placing import LANES
from hetlava.sim.receiving import WORD, receive
from hetlava.sim.vectors import HALF

# sums below it bring no current further out than one turn
BOUND = 2 * HALF >> STATE_SHIFT


@compiled
def run_group(sources, wires, run, first_p, last_p, loops):
    """Bring populations that run together through all steps of all samples."""
    if vec.CAN_ROUND:
        vec.round_to(np.int32(vec.TO_ZERO))
    if loops:
        _run_loop(sources, wires, run, first_p, last_p)
    else:
        _run_layer(sources, wires, run, first_p)
    if vec.CAN_ROUND:
        vec.round_to(np.int32(vec.TO_NEAREST))


@inlined
def _run_layer(sources, wires, run, p):
    """Bring a population without a loop through all steps of all samples, chunk by chunk."""
    size, chunk = sources[p + 1, col.SIZE], sources[p + 1, col.CHUNK]
    for first in range(0, size, chunk):
        n = min(chunk, size - first)
        for sample in range(run[col.N_SAMPLES]):
            sources[p + 1, col.TAME] = _settle(sources, run, p, first, n, sample)
            for t in range(run[col.N_STEPS]):
                if vec.read_uint8(run[col.STOP_AT], 0):
                    break
                if _resets(sources, run, p, t):
                    sources[p + 1, col.TAME] = _rest(sources, run, p, first, n, sample)
                _advance(sources, wires, run, p, first, n, sample, t)


@inlined
def _run_loop(sources, wires, run, first_p, last_p):
    """Bring the populations of a loop through all steps of all samples, step by step."""
    for sample in range(run[col.N_SAMPLES]):
        for p in range(first_p, last_p):
            n = sources[p + 1, col.SIZE]
            sources[p + 1, col.TAME] = _settle(sources, run, p, 0, n, sample)
        for t in range(run[col.N_STEPS]):
            if vec.read_uint8(run[col.STOP_AT], 0):
                break
            for w in range(sources[first_p + 1, col.FIRST_WIRE], sources[last_p, col.LAST_WIRE]):
                if wires[w, col.MODE] == col.FROM_LOOP:
                    events, values = wires[w, col.NOW_AT], wires[w, col.NOW_VALUES_AT]
                    end = listen(sources, wires, run, w, sample, t, events, values, 0)
                    wires[w, col.N_RECENT] = end
            for p in range(first_p, last_p):
                size, chunk = sources[p + 1, col.SIZE], sources[p + 1, col.CHUNK]
                if _resets(sources, run, p, t):
                    sources[p + 1, col.TAME] = _rest(sources, run, p, 0, size, sample)
                for first in range(0, size, chunk):
                    n = min(chunk, size - first)
                    _advance(sources, wires, run, p, first, n, sample, t)


@inlined
def _advance(sources, wires, run, p, first, n, sample, t):
    """Bring places ``first .. first + n`` of a population through a step."""
    bound = receive(sources, wires, run, p, first, n, sample, t)
    if run[col.STEPS_BEFORE] + t < sources[p + 1, col.START]:
        _wait(sources, run, p, first, n, sample, t)
    elif sources[p + 1, col.MODEL] == CUBA:
        sources[p + 1, col.TAME] &= bound < BOUND
        _update_cuba(sources, run, p, first, n, sample, t)
    else:
        _update_other(sources, run, p, first, n, sample, t)
    row = (run[col.FIRST_STEP] + t) * run[col.ALL_SAMPLES] + run[col.FIRST_SAMPLE] + sample
    state = _state(sources, run, p, first, sample)
    for at, slot in ((col.U_AT, col.U_SLOT), (col.V_AT, col.V_SLOT)):
        if sources[p + 1, at]:
            word = state + WORD * sources[p + 1, slot] * sources[p + 1, col.SIZE]
            _trace(sources, p, sources[p + 1, at], row, word, first, n)


@inlined
def _state(sources, run, p, first, sample):
    word = sample * run[col.STATE_STRIDE] + sources[p + 1, col.STATE] + first
    return run[col.STATE_AT] + WORD * word


@inlined
def _settle(sources, run, p, first, n, sample):
    """Set the state to rest at the start of a run; return whether the currents are in range."""
    if run[col.FRESH]:
        return _rest(sources, run, p, first, n, sample)
    state = _state(sources, run, p, first, sample)
    for k in range(n):
        u = vec.read_int32(state, k)
        if u > HALF or u < -HALF:
            return False
    return vec.CAN_ROUND


@inlined
def _resets(sources, run, p, t):
    every = sources[p + 1, col.RESET_EVERY]
    return every > 0 and (run[col.STEPS_BEFORE] + t + 1) % every == sources[p + 1, col.RESET_AT]


@inlined
def _rest(sources, run, p, first, n, sample):
    """Set the state to rest; all currents are in range then."""
    state, size = _state(sources, run, p, first, sample), sources[p + 1, col.SIZE]
    for slot in range(sources[p + 1, col.SLOTS]):
        to = state + WORD * slot * size
        if sources[p + 1, col.REST_AT]:
            rest = sources[p + 1, col.REST_AT] + WORD * (slot * size + first)
            for k in range(n):
                vec.write_int32(to, k, vec.read_int32(rest, k))
        else:
            vec.clear(to, WORD * n)
    return vec.CAN_ROUND


@inlined
def _wait(sources, run, p, first, n, sample, t):
    """Stay at rest and send nothing."""
    _rest(sources, run, p, first, n, sample)
    row = spikes_row(sources, run, p + 1, sample, t)
    if sources[p + 1, col.NEURON_AT]:
        vec.clear(row, BYTES * sources[p + 1, col.WORDS])
    else:
        vec.clear(row + BYTES * (first // LANES), BYTES * ((n + LANES - 1) // LANES))


@inlined
def _update_cuba(sources, run, p, first, n, sample, t):
    state, size = _state(sources, run, p, first, sample), sources[p + 1, col.SIZE]
    parameters = sources[p + 1, col.PARAMETERS_AT] + WORD * first
    drive = run[col.DRIVE_AT] + WORD * sources[p + 1, col.LEAD]
    turned = sources[p + 1, col.NEURON_AT] != 0
    row = spikes_row(sources, run, p + 1, sample, t)
    bits = run[col.BITS_AT] if turned else row + BYTES * (first // LANES)
    if sources[p + 1, col.TAME]:
        update_tame(n, state, parameters, size, drive, bits)
    else:
        update_any(n, state, parameters, size, drive, bits)
    if turned:
        _turn(sources, p, bits, n // LANES, row)


@inlined
def _turn(sources, p, words, n_words, spikes):
    """Bring bits by place into the order of the neurons."""
    vec.clear(spikes, BYTES * sources[p + 1, col.WORDS])
    for k in range(n_words):
        word = vec.read_uint64(words, k)
        while word:
            lowest = np.uint64(word & (np.uint64(0) - word))
            place = LANES * k + vec.count_bits(np.uint64(lowest - np.uint64(1)))
            neuron = np.int64(vec.read_int32(sources[p + 1, col.NEURON_AT], place))
            vec.set_bit(spikes, neuron)
            word ^= lowest


@inlined
def _update_other(sources, run, p, first, n, sample, t):
    """Advance neurons of another model, whose messages come as words."""
    state, size = _state(sources, run, p, first, sample), sources[p + 1, col.SIZE]
    parameters = sources[p + 1, col.PARAMETERS_AT] + WORD * first
    drive = run[col.DRIVE_AT] + WORD * sources[p + 1, col.LEAD]
    turned = sources[p + 1, col.NEURON_AT] != 0
    real = n if turned else min(n, sources[p + 1, col.WIDTH] - first)
    options = (
        sources[p + 1, col.OPTION], sources[p + 1, col.OPTION + 1], sources[p + 1, col.OPTION + 2]
    )  # fmt: skip
    model, sent = sources[p + 1, col.MODEL], run[col.SENT_AT]
    sums = sources[p + 1, col.SUMS]
    update_model(model, real, state, parameters, size, drive, sums, sent, options)
    spikes = spikes_row(sources, run, p + 1, sample, t)
    vec.clear(spikes + BYTES * (first // LANES), BYTES * ((real + LANES - 1) // LANES))
    values = values_row(sources, run, p + 1, sample, t)
    for k in range(real):
        message = vec.read_int32(sent, k)
        neuron = first + k
        if turned:
            neuron = np.int64(vec.read_int32(sources[p + 1, col.NEURON_AT], k))
        if message != 0 and neuron >= 0:
            vec.set_bit(spikes, neuron)
            if values:
                vec.write_int32(values, neuron, message)


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
