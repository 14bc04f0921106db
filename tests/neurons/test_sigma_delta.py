"""Sigma-delta neurons: what is sent adds up to what is encoded, and limits are named."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetlava.errors import ValidationError
from hetlava.neurons.sigma_delta import DeltaRegisters, SigmaDeltaRegisters, SigmaRegisters

WORDS = st.lists(st.integers(-(1 << 31), (1 << 31) - 1), min_size=1, max_size=12)


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int32)


def run(registers, inputs: list[int]) -> list:
    """Return the states of the first neuron's population for one input a step."""
    state, states = registers.rest(1), []
    for a in inputs:
        a_in = np.full((1, 1, registers.n), a, np.int64).astype(np.int32)
        state = registers.step(state, a_in)
        states.append(state)
    return states


def wrapped(x: int) -> int:
    return (x + (1 << 31)) % (1 << 32) - (1 << 31)


@given(inputs=WORDS, vth=st.integers(0, (1 << 19) - 1), cum_error=st.booleans())
def test_what_a_delta_sent_and_holds_back_is_its_input(
    inputs: list[int], vth: int, cum_error: bool
) -> None:
    registers = DeltaRegisters(vth=ints(vth), spike_exp=12, state_exp=0, cum_error=cum_error)
    total = 0
    for a, state in zip(inputs, run(registers, inputs), strict=True):
        total += int(state.s[0, 0])
        assert int(state.act[0, 0]) == wrapped(a << 12)
        assert wrapped(total + int(state.residue[0, 0])) == int(state.act[0, 0])
        assert not int(state.s[0, 0]) or not int(state.residue[0, 0])


@given(inputs=WORDS, bias=st.integers(-(1 << 19), (1 << 19) - 1))
def test_a_sigma_delta_encodes_the_rectified_sum(inputs: list[int], bias: int) -> None:
    registers = SigmaDeltaRegisters(vth=ints(0), bias=ints(bias))
    plain = SigmaDeltaRegisters(vth=ints(0), bias=ints(bias), rectify=False)
    total = 0
    rectified, linear = run(registers, inputs), run(plain, inputs)
    for a, state, other in zip(inputs, rectified, linear, strict=True):
        total = wrapped(total + a)
        assert int(state.sigma[0, 0]) == int(state.u[0, 0]) == total
        assert int(other.act[0, 0]) == wrapped(total + (bias << 12))
        assert int(state.act[0, 0]) == max(0, int(other.act[0, 0]))


@given(inputs=WORDS, start=st.integers(-(1 << 31), (1 << 31) - 1))
def test_a_sigma_sends_its_sum_at_every_step(inputs: list[int], start: int) -> None:
    states = run(SigmaRegisters(start=ints(start)), inputs)
    expected = [wrapped(start + sum(inputs[: k + 1])) for k in range(len(inputs))]
    assert [int(state.s[0, 0]) for state in states] == expected


def test_small_changes_are_sent_when_they_add_up() -> None:
    registers = DeltaRegisters(vth=ints(10), spike_exp=0, state_exp=0)
    assert [int(s.s[0, 0]) for s in run(registers, [4, 8, 12, 13, 25])] == [0, 0, 12, 0, 13]
    # with errors that accumulate, what was held back counts again at every step
    registers = DeltaRegisters(vth=ints(10), spike_exp=0, state_exp=0, cum_error=True)
    assert [int(s.s[0, 0]) for s in run(registers, [4, 8, 12, 13, 25])] == [0, 8, 0, 0, 17]


def test_messages_are_rounded_toward_minus_infinity() -> None:
    registers = DeltaRegisters(vth=ints(0), spike_exp=0, state_exp=0)
    fine = DeltaRegisters(vth=ints(0), spike_exp=0, state_exp=3)
    assert [int(s.s[0, 0]) for s in run(registers, [5, -2])] == [5, -7]
    states = run(SigmaDeltaRegisters(vth=ints(0), bias=ints(0), spike_exp=0, state_exp=3), [5, -3])
    assert [int(s.s[0, 0]) for s in states] == [0, -1]
    assert [int(s.s[0, 0]) for s in run(fine, [5, -2])] == [5, -7]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"vth": ints(-1)}, r"vth: 1 of 1 are outside \[0, 524287\]"),
        ({"vth": ints(1 << 19)}, "vth: 1 of 1 are outside"),
        ({"bias": ints(-(1 << 19) - 1)}, "bias: 1 of 1 are outside"),
        ({"spike_exp": 16}, r"spike_exp 16 outside \[0, 15\]"),
        ({"state_exp": -1}, "state_exp -1 outside"),
        ({"bias": ints(1, 2)}, r"bias: shape \(2,\) int32, expected \(1,\)"),
    ],
)
def test_what_no_register_holds_is_named(fields: dict, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        SigmaDeltaRegisters(**({"vth": ints(0), "bias": ints(0)} | fields))
