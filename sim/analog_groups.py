"""Groups of populations that the analog simulator runs one after another.

A group is a population, or several on a common loop; all that reaches it from outside is known
before it runs.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hetlava.arrays import Float, Int, Int64
from hetlava.errors import TargetError, ValidationError
from hetlava.events import Events
from hetlava.sim.analog_network import AnalogNetwork
from hetlava.sim.spike_times import SpikeTimes, in_order, side_by_side

if TYPE_CHECKING:
    from hetlava.sim.analog_kernels import Clock, Group, Received, Work

BLOCK = 32  # samples that a thread runs at once
ROOM = 1 << 16  # spikes of a group in a block at first
ROOM_MAX = 1 << 22  # beyond, the network fires without bound


@dataclass(frozen=True, kw_only=True)
class Analog:
    """How to run: what is added to the equations.

    Attributes
    ----------
    jitter : float
        Standard deviation [s] of the time at which a spike arrives. A spike never arrives before
        the sample begins, nor, in a loop, before it was sent.
    seed : int
        Of the jitter, which depends on it and on the sample's own input, not on the batch.
    clocked : bool
        Compare with thresholds at the ends of steps only.
    threads : int
    """

    jitter: float = 0.0
    seed: int = 0
    clocked: bool = False
    threads: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.jitter < np.inf:
            raise ValidationError(f"jitter is {self.jitter} s, expected at least 0 s")
        if self.threads < 1:
            raise ValidationError(f"threads is {self.threads}, expected at least 1")
        if self.seed < 0:
            raise ValidationError(f"seed is {self.seed}, expected at least 0")


class Members:
    """The populations of a group side by side, and the jumps that reach them."""

    def __init__(self, net: AnalogNetwork, members: Sequence[str]) -> None:
        self.net, self.members = net, members
        self.populations = [p for p in net.populations if p.name in members]
        ends = np.cumsum([0, *(p.n for p in self.populations)])
        self.slices = {
            p.name: slice(int(a), int(b))
            for p, a, b in zip(self.populations, ends, ends[1:], strict=False)
        }
        self.n = int(ends[-1])
        wires = [q for q in net.projections if q.target in members]
        self.feeds = list(dict.fromkeys(q.source for q in wires if q.source not in members))
        sizes = {q.source: q.shape[1] for q in wires}
        starts = np.cumsum([0, *(sizes[name] for name in self.feeds)])
        offset = dict(zip(self.feeds, starts, strict=False))
        self.outside = np.zeros((int(starts[-1]), self.n))
        self.inside = np.zeros((self.n, self.n))
        for q in wires:
            inner = q.source in members
            rows, first = (
                (self.inside, self.slices[q.source].start)
                if inner
                else (self.outside, offset[q.source])
            )
            rows[first : first + q.shape[1], self.slices[q.target]] += q.weights.T

    def joined(self, name: str) -> Float:
        """Return a parameter of all neurons of the group, (n,)."""
        values: Float = np.concatenate([getattr(p, name) for p in self.populations])
        return values

    def split(self, spikes: SpikeTimes) -> dict[str, SpikeTimes]:
        """Return the spikes of each population."""
        if len(self.members) == 1:
            return {self.members[0]: spikes}
        sample, parts = spikes.sample, {}
        for name, at in self.slices.items():
            kept = (spikes.neuron >= at.start) & (spikes.neuron < at.stop)
            neuron = (spikes.neuron[kept] - at.start).astype(np.int32)
            n = at.stop - at.start
            parts[name] = in_order(sample[kept], spikes.time[kept], neuron, spikes.n_samples, n)
        return parts


def run_group(
    group: Members,
    sources: Mapping[str, SpikeTimes],
    inputs: Events,
    key: Int64,
    how: Analog,
    *,
    traced: bool,
) -> tuple[SpikeTimes, tuple[Float, Float]]:
    """Run the neurons of a group on what its sources send; give their spikes, and u and v.

    Parameters
    ----------
    sources : mapping of str to SpikeTimes
        The spikes of the input and of all earlier groups.
    key : (n_samples,) int64
        What seeds the jitter of each sample.
    traced : bool
        Keep u [V] and v [V], (n_steps, n_samples, n) each; they are empty otherwise.

    Raises
    ------
    TargetError
        If neurons fire without bound.
    """
    from hetlava.sim.analog_kernels import Clock, Received

    circuit = _circuit(group)
    received = Received(
        *_arriving([sources[name] for name in group.feeds], inputs.n_samples),
        key + 0x9E37 * len(sources),
    )
    clock = Clock(group.net.dt, inputs.n_steps, how.clocked, traced, how.jitter)
    shape = (inputs.n_steps, inputs.n_samples, group.n) if traced else (0, 0, group.n)
    u, v = np.empty(shape), np.empty(shape)

    def run_block(first: int) -> list[tuple[Int64, Float, Int]]:
        last = min(first + BLOCK, inputs.n_samples)
        return list(_run_block(circuit, received, clock, (u, v), first, last))

    starts = range(0, inputs.n_samples, BLOCK)
    if min(how.threads, len(starts)) > 1:
        with ThreadPoolExecutor(how.threads) as pool:
            blocks = list(pool.map(run_block, starts))
    else:
        blocks = [run_block(first) for first in starts]
    parts = [part for block in blocks for part in block]
    empty = (np.zeros(0, np.int64), np.zeros(0), np.zeros(0, np.int32))
    sample, time_, neuron = (np.concatenate(x) for x in zip(empty, *parts, strict=True))
    spikes = in_order(sample, time_, neuron.astype(np.int32), inputs.n_samples, group.n)
    return spikes, (u / group.joined("slope"), v)


def _circuit(group: Members) -> "Group":
    from hetlava.sim.analog_kernels import Group

    return Group(
        tau_mem=group.joined("tau_mem"),
        tau_syn=group.joined("tau_syn"),
        leak=group.joined("v_leak"),
        threshold=group.joined("v_threshold"),
        reset=group.joined("v_reset"),
        refractory=group.joined("refractory"),
        current_max=group.joined("current_max"),
        start=group.joined("v_start"),
        outside=group.outside,
        inside=group.inside,
        looped=bool(np.any(group.inside)),
    )


def _arriving(feeds: Sequence[SpikeTimes], n_samples: int) -> tuple[Int64, Float, Int]:
    if not feeds:
        return np.zeros(n_samples + 1, np.int64), np.zeros(0), np.zeros(0, np.int32)
    joined = feeds[0] if len(feeds) == 1 else side_by_side(feeds)
    return joined.indptr, joined.time, joined.neuron


def _run_block(
    circuit: "Group",
    received: "Received",
    clock: "Clock",
    traces: tuple[Float, Float],
    first: int,
    last: int,
) -> Iterator[tuple[Int64, Float, Int]]:
    """Run samples ``first .. last - 1``; give sample, time and neuron of their spikes."""
    from hetlava.sim.analog_kernels import run_samples

    n, room = circuit.tau_mem.size, ROOM
    ends = np.zeros(last - first, np.int64)
    while first < last:
        work = _work(n, room)
        done = run_samples(  # type: ignore[no-untyped-call]
            circuit, received, clock, work, ends, *traces, first, last
        )
        if done:
            counts = np.diff(ends[:done], prepend=0)
            total = int(ends[done - 1])
            yield (
                np.repeat(np.arange(first, first + done), counts),
                work.time[:total].copy(),
                work.neuron[:total].copy(),
            )
        first += done
        if first < last:
            room *= 4
        if room > ROOM_MAX:
            raise TargetError(
                f"analog: sample {first} has more than {ROOM_MAX // 4} spikes; the network fires "
                "without bound: lower its weights or set a refractory time"
            )


def _work(n: int, room: int) -> "Work":
    from hetlava.sim.analog_kernels import Work

    late = room // 16
    return Work(
        u=np.zeros(n),
        v=np.zeros(n),
        free=np.zeros(n),
        wait=np.zeros(n),
        sent=np.zeros(n, np.int64),
        fired=np.zeros(n, bool),
        late_time=np.zeros(late),
        late_neuron=np.zeros(late, np.int32),
        position=np.zeros(2, np.int64),
        time=np.empty(room),
        neuron=np.empty(room, np.int32),
    )
