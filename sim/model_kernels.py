"""Compiled loops over populations of which some are not CUBA: a program of its own."""

# numba infers the types of these functions
# mypy: allow-untyped-defs, allow-untyped-calls, allow-incomplete-defs

import numpy as np

from hetlava.sim import columns as col
from hetlava.sim import vectors as vec
from hetlava.sim.compiling import called, compiled
from hetlava.sim.kernels import advance_cuba
from hetlava.sim.listing import BYTES, count_all, spikes_row, values_row
from hetlava.sim.models import update_model
from hetlava.sim.ordered import receive_in_order
from hetlava.sim.parameters import CUBA, XYLO
from hetlava.sim.placing import LANES
from hetlava.sim.receiving import WORD, receive
from hetlava.sim.stepping import layer_over, loop_over, state_of, wait


@called
def _advance(sources, wires, run, p, first, n, sample, t):
    """Bring places ``first .. first + n`` of a population through a step."""
    if sources[p + 1, col.MODEL] == CUBA:
        advance_cuba(sources, wires, run, p, first, n, sample, t)
        return
    if sources[p + 1, col.MODEL] == XYLO:
        receive_in_order(sources, wires, run, p, first, n, sample, t)
    else:
        receive(sources, wires, run, p, first, n, sample, t)
    if run[col.STEPS_BEFORE] + t < sources[p + 1, col.START]:
        wait(sources, run, p, first, n, sample, t)
    else:
        _update(sources, run, p, first, n, sample, t)


@called
def _update(sources, run, p, first, n, sample, t):
    """Advance neurons of another model, whose messages come as words."""
    state, size = state_of(sources, run, p, first, sample), sources[p + 1, col.SIZE]
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


_run_layer, _run_loop = layer_over(_advance), loop_over(_advance)


@compiled
def run_models(sources, wires, run, first_p, last_p, loops):
    """Bring populations that run together through all steps of all samples."""
    if vec.CAN_ROUND:
        vec.round_to(np.int32(vec.TO_ZERO))
    if loops:
        _run_loop(sources, wires, run, first_p, last_p)
    else:
        _run_layer(sources, wires, run, first_p)
    if vec.CAN_ROUND:
        vec.round_to(np.int32(vec.TO_NEAREST))
    count_all(sources, run, first_p, last_p)
