"""One piece of memory for all that a block of samples needs while it runs.

Dozens of small arrays would take longer to be made than a small network takes to run.
"""

import ctypes
from math import prod
from typing import NamedTuple

import numpy as np

from hetlava.arrays import AnyArray, Int64
from hetlava.sim import columns as col
from hetlava.sim.placing import LANES
from hetlava.sim.programs import attach
from hetlava.sim.trains import Train, nothing
from hetlava.sim.wiring import Prepared

LINE = 64  # bytes of a cache line, with which every part begins
WORD, LONG = 4, 8
# parts that belong to no source, as the table of a run names them
SCRATCH_AT = (
    col.DRIVE_AT, col.TOTAL_AT, col.SENT_AT, col.BITS_AT, col.HALVES_AT, col.STATE_AT
)  # fmt: skip
SCRATCH = len(SCRATCH_AT)


class Plan(NamedTuple):
    """Where the parts of the memory of a block lie, in bytes from its first cache line.

    ``starts`` are those of what is shared by all sources, then of the spikes of each source as
    bits, then of its messages; ``shapes`` are (n_samples, history + n_steps, words) of each source,
    ``sent`` is 1 for those whose messages have a size. ``sources``, ``wires`` and ``run`` are the
    tables of a run from rest, but for addresses of what each run has for itself. ``silence`` is
    the step before it.
    """

    n_bytes: int
    starts: Int64
    shapes: tuple[tuple[int, int, int], ...]
    sent: Int64
    sources: Int64
    wires: Int64
    run: Int64
    silence: Train


def plan(prepared: Prepared, shape: tuple[int, int], *, graded_input: bool) -> Plan:
    """Lay out the memory for (n_samples, n_steps); kept for the next block of that shape."""
    key = (*shape, graded_input)
    found = prepared.plans.get(key)
    if found is None:
        if len(prepared.plans) >= LINE:
            prepared.plans.clear()
        found = prepared.plans[key] = _plan(prepared, shape, graded_input)
    return found


def _plan(prepared: Prepared, shape: tuple[int, int], graded_input: bool) -> Plan:
    n_samples, n_steps = shape
    before, words = prepared.source_table[:, [col.HISTORY, col.WORDS]].T
    rows = n_steps + before
    rows[0] *= before[0] > 0  # otherwise the events of the input are at hand
    sent = prepared.graded.copy()
    sent[0] = graded_input and before[0] > 0
    bits = LONG * n_samples * rows * words
    parts = np.concatenate([prepared.scratch_bytes, bits, WORD * LANES // LONG * sent * bits])
    parts += -parts % LINE
    ends = np.cumsum(parts)
    shapes = tuple((n_samples, int(r), int(w)) for r, w in zip(rows, words, strict=True))
    silence = nothing(n_samples)
    tables = _tables(prepared, shape, graded_input, silence)
    return Plan(int(ends[-1]), ends - parts, shapes, sent, *tables, silence)


def _tables(
    prepared: Prepared, shape: tuple[int, int], graded_input: bool, silence: Train
) -> tuple[Int64, Int64, Int64]:
    sources, wires = prepared.source_table.copy(), prepared.wire_table.copy()
    run = np.zeros(col.RUN_COLUMNS, np.int64)
    run[[col.N_SAMPLES, col.SAMPLE_TO]], run[[col.N_STEPS, col.STEP_TO]] = shape
    run[col.FRESH] = True
    wires[:, col.BEFORE_ROWS_AT : col.BEFORE_VALUES_AT + 1] = list(map(address, silence))
    sized = [graded_input, *(x > 0 for x in prepared.graded[1:])]
    attach(prepared.groups, sources, wires, run, sized)
    return sources, wires, run


def address(array: AnyArray | None) -> int:
    """Return where an array lies, 0 for none, the fastest way that there is for it."""
    if array is None:
        return 0
    if array.size and array.flags.writeable and array.flags.c_contiguous:
        return ctypes.addressof(ctypes.c_char.from_buffer(array.data))
    return int(array.__array_interface__["data"][0])


class Room:
    """Memory for spikes as bits, for messages, for sums and for the state of samples from rest.

    The addresses are put down in ``sources``, the table of a run.
    """

    def __init__(self, plan: Plan, sources: Int64) -> None:
        self._plan = plan
        self._bytes = np.empty(plan.n_bytes + LINE, np.uint8)
        base = address(self._bytes)
        self._first = -base % LINE
        at = plan.starts + (base + self._first)
        self.scratch: list[int] = at[:SCRATCH].tolist()
        n = len(sources)
        sources[:, col.SPIKES_AT] = at[SCRATCH : SCRATCH + n]
        sources[:, col.VALUES_AT] = at[SCRATCH + n :] * plan.sent

    def spikes(self, q: int) -> AnyArray:
        """Return the spikes of source q as bits, (n_samples, history + n_steps, words) uint64."""
        shape = self._plan.shapes[q]
        return self._part(SCRATCH + q, shape, np.dtype(np.uint64))

    def messages(self, q: int) -> AnyArray | None:
        """Return what a graded source sends, (n_samples, history + n_steps, 64 words) int32."""
        if not self._plan.sent[q]:
            return None
        n_samples, rows, words = self._plan.shapes[q]
        part = SCRATCH + len(self._plan.shapes) + q
        return self._part(part, (n_samples, rows, LANES * words), np.dtype(np.int32))

    def _part(self, k: int, shape: tuple[int, int, int], dtype: np.dtype[np.generic]) -> AnyArray:
        start = int(self._plan.starts[k]) + self._first
        end = start + dtype.itemsize * prod(shape)
        return self._bytes[start:end].view(dtype).reshape(shape)
