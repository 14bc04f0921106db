"""Resonators turn, decay and spike where their equations say, and limits are named."""

import numpy as np
import pytest

from hetlava.errors import ValidationError
from hetlava.neurons.resonate import ResonatorRegisters, RFIzhikevichRegisters, RFRegisters

ONE = 1 << 12


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int32)


def turning(kind: type[ResonatorRegisters], period: float, damping: float, vth: int):
    angle = 2 * np.pi / period
    size = (1 - damping) * ONE
    sin, cos = (ints(round(f(angle) * size)) for f in (np.sin, np.cos))
    return kind(sin_decay=sin, cos_decay=cos, vth=ints(vth))


def run(registers: ResonatorRegisters, real: list[int], imag: list[int]) -> tuple[np.ndarray, ...]:
    state, states = registers.rest(1), []
    for a in zip(real, imag, strict=True):
        state = registers.step(state, np.array(a, np.int32).reshape(2, 1, 1))
        states.append((int(state.u[0, 0]), int(state.v[0, 0]), bool(state.s[0, 0])))
    u, v, s = (np.array(values) for values in zip(*states, strict=True))
    return u, v, s


def test_a_quarter_turn_is_exact() -> None:
    registers = RFRegisters(sin_decay=ints(ONE), cos_decay=ints(0), vth=ints(1))
    u, v, s = run(registers, [3, 0, 0, 0, 0], [0] * 5)
    assert u.tolist() == [192, 0, -192, 0, 192]
    assert v.tolist() == [0, 192, 0, -192, 0]
    # once round: from below 0 to 0, with the real part up
    assert s.tolist() == [False] * 4 + [True]


def test_a_spike_comes_once_a_period_until_it_is_damped_away() -> None:
    registers = turning(RFRegisters, 20, 0.03, 20)
    u, _, s = run(registers, [100] + [0] * 99, [0] * 100)
    assert np.flatnonzero(s).tolist() == [21, 41]
    # the rounded words fall short of a whole turn in 20 steps, and leave of the state what the
    # damping says but for 1/4096 a step at most
    assert u[20] / u[0] == pytest.approx(0.97**20, abs=20 / ONE)


def test_izhikevich_resets_one_unit_below_the_threshold() -> None:
    registers = RFIzhikevichRegisters(sin_decay=ints(0), cos_decay=ints(ONE), vth=ints(2))
    u, v, s = run(registers, [5, 0, 0, 0], [1, 1, 0, 1])
    assert s.tolist() == [False, True, False, True]
    assert v.tolist() == [64, 127, 127, 127]
    assert u.tolist() == [320, 0, 0, 0]


def test_states_saturate_at_24_bits() -> None:
    registers = RFRegisters(sin_decay=ints(0), cos_decay=ints(ONE), vth=ints(1))
    u, v, _ = run(registers, [1 << 17] * 3, [-(1 << 17)] * 3)
    limit = (1 << 23) - 1
    assert u.tolist() == [limit] * 3
    assert v.tolist() == [-limit] * 3


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"sin_decay": ints(ONE + 1)}, "sin_decay: 1 of 1 are outside .*4096"),
        ({"cos_decay": ints(-(1 << 31))}, "cos_decay: 1 of 1 are outside"),
        ({"vth": ints(1 << 25)}, "vth: 1 of 1 are outside .*33554431"),
        ({"state_exp": 16}, r"state_exp 16 outside \[0, 15\]"),
        ({"decay_bits": 0}, r"decay_bits 0 outside \[1, 12\]"),
        ({"decay_bits": 6}, "sin_decay: 1 of 1 are outside .*64"),
    ],
)
def test_what_no_register_holds_is_named(fields: dict, message: str) -> None:
    usual = {"sin_decay": ints(100), "cos_decay": ints(0), "vth": ints(1)}
    with pytest.raises(ValidationError, match=message):
        RFRegisters(**(usual | fields))
