"""One neuron in closed form, against dense sampling and against an integrator of scipy's."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hetlava.sim.analog_neuron import NEVER, evolve, first_crossing

TAUS = st.floats(1e-3, 0.1)
STATES = st.floats(-2.0, 0.99)
SLOPES = st.floats(-500.0, 500.0)
DURATION = 0.2


def path(times, u, v, tau_mem, tau_syn, leak):
    return np.array([evolve(t, u, v, tau_mem, tau_syn, leak)[1] for t in times])


@given(TAUS, TAUS, STATES, SLOPES, st.floats(-1.0, 1.5), st.booleans())
@example(0.00390625, 0.00390625, 0.0, 1.0, 1.0, True)  # creeps up to the threshold
@example(1 / 512, 1 / 512, 0.0, 19.0, 1.0, True)  # and back to it from above
@settings(max_examples=150)
def test_a_crossing_is_the_first_one(tau_mem, tau_syn, v, u, leak, equal):
    tau_syn = tau_mem if equal else tau_syn
    wait, u1, v1 = first_crossing(DURATION, u, v, tau_mem, tau_syn, leak, 1.0)
    assert (u1, v1) == evolve(DURATION, u, v, tau_mem, tau_syn, leak)
    times = np.linspace(0, DURATION, 2001)
    sampled = path(times, u, v, tau_mem, tau_syn, leak)
    # v is rounded to some 1e-15 of its parts: nearer than that nobody can tell it from 1
    rounding = 1e-14 * (1 + abs(leak) + abs(u) * tau_mem)
    above = np.flatnonzero(sampled >= 1.0 + rounding)
    if wait == NEVER:
        assert not above.size
    else:
        slope = abs((leak - 1) / tau_mem) + abs(u)
        # a wait is rounded to two units in its last place
        size = rounding + 1e-15 * slope * wait
        assert abs(path([wait], u, v, tau_mem, tau_syn, leak)[0] - 1.0) <= size
        assert not above.size or wait <= times[above[0]] * (1 + 1e-15)
        before = path(times[times < wait * (1 - 1e-6)], u, v, tau_mem, tau_syn, leak)
        assert np.all(before < 1.0 + rounding)


@pytest.mark.parametrize("gap", [0.0, 1e-15, 1e-12, 1e-9, 1e-6, 1e-3])
def test_nearly_equal_time_constants_lose_no_digits(gap):
    tau = 0.01
    u, v = evolve(0.013, 120.0, 0.1, tau, tau * (1 + gap), 0.2)
    # the series in d = 1/tau_syn - 1/tau_mem to third order, all terms positive or tiny
    d, t = 1 / (tau * (1 + gap)) - 1 / tau, 0.013
    response = np.exp(-t / tau) * t * (1 - d * t / 2 + (d * t) ** 2 / 6)
    expected = 0.2 + (0.1 - 0.2) * np.exp(-t / tau) + 120 * response
    assert v == pytest.approx(expected, rel=max(1e-14, (gap * 1.3) ** 3))
    assert u == pytest.approx(120 * np.exp(-t / (tau * (1 + gap))), rel=1e-14)


def test_waiting_and_then_waiting_is_waiting_at_once():
    args = (0.02, 0.007, 0.3)
    there = evolve(0.004, *evolve(0.009, 55.0, -0.2, *args), *args)
    # a few roundings
    assert there == pytest.approx(evolve(0.013, 55.0, -0.2, *args), rel=1e-14)


@pytest.mark.parametrize("tau_syn", [0.005, 0.02, 0.05])
def test_scipy_integrates_to_the_same_crossing(tau_syn):
    integrate = pytest.importorskip("scipy.integrate")
    tau_mem, leak, u, v = 0.02, 0.1, 400.0, -0.3

    def field(t, y):
        return [-y[0] / tau_syn, (leak - y[1]) / tau_mem + y[0]]

    def crossing(t, y):
        return y[1] - 0.8

    crossing.terminal, crossing.direction = True, 1
    solved = integrate.solve_ivp(
        field, (0, DURATION), [u, v], events=crossing, rtol=1e-12, atol=1e-14, method="DOP853"
    )
    wait, _, _ = first_crossing(DURATION, u, v, tau_mem, tau_syn, leak, 0.8)
    # what scipy's tolerance leaves
    assert wait == pytest.approx(float(solved.t_events[0][0]), rel=1e-9)


def test_a_maximum_that_only_just_reaches_the_threshold_is_found():
    tau_mem, tau_syn, u = 0.02, 0.005, 100.0
    times = np.linspace(0, 0.05, 200001)
    top = path(times, u, 0.0, tau_mem, tau_syn, 0.0).max()
    args = (u, 0.0, tau_mem, tau_syn, 0.0)
    assert first_crossing(0.1, *args, top * (1 - 1e-9))[0] < 0.1
    assert first_crossing(0.1, *args, top * (1 + 1e-9))[0] == NEVER
