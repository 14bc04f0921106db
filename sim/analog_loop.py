"""Neurons on a common loop: from spike to spike, since each reaches the loop itself."""

# numba infers the types of these functions
# mypy: allow-untyped-defs, allow-untyped-calls, allow-incomplete-defs

import numpy as np

from hetlava.sim.analog_neuron import NEVER, first_crossing
from hetlava.sim.analog_state import bound, jump, send, until_spike
from hetlava.sim.jitting import jitted


@jitted
def pass_in_loop(group, clock, work, start, stop, key):
    """Go from spike to spike of the group, each of which reaches the group itself."""
    now = start
    while True:
        until, late = stop, -1
        for k in range(work.position[1]):
            if work.late_time[k] <= until:
                until, late = work.late_time[k], k
        until = max(until, now)
        first = _next_to_fire(group, work, now, until)
        if first >= 0:
            t = min(now + work.wait[first], until)
            _move_all(group, work, now, t)
            work.v[first] = group.reset[first]
            if not send(group, clock, work, first, t, key) or not _post(group, work, first, t):
                return False
            now = t
        else:
            _move_all(group, work, now, until)
            now = until
            if late < 0:
                return True
            _take_late(group, work, late)


@jitted
def _next_to_fire(group, work, now, until):
    """Return the neuron that fires first between ``now`` and ``until``, -1 if none does."""
    best = -1
    for i in range(len(work.u)):
        begin = min(max(work.free[i], now), until)
        hold = begin - now
        u = work.u[i] * np.exp(-hold / group.tau_syn[i]) if hold > 0 else work.u[i]
        wait, _, _ = first_crossing(
            until - begin, u, work.v[i], group.tau_mem[i], group.tau_syn[i], group.leak[i],
            group.threshold[i],
        )  # fmt: skip
        work.wait[i] = hold + wait
        if wait != NEVER and (best < 0 or work.wait[i] < work.wait[best]):
            best = i
    return best


@jitted
def _move_all(group, work, now, t):
    """Let all neurons go on to ``t``, before which none fires."""
    for i in range(len(work.u)):
        until_spike(group, work, i, now, t, True)


@jitted
def _post(group, work, i, t):
    """Deliver a spike to the group at once, or keep it for when its jitter lets it arrive."""
    sent = work.time[work.position[0] - 1]
    if sent <= t:
        jump(work.u, group.inside, i)
        bound(group, work)
        return True
    at = work.position[1]
    if at >= len(work.late_time):
        return False
    work.late_time[at], work.late_neuron[at] = sent, i
    work.position[1] += 1
    return True


@jitted
def _take_late(group, work, k):
    jump(work.u, group.inside, work.late_neuron[k])
    bound(group, work)
    last = work.position[1] - 1
    work.late_time[k], work.late_neuron[k] = work.late_time[last], work.late_neuron[last]
    work.position[1] = last
