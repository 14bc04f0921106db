"""The least time that memory allows a run: what it must touch, and how fast that can be read.

A spike touches the row of weights of its neuron, a byte for each (11 for every four where a list of
the non-zero ones is shorter, see :mod:`hetlava.sim.synapse_lists`); a kernel touches the weights
that the spike meets. A step reads and writes ``u`` and ``v`` of every neuron, 16 bytes.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from hetlava.arrays import AnyArray, Int64
from hetlava.convolution import QuantisedConvolution
from hetlava.delays import by_delay
from hetlava.events import Events
from hetlava.graph import INPUT
from hetlava.quantised import QuantisedNetwork
from hetlava.sim.synapse_lists import BITS, FOUR, place_bytes
from hetlava.sparse_synapses import QuantisedSparse
from hetlava.synapses import QuantisedSynapses

STATE_BYTES = 16  # u and v, 32 bits, read and written
GROUP_BYTES = place_bytes(BITS[0]) + FOUR  # of four listed synapses
ROW_BYTES = 512  # read at a time, at a random place
LEAST_SECONDS = 0.02  # that a measurement takes


class Traffic(NamedTuple):
    """What a population must touch in a run.

    Attributes
    ----------
    events : int
        Spikes that arrive.
    weight_bytes, state_bytes : int
    stored_bytes : int
        Of all its weights, which decides what cache they fit.
    """

    events: int
    weight_bytes: int
    state_bytes: int
    stored_bytes: int

    def seconds(self) -> float:
        """Return the least time on one core, at the measured bandwidths."""
        weights = self.weight_bytes / bandwidth(self.stored_bytes)
        return weights + self.state_bytes / bandwidth(1 << 14)


def traffic(
    net: QuantisedNetwork, inputs: Events, spikes: Mapping[str, Events]
) -> dict[str, Traffic]:
    """Return what every population must touch when those spikes are sent."""
    sent = {INPUT: inputs, **spikes}
    steps = inputs.n_steps * inputs.n_samples
    found = {}
    for p in net.populations:
        wires = [q for q in net.projections if q.target == p.name]
        parts = [part for q in wires for part in by_delay(q)]
        found[p.name] = Traffic(
            events=sum(sent[q.source].n_events for q in wires),
            weight_bytes=sum(
                int((sent[q.source].counts().sum(axis=0) * row_bytes(q)).sum()) for q in parts
            ),
            state_bytes=steps * p.registers.n * STATE_BYTES,
            stored_bytes=sum(map(_stored_bytes, parts)),
        )
    return found


def _stored_bytes(synapses: QuantisedSynapses) -> int:
    listed = int(row_bytes(synapses).sum())
    return listed if isinstance(synapses, QuantisedSparse) else min(synapses.weights.size, listed)


def row_bytes(synapses: QuantisedSynapses) -> Int64:
    """Return the bytes of weights that a spike of each source neuron must touch, (n_pre,)."""
    fan_out = synapses.fan_out()
    if isinstance(synapses, QuantisedConvolution):
        return fan_out
    listed = -(-GROUP_BYTES * fan_out // FOUR)
    return (
        listed if isinstance(synapses, QuantisedSparse) else np.minimum(synapses.shape[0], listed)
    )


def bandwidth(n_bytes: int) -> float:
    """Measure how fast one core reads random rows of so many bytes of memory, [byte/s].

    The best of several passes. The first call compiles a loop.
    """
    import time

    from hetlava.sim.reading import read_rows

    n_rows = max(1, min(n_bytes, 1 << 28) // ROW_BYTES)
    memory = np.zeros(n_rows * ROW_BYTES // 8, np.uint64)
    rows: AnyArray = np.random.default_rng(0).permutation(n_rows).astype(np.int64)
    rows = np.tile(rows, max(1, (1 << 12) // n_rows))
    read_rows(memory, rows, ROW_BYTES // 8)
    best, spent = np.inf, 0.0
    while spent < LEAST_SECONDS:
        start = time.perf_counter()
        read_rows(memory, rows, ROW_BYTES // 8)
        took = time.perf_counter() - start
        best, spent = min(best, took), spent + took
    return float(rows.size * ROW_BYTES / best)
