"""Messages added one after another, each sum saturating: what neurons of a Xylo core receive."""

# what is compiled names no types
# mypy: allow-untyped-defs, allow-untyped-calls, allow-incomplete-defs

import numpy as np

from hetlava.chip_xylo import XYLO2
from hetlava.sim import columns as col
from hetlava.sim import vectors as vec
from hetlava.sim.compiling import called
from hetlava.sim.models import SHORT_MAX, SHORT_MIN
from hetlava.sim.receiving import arriving
from hetlava.sim.stepping import state_of

INPUT_MOST, HIDDEN_MOST = XYLO2.input_spikes_max, XYLO2.hidden_spikes_max
HALF_WORD = 2  # bytes of a weight


@called
def receive_in_order(sources, wires, run, p, first, n, sample, t):
    """Add what arrives to the currents at places ``first .. first + n``, source by source."""
    state, size = state_of(sources, run, p, first, sample), sources[p + 1, col.SIZE]
    for w in range(sources[p + 1, col.FIRST_WIRE], sources[p + 1, col.LAST_WIRE]):
        start, stop = arriving(sources, wires, run, w, sample, t)
        most = np.int64(INPUT_MOST if wires[w, col.SOURCE] == 0 else HIDDEN_MOST)
        down, up = max(-wires[w, col.EXPONENT], 0), max(wires[w, col.EXPONENT], 0)
        for e in range(start, stop):
            source = np.int64(vec.read_int32(wires[w, col.NOW_AT], e))
            row = wires[w, col.TABLES] + HALF_WORD * (source * size + first)
            spikes = np.int64(1)
            if wires[w, col.NOW_VALUES_AT]:
                spikes = min(np.int64(vec.read_int32(wires[w, col.NOW_VALUES_AT], e)), most)
            for k in range(n):
                weight = np.int64(vec.read_int16(row, k)) >> down << up
                u = np.int64(vec.read_int32(state, k)) + weight * spikes
                vec.write_int32(state, k, np.int32(min(max(u, SHORT_MIN), SHORT_MAX)))
