"""CUBA neurons: one integer step against plain Python integers, and the discrete form."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetlava.neurons.cuba import (
    CubaLI,
    CubaLIF,
    CubaRegisters,
    CubaState,
    coefficients,
    step,
)

STATE = st.integers(-(1 << 23), 1 << 23)
INT32 = st.integers(-(1 << 31), (1 << 31) - 1)
NEURON = st.fixed_dictionaries(
    {
        "du": st.integers(-1, 4095),
        "dv": st.integers(0, 4096),
        "vth": st.integers(0, 1 << 17),
        "bias_mant": st.integers(-(1 << 15), (1 << 15) - 1),
        "bias_exp": st.integers(-15, 15),
    }
)


def to_int32(x):
    return (x + (1 << 31)) % (1 << 32) - (1 << 31)


def toward_zero(x, keep):
    """``x * keep / 4096`` without its fraction."""
    return abs(x) * keep // 4096 * (1 if x >= 0 else -1)


def one_step(neuron, u, v, a_in):
    """The rules of Lava's bit-accurate LIF, neuron by neuron, in integers without bounds."""
    u = to_int32(toward_zero(u, 4095 - neuron["du"]) + to_int32(a_in * 64))
    if u > 1 << 23:
        u -= 1 << 24
    elif u <= -(1 << 23):
        u += 1 << 24
    bias = neuron["bias_mant"] * 2 ** max(neuron["bias_exp"], 0) // 2 ** max(-neuron["bias_exp"], 0)
    v = toward_zero(v, 4096 - neuron["dv"]) + u + bias
    v = max(min(v, (1 << 23) - 1), 1 - (1 << 23))
    spike = v > neuron["vth"] * 64
    return u, 0 if spike else v, spike


@given(st.lists(st.tuples(NEURON, STATE, STATE, INT32), min_size=1, max_size=20))
def test_a_step_follows_the_rules_neuron_by_neuron(cases):
    neurons, u, v, a_in = zip(*cases, strict=True)
    registers = CubaRegisters(
        **{name: np.array([n[name] for n in neurons], np.int32) for name in neurons[0]}
    )
    before = CubaState(np.array(u, np.int32), np.array(v, np.int32), np.zeros(len(u), bool))
    after = step(registers, before, np.array(a_in, np.int32))
    expected = [one_step(*case) for case in cases]
    assert list(zip(*(x.tolist() for x in after), strict=True)) == expected
    assert after.u.dtype == after.v.dtype == np.int32 and after.s.dtype == bool


@given(NEURON, STATE, STATE, INT32)
def test_a_readout_is_the_same_neuron_without_its_spikes(neuron, u, v, a_in):
    words = {name: np.array([value], np.int32) for name, value in neuron.items()}
    state = CubaState(np.array([u], np.int32), np.array([v], np.int32), np.zeros(1, bool))
    fires = step(CubaRegisters(**words), state, np.array([a_in], np.int32))
    reads = step(CubaRegisters(**words, spiking=False), state, np.array([a_in], np.int32))
    assert not reads.s.any() and np.array_equal(reads.u, fires.u)
    if not fires.s.any():
        assert np.array_equal(reads.v, fires.v)


def test_a_step_leaves_its_state_alone(rng):
    registers = CubaRegisters(**dict.fromkeys(CubaRegisters.words, np.ones(3, np.int32)))
    state = CubaState(*(rng.integers(0, 999, (2, 3)).astype(np.int32) for _ in "uv"), None)
    kept = state.u.copy(), state.v.copy()
    step(registers, state, np.ones((2, 3), np.int32))
    assert np.array_equal(state.u, kept[0]) and np.array_equal(state.v, kept[1])


TAU = np.array([1e-3, 0.02, 5.0])


@pytest.fixture
def neurons():
    return CubaLIF(
        tau_mem=TAU,
        tau_syn=TAU[::-1].copy(),
        v_leak=np.array([0.5, 0.0, -1.0]),
        v_threshold=np.full(3, 2.0),
        v_reset=np.zeros(3),
    )


def test_the_exponential_form_is_exact_over_many_steps(neurons):
    c = coefficients(neurons, 1e-3, "exponential")
    # n steps of dt are one of n dt; rounding grows with the number of steps
    assert np.allclose(c.beta**100, np.exp(-0.1 / TAU), rtol=1e-12)
    assert np.allclose(c.alpha**100, np.exp(-0.1 / TAU[::-1]), rtol=1e-12)


def test_both_forms_agree_for_short_steps(neurons):
    dt = 1e-8
    exact, euler = (coefficients(neurons, dt, form) for form in ("exponential", "euler"))
    # they differ by (dt / tau)**2 / 2, at most 5e-11 here
    assert np.max(np.abs(exact.beta - euler.beta)) < 1e-10
    assert np.max(np.abs(exact.alpha - euler.alpha)) < 1e-10
    assert not np.array_equal(coefficients(neurons, 1e-3, "euler").beta, exact.beta)


@pytest.mark.parametrize("form", ["exponential", "euler"])
def test_a_neuron_left_alone_rests_at_its_leak_potential(neurons, form):
    c = coefficients(neurons, 5e-4, form)
    v = np.zeros(3)
    for _ in range(200_000):
        v = c.beta * v + c.bias
    # 100 s are twenty of the longest time constant: exp(-20), and rounding
    assert np.allclose(v, neurons.v_leak, atol=1e-8)


def test_a_readout_never_reaches_its_threshold():
    readout = CubaLI(tau_mem=TAU, tau_syn=TAU, v_leak=np.zeros(3))
    assert np.all(np.isinf(coefficients(readout, 1e-3, "exponential").threshold))
