"""Some samples brought through some steps by one thread, layer by layer: a unit of work."""

# mypy: allow-untyped-calls

import time

import numpy as np

from hetlava.arrays import AnyArray, Int, Int64
from hetlava.sim import columns as col
from hetlava.sim import kernels, listing
from hetlava.sim.dense_layers import dense_wires, run_dense, without_sizes
from hetlava.sim.modes import Mode
from hetlava.sim.parameters import CUBA
from hetlava.sim.placing import LANES
from hetlava.sim.trains import Memory, Output, Recorder, Train
from hetlava.sim.wiring import Prepared

ROOM = 16  # events that loops may write beyond the last


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


def nothing(n_rows: int) -> Train:
    """Return rows without events."""
    return Train(np.zeros(n_rows + 1, np.int64), np.zeros(0, np.int32))


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
        self.sources, self.wires = prepared.source_table.copy(), prepared.wire_table.copy()
        self.trains = [inputs]
        self.late: dict[int, Train] = {}
        self.kept: list[AnyArray] = []
        self.spikes = [self._bits(q) for q in range(len(self.sources))]
        self.values = [self._messages(q) for q in range(len(self.sources))]
        self.table = self._table()

    def _address(self, array: AnyArray | None) -> int:
        if array is None:
            return 0
        self.kept.append(array)
        # ten times faster than array.ctypes.data
        return int(array.__array_interface__["data"][0])

    def _addresses(self, train: Train) -> tuple[int, ...]:
        return tuple(map(self._address, train))

    def _bits(self, q: int) -> AnyArray:
        """Return room for the spikes of a source as bits, with those of the steps before."""
        before = int(self.sources[q, col.HISTORY])
        n_rows = self.n_steps + before if q or before else 0
        bits = np.empty((self.n_samples, n_rows, int(self.sources[q, col.WORDS])), np.uint64)
        bits[:, :before] = self.memory.spikes[q] if self.memory else 0
        self.sources[q, col.SPIKES_AT] = bits.ctypes.data
        return bits

    def _messages(self, q: int) -> Int | None:
        """Return room for what a graded source sends, with what it sent before."""
        before = int(self.sources[q, col.HISTORY])
        graded = self.prepared.graded[q] or (q == 0 and self.trains[0].values is not None)
        if not graded or (q == 0 and not before):
            return None
        n_rows = self.n_steps + before
        sent = np.empty((self.n_samples, n_rows, int(self.sources[q, col.WORDS]) * LANES), np.int32)
        earlier = self.memory.values[q] if self.memory else None
        sent[:, :before] = 0 if earlier is None else earlier
        self.sources[q, col.VALUES_AT] = sent.ctypes.data
        return sent

    def _table(self) -> Int64:
        table, sources = np.zeros(col.RUN_COLUMNS, np.int64), self.sources
        widest = int(self.wires[:, col.TABLES + 7].max(initial=int(sources[:, col.SUMS].max())))
        drives = int((sources[:, col.SUMS] * sources[:, col.PORTS]).max())
        places = int(sources[:, col.SIZE].max())
        table[col.N_SAMPLES], table[col.N_STEPS] = self.n_samples, self.n_steps
        table[col.FRESH] = self.memory is None
        if self.memory is None:  # one sample after the other, in the same place
            table[col.STATE_AT] = self._address(np.empty(self.prepared.state_words, np.int32))
        else:
            table[col.STATE_AT] = self._address(self.memory.state)
            table[col.STATE_STRIDE] = self.prepared.state_words
            table[col.STEPS_BEFORE] = self.memory.n_steps
        for column, words in (
            (col.DRIVE_AT, drives),
            (col.TOTAL_AT, widest),
            (col.SENT_AT, places),
        ):
            table[column] = self._address(np.empty(words + ROOM, np.int32))
        table[col.BITS_AT] = self._address(np.empty(places // LANES, np.uint64))
        table[col.STOP_AT] = self._address(self.stop)
        table[[col.SAMPLE_TO, col.STEP_TO]] = self.n_samples, self.n_steps
        return table

    def record(self, recorder: Recorder, first_sample: int, first_step: int) -> None:
        """Say where the traces of the run go."""
        for column, arrays in ((col.U_AT, recorder.u), (col.V_AT, recorder.v)):
            self.sources[1:, column] = list(map(self._address, arrays))
        self.table[col.FIRST_STEP], self.table[col.FIRST_SAMPLE] = first_step, first_sample
        self.table[col.ALL_SAMPLES] = recorder.all_samples

    def run(self) -> Output:
        """Run all groups and return what they gave.

        Raises
        ------
        Stopped
            If ``stop`` was set meanwhile.
        """
        tables = self.sources, self.wires, self.table
        if self.sources[0, col.HISTORY]:
            listing.mark_spikes(*tables, 0, *self._addresses(self.trains[0]))
        seconds = []
        for first, last, loops in self.prepared.groups:
            start = time.perf_counter()
            for w in range(
                self.sources[first + 1, col.FIRST_WIRE], self.sources[last, col.LAST_WIRE]
            ):
                self._attach(w, range(first, last) if loops else range(0))
            dense = [] if loops else dense_wires(self, first, self.mode)
            if dense:
                run_dense(self, first, dense)
            else:
                self.run_group(first, last, loops=loops)
            if self.stop[0]:
                raise Stopped
            self.trains += [self._train(p + 1) for p in range(first, last)]
            seconds.append(time.perf_counter() - start)
        synops = np.zeros(self.n_samples, np.int64)
        for q, train in enumerate(self.trains):
            rows, neurons, _ = self._addresses(train)
            listing.add_synops(*tables, q, rows, neurons, synops)
        if self.memory is not None:
            self._remember(self.memory)
        return Output(
            trains=self.trains,
            synops=synops,
            first_sample=int(self.table[col.FIRST_SAMPLE]),
            seconds=seconds,
        )

    def run_group(self, first: int, last: int, *, loops: bool) -> None:
        """Run populations that run together over the samples and steps that the table names."""
        if np.all(self.sources[first + 1 : last + 1, col.MODEL] == CUBA):
            kernels.run_group(self.sources, self.wires, self.table, first, last, loops)
        else:
            from hetlava.sim import model_kernels  # a program that few networks need

            model_kernels.run_models(self.sources, self.wires, self.table, first, last, loops)

    def take_all(self) -> None:
        """Let loops take all samples and steps."""
        self.table[[col.SAMPLE_FROM, col.STEP_FROM]] = 0
        self.table[[col.SAMPLE_TO, col.STEP_TO]] = self.n_samples, self.n_steps

    def messages(self, w: int) -> Train:
        """Return what comes through wire w: when it was sent, or arrives if it has delays."""
        train = self.late[w] if w in self.late else self.trains[int(self.wires[w, col.SOURCE])]
        return train if self.wires[w, col.MESSAGES] else without_sizes(train)

    def before(self, w: int) -> Train:
        """Return what the source of wire w sent in the step before this run."""
        before = self.memory.last if self.memory else None
        train = before[int(self.wires[w, col.SOURCE])] if before else nothing(self.n_samples)
        return train if self.wires[w, col.MESSAGES] else without_sizes(train)

    def _attach(self, w: int, looped: range) -> None:
        """Say where the events of wire w are, making the list of late ones where it is needed."""
        wire, q = self.wires[w], int(self.wires[w, col.SOURCE])
        if q - 1 in looped:
            room = int(self.sources[q, col.WORDS]) * LANES + ROOM
            sized = wire[col.MESSAGES] and self.prepared.graded[q]
            wire[col.MODE] = col.FROM_LOOP
            wire[col.NOW_AT] = self._address(np.empty(room, np.int32))
            wire[col.NOW_VALUES_AT] = self._address(np.empty(room, np.int32)) if sized else 0
            return
        train = self.trains[q]
        if wire[col.LATE]:
            wire[col.MODE] = col.FROM_LATE
            train = self.late[w] = self._late(w, train)
        else:
            wire[col.MODE] = col.FROM_LIST
            wire[col.BEFORE_ROWS_AT : col.BEFORE_VALUES_AT + 1] = self._addresses(self.before(w))
        wire[col.ROWS_AT : col.EVENT_VALUES_AT + 1] = self._addresses(train)
        if not wire[col.MESSAGES]:  # every message is a 1
            wire[[col.EVENT_VALUES_AT, col.BEFORE_VALUES_AT]] = 0

    def _late(self, w: int, train: Train) -> Train:
        """Return what arrives through wire w in each step."""
        q = int(self.wires[w, col.SOURCE])
        most = train.neurons.size
        if self.memory is not None:
            most += int(np.unpackbits(self.memory.spikes[q].view(np.uint8)).sum())
        late = self._room(most, self.values[q] is not None and bool(self.wires[w, col.MESSAGES]))
        listing.list_late(self.sources, self.wires, self.table, w, *self._addresses(late))
        return late

    def _room(self, n_events: int, graded: bool) -> Train:
        rows = np.zeros(self.n_samples * self.n_steps + 1, np.int64)
        neurons = np.empty(n_events + ROOM, np.int32)
        return Train(rows, neurons, np.empty_like(neurons) if graded else None)

    def _train(self, q: int) -> Train:
        """Return the events of a source that has run."""
        tables = self.sources, self.wires, self.table
        rows = np.zeros(self.n_samples * self.n_steps + 1, np.int64)
        total = listing.count_spikes(*tables, q, rows.ctypes.data)
        neurons, values = self._room(total, self.prepared.graded[q])[1:]
        listing.list_spikes(*tables, q, self._address(neurons), self._address(values))
        return Train(rows, neurons[:total], None if values is None else values[:total])

    def _remember(self, memory: Memory) -> None:
        n = self.n_steps
        memory.n_steps += n
        memory.last = [last_rows(train, self.n_samples, n) for train in self.trains]
        for q, row in enumerate(self.sources):
            before = slice(n, n + int(row[col.HISTORY]))
            sent = self.values[q]
            memory.spikes[q] = self.spikes[q][:, before].copy()
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
