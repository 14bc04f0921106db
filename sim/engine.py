"""The fast simulator: the reference's integers, event by event, compiled and threaded."""

import os
import time
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from hetlava.arrays import AnyArray, Int
from hetlava.errors import ValidationError
from hetlava.events import Events
from hetlava.quantised import QuantisedNetwork
from hetlava.recording import Recording, score
from hetlava.sim import columns as col
from hetlava.sim import reference
from hetlava.sim.trains import Output, Recorder, Train
from hetlava.sim.wiring import Prepared, lay_out

if TYPE_CHECKING:
    from hetlava.sim.blocks import Block

A = TypeVar("A", bound=AnyArray)

BLOCK = 32  # samples handed to a thread at once, at most


@dataclass(frozen=True, kw_only=True)
class Engine:
    """A network made ready to run many times; built by :func:`prepare`.

    Attributes
    ----------
    net : QuantisedNetwork
    prepared : Prepared
        The same network in tables.
    """

    net: QuantisedNetwork
    prepared: Prepared

    def run(
        self, inputs: Events, *, probes: Collection[str] = (), threads: int | None = None
    ) -> Recording:
        """Run a batch; parameters, result and errors as for :func:`run`."""
        reference.check_run(self.net.n_inputs, inputs, probes)
        threads = _thread_count(threads)
        try:
            from hetlava.sim.blocks import Block
        except ImportError as error:  # no numba for this Python: slower, the same numbers
            slow = reference.run(self.net, inputs, probes=probes)
            return replace(slow, target="engine", details={"without-numba": str(error)})
        start = time.perf_counter()
        order = self.prepared.names
        recorder = _recorder(self.net, order, inputs, probes)
        outputs = _run_blocks(Block, self.prepared, inputs, recorder, threads)
        spikes = dict(zip(order, _join(self.prepared, inputs, outputs), strict=True))
        u, v = _named(order, recorder.u), _named(order, recorder.v)
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
            synops=np.concatenate([np.zeros(0, np.int64), *(o.synops for o in outputs)]),
            details={"threads": threads},
        )


def prepare(net: QuantisedNetwork) -> Engine:
    """Lay out the weights once, for many runs.

    Raises
    ------
    UnsupportedError
        If a population has more sources than sums of 32 bits allow, or neurons of a model that
        the engine lacks.
    """
    return Engine(net=net, prepared=lay_out(net))


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


def _run_blocks(
    block: type["Block"], prepared: Prepared, inputs: Events, recorder: Recorder, threads: int
) -> list[Output]:
    n, n_steps = inputs.n_samples, inputs.n_steps
    length = min(BLOCK, max(1, -(-n // (2 * threads)))) if threads > 1 else BLOCK
    stop = np.zeros(1, np.uint8)

    def one(first: int) -> Output:
        size = min(length, n - first)
        rows = inputs.indptr[first * n_steps : (first + size) * n_steps + 1]
        train = Train(rows, inputs.index, inputs.values)
        run = block(prepared, train, (size, n_steps), memory=None, stop=stop)
        run.record(recorder, first, 0)
        return run.run()

    starts = range(0, n, length)
    if min(threads, len(starts)) > 1:
        with ThreadPoolExecutor(min(threads, len(starts))) as pool:
            return list(pool.map(one, starts))
    return [one(first) for first in starts]


def _join(prepared: Prepared, inputs: Events, outputs: Sequence[Output]) -> list[Events]:
    """Return the events of every population over all samples."""
    events = []
    for p, width in enumerate(prepared.source_table[1:, col.WIDTH]):
        trains = [output.trains[p + 1] for output in outputs]
        rows, index, values = _joined(trains)
        events.append(
            Events(
                n_samples=inputs.n_samples,
                n_steps=inputs.n_steps,
                n_neurons=int(width),
                indptr=_frozen(rows),
                index=_frozen(index),
                values=None if values is None else _frozen(values),
            )
        )
    return events


def _joined(trains: Sequence[Train]) -> Train:
    if len(trains) == 1:
        (only,) = trains
        values = None if only.values is None else only.values.copy()
        return Train(only.rows, only.neurons.copy(), values)
    starts = np.cumsum([0, *(train.neurons.size for train in trains)])
    rows = [train.rows[1:] + start for train, start in zip(trains, starts, strict=False)]
    sent = [train.values for train in trains if train.values is not None]
    return Train(
        np.concatenate([np.zeros(1, np.int64), *rows]),
        np.concatenate([np.zeros(0, np.int32), *(train.neurons for train in trains)]),
        np.concatenate(sent) if sent else None,
    )


def _frozen(array: A) -> A:
    array.flags.writeable = False
    return array


def _named(names: Sequence[str], traces: Sequence[Int | None]) -> dict[str, Int]:
    return {name: x for name, x in zip(names, traces, strict=True) if x is not None}


def _recorder(
    net: QuantisedNetwork, order: Sequence[str], inputs: Events, probes: Collection[str]
) -> Recorder:
    """Return room for the traces that are probed, and for the voltage that the readout needs."""
    shape = (inputs.n_steps, inputs.n_samples)
    needs_v = net.readout != "spike-count"

    def room(wanted: bool, name: str) -> Int | None:
        n = net.population(name).registers.n
        return np.empty((*shape, n), np.int32) if wanted else None

    return Recorder(
        u=[room("u" in probes, name) for name in order],
        v=[room("v" in probes or (needs_v and name == net.output), name) for name in order],
        all_samples=inputs.n_samples,
    )
