"""Some samples brought through some steps by one thread, layer by layer: a unit of work."""

# mypy: allow-untyped-calls

import time

import numpy as np

from hetlava.arrays import AnyArray, Int
from hetlava.sim import columns as col
from hetlava.sim import kernels, late, listing, stepping
from hetlava.sim.dense_layers import dense_wires, run_dense, without_sizes
from hetlava.sim.modes import Mode
from hetlava.sim.placing import LANES
from hetlava.sim.rooms import SCRATCH_AT, Room, address, plan
from hetlava.sim.trains import Memory, Output, Recorder, Train, nothing
from hetlava.sim.wiring import ROOM, Group, Prepared


class Stopped(Exception):
    """The run was told to stop; what was computed is worth nothing."""


def no_memory(prepared: Prepared, n_samples: int, *, graded_input: bool = False) -> Memory:
    """Return the memory of samples at rest."""
    sources, spikes, values = prepared.source_table, [], list[Int | None]()
    for q, row in enumerate(sources):
        shape = n_samples, int(row[col.HISTORY]), int(row[col.WORDS])
        spikes.append(np.zeros(shape, np.uint64))
        graded = graded_input if q == 0 else prepared.graded[q]
        values.append(np.zeros((*shape[:2], shape[2] * LANES), np.int32) if graded else None)
    return Memory(
        state=_rest(prepared, n_samples),
        last=[nothing(n_samples)] * len(sources),
        spikes=spikes,
        values=values,
    )


def _rest(prepared: Prepared, n_samples: int) -> Int:
    state = np.zeros((n_samples, prepared.state_words), np.int32)
    for p, rest in enumerate(prepared.rest):
        start = int(prepared.source_table[p + 1, col.STATE])
        state[:, start : start + rest.size] = rest.ravel()
    return state


