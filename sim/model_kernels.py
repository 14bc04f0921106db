"""Compiled loops over neurons of other models than CUBA."""

# what is compiled names no types
# mypy: allow-untyped-defs, allow-untyped-calls, allow-incomplete-defs

import numpy as np

from hetlava.sim import columns as col
from hetlava.sim import vectors as vec
from hetlava.sim.calling import run_table, source_table, wire_table
from hetlava.sim.compiling import called, compiled
from hetlava.sim.listing import BYTES, spikes_row, values_row
from hetlava.sim.models import update_model
from hetlava.sim.ordered import receive_in_order
from hetlava.sim.placing import LANES
from hetlava.sim.receiving import WORD, receive
from hetlava.sim.stepping import state_of


def _advance(sources_at, wires_at, run_at, p, first, n, sample, t):
    """Bring places ``first .. first + n`` of a population through a step."""
    sources, wires, run = source_table(sources_at), wire_table(wires_at), run_table(run_at)
    receive(sources, wires, run, p, first, n, sample, t)
    _update(sources, run, p, first, n, sample, t)
    return 0


def _advance_in_order(sources_at, wires_at, run_at, p, first, n, sample, t):
    """Do so where messages are added one by one."""
    sources, wires, run = source_table(sources_at), wire_table(wires_at), run_table(run_at)
    receive_in_order(sources, wires, run, p, first, n, sample, t)
    _update(sources, run, p, first, n, sample, t)
    return 0


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
    if turned:  # places, with those between the rows of an image, may take more words than neurons
        vec.clear(spikes, BYTES * sources[p + 1, col.WORDS])
    else:
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


ADVANCE, ADVANCE_IN_ORDER = compiled(_advance), compiled(_advance_in_order)
