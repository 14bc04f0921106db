"""Compiled loops of the analog simulator: groups of neurons between the events that they receive.

A group is a population, or several on a common loop. What reaches it from outside is known before
it runs; what its own neurons send is delivered as it arises.
"""

# numba infers the types of these functions
# mypy: allow-untyped-defs, allow-untyped-calls, allow-incomplete-defs

from hetlava.sim.analog_loop import pass_in_loop
from hetlava.sim.analog_state import Clock, Group, Received, Work, bound, jump, send, until_spike
from hetlava.sim.jitting import jitted

__all__ = ["Clock", "Group", "Received", "Work", "run_samples"]


@jitted
def run_samples(group, received, clock, work, ends, trace_u, trace_v, first, last):
    """Run samples and return how many were finished before the room for spikes ran out.

    ``ends`` gets the spikes written up to the end of each sample; traces are
    (n_steps, n_samples, n).
    """
    work.position[0] = 0
    for sample in range(first, last):
        if not _run_sample(group, received, clock, work, trace_u, trace_v, sample):
            return sample - first
        ends[sample - first] = work.position[0]
    return last - first


@jitted
def _run_sample(group, received, clock, work, trace_u, trace_v, sample):
    key = received.key[sample]
    event, last_event = received.indptr[sample], received.indptr[sample + 1]
    now, step, gridded = 0.0, 0, clock.clocked or clock.traced
    end = clock.n_steps * clock.dt
    _rest(group, work)
    while now < end or (gridded and step < clock.n_steps):
        stop = (step + 1) * clock.dt if gridded else end
        if event < last_event:
            stop = min(stop, received.time[event])
        stop = max(stop, now)
        if not _pass_time(group, clock, work, now, stop, key):
            return False
        now = stop
        if gridded and step < clock.n_steps and now >= (step + 1) * clock.dt:
            if not _end_step(group, clock, work, trace_u, trace_v, step, sample, key):
                return False
            step += 1
        event = _hear(group, received, work, event, last_event, now)
    return True


@jitted
def _rest(group, work):
    for i in range(len(work.u)):
        work.u[i], work.v[i], work.free[i], work.sent[i] = 0.0, group.start[i], 0.0, 0
    work.position[1] = 0


@jitted
def _hear(group, received, work, event, last_event, now):
    """Let the spikes that arrive by ``now`` jump the currents; return the first later one."""
    while event < last_event and received.time[event] <= now:
        jump(work.u, group.outside, received.channel[event])
        event += 1
    bound(group, work)
    return event


@jitted
def _end_step(group, clock, work, trace_u, trace_v, step, sample, key):
    """Compare, sample and deliver as it is due at the end of a step."""
    now = (step + 1) * clock.dt
    if clock.clocked and not _compare(group, clock, work, now, key):
        return False
    if clock.traced:
        for i in range(len(work.u)):
            trace_u[step, sample, i], trace_v[step, sample, i] = work.u[i], work.v[i]
    if clock.clocked and group.looped:
        for i in range(len(work.u)):
            if work.fired[i]:
                jump(work.u, group.inside, i)
    return True


@jitted
def _pass_time(group, clock, work, start, stop, key):
    """Let all neurons go on from ``start`` to ``stop``, sending what they send."""
    if group.looped and not clock.clocked:
        return pass_in_loop(group, clock, work, start, stop, key)
    for i in range(len(work.u)):
        t = start
        while t < stop:
            t = until_spike(group, work, i, t, stop, clock.clocked)
            if work.fired[i] and not send(group, clock, work, i, t, key):
                return False
    return True


@jitted
def _compare(group, clock, work, now, key):
    """Let fire what is above its threshold, as a chip with steps does at the end of one."""
    for i in range(len(work.u)):
        work.fired[i] = work.v[i] > group.threshold[i]
        if work.fired[i]:
            work.v[i] = group.reset[i]
            if not send(group, clock, work, i, now, key):
                return False
    return True