class Block:
    """Samples of a batch on their way through the layers.

    Parameters
    ----------
    inputs : Train
    shape : (n_samples, n_steps)
    memory : Memory or None
        Of the steps before, changed by the run; None from rest.
    stop : (1,) uint8
        What makes the loops return early when it is set.
    mode : Mode
        How layers are run.
    """

    def __init__(
        self,
        prepared: Prepared,
        inputs: Train,
        shape: tuple[int, int],
        *,
        memory: Memory | None,
        stop: AnyArray,
        mode: Mode = "auto",
    ) -> None:
        self.prepared, self.memory, self.stop, self.mode = prepared, memory, stop, mode
        self.n_samples, self.n_steps = shape
        self.kept: list[AnyArray | None] = []
        whole = plan(prepared, shape, graded_input=inputs.values is not None)
        self.sources, self.wires, self.table = (
            table.copy() for table in (whole.sources, whole.wires, whole.run)
        )
        self.room = Room(whole, self.sources)
        # all in one: n_samples * n_steps + 1 for each source
        self.rows = np.empty((len(self.sources), self.n_samples * self.n_steps + 1), np.int64)
        at, step = address(self.rows), self.rows.strides[0]
        self.sources[:, col.LIST_ROWS_AT] = np.arange(at, at + step * len(self.sources), step)
        self.trains, self.late = [inputs], dict[int, Train]()
        self.sources[0, col.LIST_ROWS_AT : col.LIST_VALUES_AT + 1] = self._addresses(inputs)
        self.counts = [int(inputs.rows[-1] - inputs.rows[0])]  # of events of each source
        # where these are, which loops ask for
        self.tables = address(self.sources), address(self.wires), address(self.table)
        for column, at in zip(SCRATCH_AT, self.room.scratch, strict=True):
            self.table[column] = at
        self.table[col.STOP_AT] = address(stop)
        if memory is not None:
            self._go_on(memory)
        if prepared.remembers:
            self._recall()

    def _address(self, array: AnyArray | None) -> int:
        self.kept.append(array)
        return address(array)

    def _addresses(self, train: Train) -> tuple[int, ...]:
        return tuple(map(self._address, train))

    def _go_on(self, memory: Memory) -> None:
        """Continue from a state instead of from rest, with what was sent in the step before."""
        table = self.table
        table[col.FRESH], table[col.STEPS_BEFORE] = False, memory.n_steps
        # otherwise one sample after the other has its state in the same place
        table[col.STATE_AT] = self._address(memory.state)
        table[col.STATE_STRIDE] = self.prepared.state_words
        if self.prepared.remembers:
            table[col.LISTEN_AT] = listing.LISTEN.address
        for w, wire in enumerate(self.wires):
            wire[col.BEFORE_ROWS_AT : col.BEFORE_VALUES_AT + 1] = self._addresses(self.before(w))

    def _recall(self) -> None:
        """Put down the spikes before this run that delays still need."""
        for q in np.flatnonzero(self.sources[:, col.HISTORY]).tolist():
            before = slice(0, int(self.sources[q, col.HISTORY]))
            self.room.spikes(q)[:, before] = self.memory.spikes[q] if self.memory else 0
            sent = self.room.messages(q)
            if sent is not None:
                earlier = self.memory.values[q] if self.memory else None
                sent[:, before] = 0 if earlier is None else earlier

    def record(self, recorder: Recorder, first_sample: int, first_step: int) -> None:
        """Say where the traces of the run go."""
        for column, arrays in ((col.U_AT, recorder.u), (col.V_AT, recorder.v)):
            if any(a is not None for a in arrays):
                self.sources[1:, column] = list(map(self._address, arrays))
                self.table[col.RECORD_AT] = stepping.RECORD.address
        self.table[col.FIRST_STEP], self.table[col.FIRST_SAMPLE] = first_step, first_sample
        self.table[col.ALL_SAMPLES] = recorder.all_samples

    def run(self) -> Output:
        """Run all groups and return what they gave.

        Raises
        ------
        Stopped
            If ``stop`` was set meanwhile.
        """
        if self.memory is not None and self.sources[0, col.HISTORY]:
            listing.mark_spikes(self.tables[0], self.tables[2], 0)
        seconds = []
        for group in self.prepared.groups:
            start = time.perf_counter()
            self._run_whole(group)
            if self.stop[0]:
                raise Stopped
            self.trains += [self._train(p + 1) for p in range(group.first, group.last)]
            seconds.append(time.perf_counter() - start)
        self.rows.flags.writeable = False  # recordings hold parts of it
        synops = np.zeros(self.n_samples, np.int64)
        listing.add_synops(self.tables[0], self.tables[2], len(self.sources), address(synops))
        if self.memory is not None:
            self._remember(self.memory)
        return Output(
            trains=self.trains,
            synops=synops,
            first_sample=int(self.table[col.FIRST_SAMPLE]),
            seconds=seconds,
        )

    def _run_whole(self, group: Group) -> None:
        for w in group.apart:
            self._attach(w)
        dense = dense_wires(self, group)
        if dense:
            run_dense(self, group, dense)
        else:
            self.run_group(group)

    def run_group(self, group: Group) -> None:
        """Run populations that run together over the samples and steps that the table names."""
        if group.is_plain:
            kernels.run_plain(*self.tables, group.first)
        elif group.loops:
            stepping.run_loop(*self.tables, group.first, group.last)
        else:
            stepping.run_layer(*self.tables, group.first)

    def messages(self, w: int) -> Train:
        """Return what comes through wire w: when it was sent, or arrives if it has delays."""
        train = self.late[w] if w in self.late else self.trains[int(self.wires[w, col.SOURCE])]
        return train if self.wires[w, col.MESSAGES] else without_sizes(train)

    def before(self, w: int) -> Train:
        """Return what the source of wire w sent in the step before this run."""
        if self.memory is None:
            return nothing(self.n_samples)
        train = self.memory.last[int(self.wires[w, col.SOURCE])]
        return train if self.wires[w, col.MESSAGES] else without_sizes(train)

    def _attach(self, w: int) -> None:
        """Make the list of late events of wire w, or room for those of one step of a loop."""
        wire, q = self.wires[w], int(self.wires[w, col.SOURCE])
        if wire[col.MODE] == col.FROM_LATE:
            made = self.late[w] = self._late(w)
            wire[col.ROWS_AT : col.EVENT_VALUES_AT + 1] = self._addresses(made)
            return
        room = int(self.sources[q, col.WORDS]) * LANES + ROOM
        sized = wire[col.MESSAGES] and self.prepared.graded[q]
        wire[col.NOW_AT] = self._address(np.empty(room, np.int32))
        wire[col.NOW_VALUES_AT] = self._address(np.empty(room, np.int32)) if sized else 0

    def _late(self, w: int) -> Train:
        """Return what arrives through wire w in each step."""
        q = int(self.wires[w, col.SOURCE])
        most = self.counts[q]
        if self.memory is not None:
            most += int(np.unpackbits(self.memory.spikes[q].view(np.uint8)).sum())
        neurons = np.empty(most + ROOM, np.int32)
        graded = self.sources[q, col.VALUES_AT] and self.wires[w, col.MESSAGES]
        values = np.empty_like(neurons) if graded else None
        made = Train(np.zeros(self.n_samples * self.n_steps + 1, np.int64), neurons, values)
        n = late.list_late(*self.tables, w, *self._addresses(made))
        # without the room, which holds anything
        return Train(made.rows, neurons[:n], None if values is None else values[:n])

    def _train(self, q: int) -> Train:
        """Return the events of a source that has run."""
        total = int(self.sources[q, col.COUNT])
        self.counts.append(total)
        neurons = np.empty(total + ROOM, np.int32)
        values = np.empty_like(neurons) if self.prepared.graded[q] else None
        listing.list_spikes(self.tables[0], self.tables[2], q, address(neurons), address(values))
        for made in (neurons, values):
            if made is not None:
                made.flags.writeable = False
        return Train(self.rows[q], neurons[:total], None if values is None else values[:total])

    def _remember(self, memory: Memory) -> None:
        n = self.n_steps
        memory.n_steps += n
        memory.last = [last_rows(train, self.n_samples, n) for train in self.trains]
        for q, row in enumerate(self.sources):
            before = slice(n, n + int(row[col.HISTORY]))
            sent = self.room.messages(q)
            memory.spikes[q] = self.room.spikes(q)[:, before].copy()
            memory.values[q] = None if sent is None else sent[:, before].copy()


def last_rows(train: Train, n_samples: int, n_steps: int) -> Train:
    """Return the events of the last step of every sample."""
    at = np.arange(n_samples) * n_steps + n_steps - 1
    slices = [slice(int(train.rows[k]), int(train.rows[k + 1])) for k in at]
    ends = np.cumsum([0, *(s.stop - s.start for s in slices)]).astype(np.int64)
    neurons = np.concatenate([train.neurons[s] for s in slices])
    if train.values is None:
        return Train(ends, neurons)
    return Train(ends, neurons, np.concatenate([train.values[s] for s in slices]))
