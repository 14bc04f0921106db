"""One neuron between two events, in closed form: where it goes and when it fires.

With ``d = 1 / tau_syn - 1 / tau_mem`` and no event in between::

    u(t) = u0 exp(-t / tau_syn)
    v(t) = v_leak + (v0 - v_leak) exp(-t / tau_mem) + u0 r(t)
    r(t) = (exp(-t / tau_mem) - exp(-t / tau_syn)) / d,  t exp(-t / tau_mem) for d = 0

v has one extremum at most, so a crossing is found without missing one: if v ends at or above the
threshold there is exactly one; else there is one only under a maximum that reaches it, whose place
has a closed form too. Newton's method inside a shrinking bracket then finds it to the spacing of
doubles: what remains is the rounding of v itself, some 1e-16 of it divided by its slope.
"""

# numba infers the types of these functions
# mypy: allow-untyped-defs, allow-untyped-calls, allow-incomplete-defs

import numpy as np

from hetlava.sim.jitting import jitted

NEVER = np.inf
NEAR = 0.5  # |d| t below which the difference of exponentials would lose digits
ROUNDS = 150  # of the search; bisection alone needs 60, and is done every other time at least
SPACING = 4.5e-16  # relative, two units in the last place


@jitted
def evolve(t, u, v, tau_mem, tau_syn, leak):
    """Return u and v after ``t`` seconds without event."""
    keep_v, keep_u = np.exp(-t / tau_mem), np.exp(-t / tau_syn)
    d = 1 / tau_syn - 1 / tau_mem
    x = d * t
    if abs(x) > NEAR:
        response = (keep_v - keep_u) / d
    elif x != 0:
        response = -keep_v * np.expm1(-x) / d
    else:
        response = keep_v * t
    return keep_u * u, leak + (v - leak) * keep_v + u * response


@jitted
def extremum(u, v, tau_mem, tau_syn, leak):
    """Return the time at which v would turn, infinity or nan if it never does."""
    d = 1 / tau_syn - 1 / tau_mem
    ratio = (v - leak) / u
    if abs(d) * tau_mem < 1e-12 and abs(d * ratio) < 1e-12:
        return tau_mem - ratio
    return (np.log1p(d * tau_mem) - np.log1p(d * ratio)) / d


@jitted
def bracketed(high, u, v, tau_mem, tau_syn, leak, threshold):
    """Return when v first reaches the threshold, below it at 0, at or above it at ``high``."""
    low, t, closing = 0.0, 0.5 * high, False
    for _ in range(ROUNDS):
        u1, v1 = evolve(t, u, v, tau_mem, tau_syn, leak)
        if v1 >= threshold:
            high = t
        else:
            low = t
        if high - low <= SPACING * high:
            break
        slope = (leak - v1) / tau_mem + u1
        step = (threshold - v1) / slope if slope != 0 else NEVER
        near = abs(step) <= SPACING * t
        if near:  # land beyond the crossing, so that the bracket closes
            step = 2 * SPACING * t if v1 < threshold else -2 * SPACING * t
        t = t + step
        # it did not close where v stays at the threshold, to the last digit
        if not low < t < high or near and closing:
            t = 0.5 * (low + high)
        closing = near and not closing
    return high


@jitted
def first_crossing(t, u, v, tau_mem, tau_syn, leak, threshold):
    """Return the wait until v reaches the threshold within ``t``, else NEVER; u and v at ``t``."""
    u1, v1 = evolve(t, u, v, tau_mem, tau_syn, leak)
    if v >= threshold:
        return 0.0, u1, v1
    end = t
    if v1 < threshold:
        rises, falls = (leak - v) / tau_mem + u > 0, (leak - v1) / tau_mem + u1 < 0
        if not (rises and falls) or threshold == np.inf:
            return NEVER, u1, v1
        end = extremum(u, v, tau_mem, tau_syn, leak)
        if not 0 < end < t:
            return NEVER, u1, v1
        top = evolve(end, u, v, tau_mem, tau_syn, leak)[1]
        if top < threshold:
            return NEVER, u1, v1
    return bracketed(end, u, v, tau_mem, tau_syn, leak, threshold), u1, v1
