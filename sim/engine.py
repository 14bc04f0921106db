"""The fast simulator: the reference's integers, event by event, compiled and threaded."""

import os
import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from hetlava.arrays import AnyArray, Int, Int64
from hetlava.errors import ValidationError
from hetlava.events import Events
from hetlava.neurons.cuba import CubaRegisters
from hetlava.quantised import QuantisedNetwork
from hetlava.recording import Recording, score
from hetlava.sim import reference
from hetlava.sim.wiring import LANES, Traces, Wiring, Work, lay_out

BLOCK = 16  # samples handed to a thread at once, at most
ROOM = 1 << 17  # events of one source that a thread holds at first


@dataclass(frozen=True, kw_only=True)
class Engine:
    """A network made ready to run many times; built by :func:`prepare`.

    Attributes
    ----------
    net : QuantisedNetwork
    order : tuple of str
        The populations in feed-forward order.
    wiring : Wiring or None
        The same network in flat arrays; None for one that only the reference runs.
    beyond : str
        What of the network the compiled loops lack, if anything.
    """

    net: QuantisedNetwork
    order: tuple[str, ...]
    wiring: Wiring | None
    beyond: str = ""

    def run(
        self, inputs: Events, *, probes: Collection[str] = (), threads: int | None = None
    ) -> Recording:
        """Run a batch; parameters, result and errors as for :func:`run`."""
        reference.check_run(self.net.n_inputs, inputs, probes)
        threads = _thread_count(threads)
        if self.wiring is None or inputs.values is not None:
            slow = reference.run(self.net, inputs, probes=probes)
            beyond = self.beyond or "graded input"
            return replace(slow, target="engine", details={"by-reference": beyond})
        try:
            from hetlava.sim.kernels import run_samples
        except ImportError as error:  # no numba for this Python: slower, the same numbers
            slow = reference.run(self.net, inputs, probes=probes)
            return replace(slow, target="engine", details={"without-numba": str(error)})
        start = time.perf_counter()
        traces, synops = (
            _no_traces(self.net, self.order, self.wiring, inputs, probes),
            np.zeros(inputs.n_samples, np.int64),
        )
        job = _Job(self.wiring, inputs, traces, synops, run_samples)
        spikes = dict(zip(self.order, _run_blocks(job, threads), strict=True))
        sizes = dict(zip(self.order, map(int, self.wiring.width), strict=True))
        u = _views(sizes, inputs, traces.u_offset, traces.values)
        v = _views(sizes, inputs, traces.v_offset, traces.values)
        net, names = self.net, tuple(p.name for p in self.net.populations)
        return Recording(
            target="engine",
            provenance="simulated",
            names=names,
            spikes=tuple(spikes[n] for n in names),
            u=tuple(u[n] for n in names) if "u" in probes else (),
            v=tuple(v[n] for n in names) if "v" in probes else (),
            scores=score(net.readout, spikes[net.output], v.get(net.output)),
            seconds=time.perf_counter() - start,
            synops=synops,
            details={"threads": threads},
        )


def prepare(net: QuantisedNetwork) -> Engine:
    """Lay out the weights once, for many runs.

    Raises
    ------
    UnsupportedError
        If a population has more sources than sums of 32 bits allow.
    """
    reason = _beyond(net)
    if reason is not None:
        return Engine(net=net, order=(), wiring=None, beyond=reason)
    order, wiring = lay_out(net)
    return Engine(net=net, order=order, wiring=wiring)


def run(
    net: QuantisedNetwork,
    inputs: Events,
    *,
    probes: Collection[str] = (),
    threads: int | None = None,
) -> Recording:
    """Run the network on a batch, equal bit for bit with :func:`hetlava.sim.reference.run`.

    Parameters
    ----------
    net : QuantisedNetwork
    inputs : Events
        Input spikes of ``net.n_inputs`` channels.
    probes : collection of ``"u"`` and ``"v"``
        Traces to keep.
    threads : int, optional
        How many samples run at once; as many as there are processors when not given. The result
        does not depend on it.

    Raises
    ------
    ValidationError
        If the input has another number of channels, a probe is unknown or ``threads`` is below 1.
    """
    return prepare(net).run(inputs, probes=probes, threads=threads)


def _beyond(net: QuantisedNetwork) -> str | None:
    """Name what the compiled loops lack."""
    for p in net.populations:
        if not isinstance(p.registers, CubaRegisters) or p.reset_interval or p.start:
            how = " that are reset" * bool(p.reset_interval) + " that start late" * bool(p.start)
            return f"{p.registers.model} neurons{how}"
    return None


class _Job(NamedTuple):
    wiring: Wiring
    inputs: Events
    traces: Traces
    synops: Int64
    run_samples: Callable[..., int]


class _Part(NamedTuple):
    """Events of consecutive samples, one array per population."""

    ends: tuple[Int64, ...]  # of each row, counted from the first event of the part
    neurons: tuple[Int, ...]


