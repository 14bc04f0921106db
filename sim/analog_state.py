"""The state of a group's neurons and what moves it: time, spikes sent, spikes received."""

# numba infers the types of these functions
# mypy: allow-untyped-defs, allow-untyped-calls, allow-incomplete-defs

from typing import NamedTuple

import numpy as np

from hetlava.arrays import Bool, Float, Int, Int64
from hetlava.sim.analog_neuron import NEVER, evolve, first_crossing
from hetlava.sim.jitting import jitted


class Group(NamedTuple):
    """Neurons of a group, one value each, and the jumps by which spikes reach them.

    ``outside`` (n_channels, n) holds a row per channel that feeds the group, ``inside`` (n, n) a
    row per neuron of it; ``looped`` says that ``inside`` is not empty.
    """

    tau_mem: Float
    tau_syn: Float
    leak: Float
    threshold: Float
    reset: Float
    refractory: Float
    current_max: Float
    start: Float
    outside: Float
    inside: Float
    looped: bool


class Received(NamedTuple):
    """What reaches a group: per sample, channels in order of time; ``key`` seeds its jitter."""

    indptr: Int64
    time: Float
    channel: Int
    key: Int64


class Clock(NamedTuple):
    """Steps of ``dt`` seconds; ``clocked`` compares v with the threshold at their ends only."""

    dt: float
    n_steps: int
    clocked: bool
    traced: bool
    jitter: float


class Work(NamedTuple):
    """State of the neurons of one sample, spikes on their way, and where results go."""

    u: Float
    v: Float
    free: Float  # when the refractory time is over
    wait: Float  # until the next spike
    sent: Int64  # spikes so far
    fired: Bool
    late_time: Float  # jittered spikes that are still to be delivered
    late_neuron: Int
    position: Int64  # [spikes written, late spikes]
    time: Float
    neuron: Int


@jitted
def until_spike(group, work, i, start, stop, clocked):
    """Move neuron i to its next spike, or to ``stop``; set ``fired`` and return the time."""
    work.fired[i] = False
    t = start
    if work.free[i] > t:
        t = min(work.free[i], stop)
        work.u[i] *= np.exp(-(t - start) / group.tau_syn[i])
        work.v[i] = group.reset[i]
        if t >= stop:
            return stop
    u, v, tau_mem, tau_syn = work.u[i], work.v[i], group.tau_mem[i], group.tau_syn[i]
    if clocked:
        wait = NEVER
        u1, v1 = evolve(stop - t, u, v, tau_mem, tau_syn, group.leak[i])
    else:
        wait, u1, v1 = first_crossing(
            stop - t, u, v, tau_mem, tau_syn, group.leak[i], group.threshold[i]
        )
    if wait == NEVER:
        work.u[i], work.v[i] = u1, v1
        return stop
    work.u[i] = u * np.exp(-wait / tau_syn)
    work.v[i] = group.reset[i]
    work.fired[i] = True
    return min(t + wait, stop)


@jitted
def send(group, clock, work, i, t, key):
    """Write a spike of neuron i and let its refractory time begin; False if there is no room."""
    at = work.position[0]
    if at >= len(work.time):
        return False
    work.free[i] = t + group.refractory[i]
    sent = t
    if clock.jitter > 0:
        sent = max(0.0, t + clock.jitter * gaussian(key, i, work.sent[i]))
    work.time[at], work.neuron[at] = sent, i
    work.position[0] += 1
    work.sent[i] += 1
    return True


@jitted
def jump(u, rows, which):
    for i in range(len(u)):
        u[i] += rows[which, i]


@jitted
def bound(group, work):
    for i in range(len(work.u)):
        most = group.current_max[i]
        work.u[i] = min(max(work.u[i], -most), most)


@jitted
def gaussian(key, neuron, count):
    """Return a standard normal number that depends on nothing but its three arguments.

    Two hashes (splitmix64, Steele et al. 2014) and the transform of Box and Muller.
    """
    x = np.uint64(key) + np.uint64(neuron) * np.uint64(0xD1342543DE82EF95)
    x += np.uint64(count) * np.uint64(0xAF251AF3B0F025B5)
    a, b = _mixed(x), _mixed(x ^ np.uint64(0x5851F42D4C957F2D))
    # 53 bits each, the first never 0
    radius = np.sqrt(-2.0 * np.log((float(a >> np.uint64(11)) + 1.0) / 9007199254740993.0))
    return radius * np.cos(2.0 * np.pi * float(b >> np.uint64(11)) / 9007199254740992.0)


@jitted
def _mixed(x):
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
