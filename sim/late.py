"""Events by the step in which they arrive, where delays make it another than that of sending."""

# what is compiled names no types
# mypy: allow-untyped-defs, allow-untyped-calls, allow-incomplete-defs

import numpy as np

from hetlava.sim import columns as col
from hetlava.sim import vectors as vec
from hetlava.sim.calling import call
from hetlava.sim.compiling import compiled

BYTES = 8  # of where the events of a step begin


@compiled
def list_late(sources, wires, run, w, rows, events, values):
    """List what arrives late through wire w in every step of every sample; return how much.

    In the first steps something may arrive that was sent before this run, and is kept as bits.
    What comes later is sorted by counting, as the delays of all neurons are at hand.
    """
    n_steps, end = run[col.N_STEPS], np.int64(0)
    early = min(n_steps, sources[wires[w, col.SOURCE], col.HISTORY])
    if run[col.FRESH]:
        early = 0
    for sample in range(run[col.N_SAMPLES]):
        ends = rows + BYTES * (sample * n_steps + 1)
        for t in range(early):
            where = w, sample, t, events, values, end
            end = call(run[col.LISTEN_AT], (sources, wires, run, *where))
            vec.write_int64(ends, t, end)
        end = _count(sources, wires, run, w, sample, early, ends, end)
        _sort(sources, wires, run, w, sample, early, ends, events, values)
    return end


def _arrival(wires, w, t, neuron):
    return t + 1 + vec.read_int32(wires[w, col.LATE_OF_AT], neuron)


def _count(sources, wires, run, w, sample, early, ends, end):
    """Write where the events of every step from ``early`` on will begin; return where they end."""
    n_steps, q = run[col.N_STEPS], wires[w, col.SOURCE]
    sent, neurons = sources[q, col.LIST_ROWS_AT] + BYTES * sample * n_steps, sources[q, col.LIST_AT]
    vec.clear(ends + BYTES * early, BYTES * (n_steps - early))
    for t in range(n_steps):
        for e in range(vec.read_int64(sent, t), vec.read_int64(sent, t + 1)):
            at = _arrival(wires, w, t, np.int64(vec.read_int32(neurons, e)))
            if early <= at < n_steps:
                vec.write_int64(ends, at, vec.read_int64(ends, at) + 1)
    for t in range(early, n_steps):
        n = vec.read_int64(ends, t)
        vec.write_int64(ends, t, end)
        end += n
    return end


def _sort(sources, wires, run, w, sample, early, ends, events, values):
    """Write the events, and move where those of a step begin to where they end."""
    n_steps, q = run[col.N_STEPS], wires[w, col.SOURCE]
    sent, neurons = sources[q, col.LIST_ROWS_AT] + BYTES * sample * n_steps, sources[q, col.LIST_AT]
    for t in range(n_steps):
        for e in range(vec.read_int64(sent, t), vec.read_int64(sent, t + 1)):
            neuron = vec.read_int32(neurons, e)
            at = _arrival(wires, w, t, np.int64(neuron))
            if early <= at < n_steps:
                to = vec.read_int64(ends, at)
                vec.write_int32(events, to, neuron)
                if values:
                    value = vec.read_int32(sources[q, col.LIST_VALUES_AT], e)
                    vec.write_int32(values, to, value)
                vec.write_int64(ends, at, to + 1)