def _thread_count(threads: int | None) -> int:
    if threads is None:
        return (
            len(os.sched_getaffinity(0))
            if hasattr(os, "sched_getaffinity")
            else os.cpu_count() or 1
        )
    if threads < 1:
        raise ValidationError(f"threads is {threads}, expected at least 1")
    return threads


def _run_blocks(job: _Job, threads: int) -> list[Events]:
    n = job.inputs.n_samples
    length = min(BLOCK, max(1, -(-n // (4 * threads)))) if threads > 1 else BLOCK
    starts = range(0, n, length)
    if min(threads, len(starts)) > 1:
        with ThreadPoolExecutor(min(threads, len(starts))) as pool:
            blocks = list(pool.map(lambda s: list(_run_block(job, s, min(s + length, n))), starts))
    else:
        blocks = [list(_run_block(job, s, min(s + length, n))) for s in starts]
    return _join(job, [part for block in blocks for part in block])


def _run_block(job: _Job, first: int, last: int) -> Iterator[_Part]:
    """Run samples ``first .. last - 1``, as many at a time as the events of fit in memory."""
    n_steps, room = job.inputs.n_steps, ROOM
    work = _work(job, room, (last - first) * n_steps)
    while first < last:
        done = job.run_samples(
            job.wiring, work, job.traces, job.synops, job.inputs.indptr, job.inputs.index,
            first, last, n_steps,
        )  # fmt: skip
        if done:
            yield _part(work, done * n_steps)
        elif first < last:
            room *= 4
            work = _work(job, room, (last - first) * n_steps)
        first += done


def _work(job: _Job, room: int, n_rows: int) -> Work:
    size = job.wiring.size
    rooms = np.concatenate([[room], size + LANES + room])
    starts = np.concatenate([[0], np.cumsum(rooms)]).astype(np.int64)
    rows = np.empty((size.size + 1, n_rows + 1), np.int64)
    rows[:, 0] = starts[:-1]
    widest = int(size.max())
    flags = np.empty(widest // 8, np.uint64)
    return Work(
        u=np.empty(int(size.sum()), np.int32),
        v=np.empty(int(size.sum()), np.int32),
        drive=np.empty(widest, np.int32),
        total=np.empty(widest, np.int32),
        sums=np.empty(widest, np.int16),
        highs=np.empty(widest, np.int16),
        fired=flags.view(np.uint8),
        flags=flags,
        room=starts,
        events=np.empty(int(starts[-1]) + job.wiring.delays.size + LANES, np.int32),
        rows=rows,
    )


def _part(work: Work, n_rows: int) -> _Part:
    rows = work.rows[1:, : n_rows + 1]
    return _Part(
        ends=tuple(row[1:] - row[0] for row in rows),
        neurons=tuple(work.events[row[0] : row[-1]].copy() for row in rows),
    )


def _join(job: _Job, parts: list[_Part]) -> list[Events]:
    """Return the events of every population over all samples."""
    n_samples, n_steps = job.inputs.n_samples, job.inputs.n_steps
    events = []
    for p, width in enumerate(job.wiring.width):
        starts = np.cumsum([0, *(part.neurons[p].size for part in parts)])
        ends = [part.ends[p] + start for part, start in zip(parts, starts, strict=False)]
        indptr = np.concatenate([np.zeros(1, np.int64), *ends])
        index = np.concatenate([np.zeros(0, np.int32), *(part.neurons[p] for part in parts)])
        indptr.flags.writeable = index.flags.writeable = False
        events.append(
            Events(
                n_samples=n_samples,
                n_steps=n_steps,
                n_neurons=int(width),
                indptr=indptr,
                index=index,
            )
        )
    return events


def _no_traces(
    net: QuantisedNetwork,
    order: tuple[str, ...],
    wiring: Wiring,
    inputs: Events,
    probes: Collection[str],
) -> Traces:
    """Return room for the traces that are probed, and for the voltage that the readout needs."""
    rows = inputs.n_steps * inputs.n_samples
    needs_v = np.array([name == net.output for name in order])
    needs_v &= net.readout != "spike-count"
    sizes = [
        np.where("u" in probes, wiring.width, 0),
        np.where(needs_v | ("v" in probes), wiring.width, 0),
    ]
    size = np.concatenate(sizes) * rows
    offset = np.where(size > 0, np.cumsum(size) - size, -1).astype(np.int64)
    n = len(order)
    return Traces(offset[:n], offset[n:], np.empty(int(size.sum()), np.int32))


def _views(
    sizes: dict[str, int], inputs: Events, offsets: Int64, values: Int
) -> dict[str, AnyArray]:
    shape = (inputs.n_steps, inputs.n_samples)
    rows = inputs.n_steps * inputs.n_samples
    return {
        name: values[at : at + rows * n].reshape(*shape, n)
        for (name, n), at in zip(sizes.items(), offsets, strict=True)
        if at >= 0
    }
