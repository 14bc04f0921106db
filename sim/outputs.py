"""From the outputs of blocks to a recording of the whole batch."""

import math
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import NamedTuple, TypeVar

import numpy as np

from hetlava.arrays import AnyArray, Float, Int, Int64
from hetlava.events import Events, trusted
from hetlava.quantised import QuantisedNetwork
from hetlava.recording import score
from hetlava.sim import columns as col
from hetlava.sim.memory import require_memory
from hetlava.sim.trains import Output, Recorder, Train, nothing
from hetlava.sim.wiring import Prepared

A = TypeVar("A", bound=AnyArray)


class Parts(NamedTuple):
    """What a recording is made of, as in :class:`hetlava.recording.Recording`."""

    names: tuple[str, ...]
    spikes: tuple[Events, ...]
    u: tuple[Int, ...]
    v: tuple[Int, ...]
    scores: Float
    synops: Int64


def batch_of(
    net: QuantisedNetwork,
    prepared: Prepared,
    inputs: Events,
    outputs: Sequence[Output],
    recorder: Recorder,
) -> Parts:
    """Join the outputs of all blocks."""
    order, names = prepared.names, tuple(p.name for p in net.populations)
    spikes = dict(zip(order, _join(prepared, inputs, outputs), strict=True))
    u, v = _named(order, recorder.u), _named(order, recorder.v)
    synops = np.zeros(inputs.n_samples, np.int64)
    for output in outputs:  # several of a sample that was run in slices
        synops[output.first_sample : output.first_sample + output.synops.size] += output.synops
    return Parts(
        names=names,
        spikes=tuple(spikes[n] for n in names),
        u=tuple(u[n] for n in names) if "u" in recorder.probes else (),
        v=tuple(v[n] for n in names) if "v" in recorder.probes else (),
        scores=_frozen(score(net.readout, spikes[net.output], v.get(net.output))),
        synops=_frozen(synops),
    )


def _join(prepared: Prepared, inputs: Events, outputs: Sequence[Output]) -> list[Events]:
    """Return the events of every population over all samples."""
    events = []
    parts = [output.trains[1:] for output in outputs]
    joined = _joined(parts or [[nothing(0)] * len(prepared.names)])
    for width, train in zip(prepared.source_table[1:, col.WIDTH].tolist(), joined, strict=True):
        made = trusted(
            n_samples=inputs.n_samples,
            n_steps=inputs.n_steps,
            n_neurons=width,
            indptr=_frozen(train.rows),
            index=_frozen(train.neurons),
        )
        # values may all be 1, which the record looks for
        sent = train.values
        events.append(made if sent is None else replace(made, values=_frozen(sent)))
    return events


def _joined(parts: Sequence[Sequence[Train]]) -> Sequence[Train]:
    """Join the trains of every source; ``parts`` hold a train of each, one after the other."""
    if len(parts) == 1:
        return parts[0]
    n_rows = np.cumsum([0, *(part[0].rows.size - 1 for part in parts)])
    n_events = np.cumsum([[0] * len(parts[0]), *([t.neurons.size for t in p] for p in parts)], 0)
    whole = [
        Train(
            np.zeros(n_rows[-1] + 1, np.int64),
            np.empty(total, np.int32),
            None if train.values is None else np.empty(total, np.int32),
        )
        for train, total in zip(parts[0], n_events[-1], strict=True)
    ]

    for k, part in enumerate(parts):
        rows = slice(n_rows[k] + 1, n_rows[k + 1] + 1)
        for to, train, start, stop in zip(whole, part, n_events[k], n_events[k + 1], strict=True):
            np.add(train.rows[1:], start, out=to.rows[rows])
            to.neurons[start:stop] = train.neurons
            if to.values is not None and train.values is not None:
                to.values[start:stop] = train.values
    return whole


def _frozen(array: A) -> A:
    array.flags.writeable = False
    return array


def _named(names: Sequence[str], traces: Sequence[Int | None]) -> dict[str, Int]:
    return {name: x for name, x in zip(names, traces, strict=True) if x is not None}


def recorder_for(
    net: QuantisedNetwork, order: Sequence[str], inputs: Events, probes: Collection[str]
) -> Recorder:
    """Return room for the traces that are probed, and for the voltage that the readout needs.

    Raises
    ------
    UnsupportedError
        If memory does not hold them.
    """
    shape = (inputs.n_steps, inputs.n_samples)
    needs_v = net.readout != "spike-count"
    if probes:
        words = math.prod(shape) * sum(p.registers.n for p in net.populations) * len(set(probes))
        require_memory(words * 4, f"the traces of {shape[1]} samples of {shape[0]} steps")

    def room(wanted: bool, name: str) -> Int | None:
        if not wanted:
            return None
        return np.empty((*shape, net.population(name).registers.n), np.int32)

    return Recorder(
        u=[room("u" in probes, name) for name in order],
        v=[room("v" in probes or (needs_v and name == net.output), name) for name in order],
        all_samples=inputs.n_samples,
        probes=tuple(probes),
    )
