"""Xylo neurons: shift decays, saturating words, subtracted thresholds, several spikes a step."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hetlava.errors import ValidationError
from hetlava.fixedpoint import shift_loss
from hetlava.neurons.registers import neuron_model
from hetlava.neurons.xylo import XyloRegisters, XyloState

WORD = st.integers(-32768, 32767)


def one(**words: int) -> XyloRegisters:
    given_words = {"dash_mem": 2, "dash_syn": 2, "vth": 100, "bias": 0} | words
    most = given_words.pop("spikes_max", 31)
    arrays = {name: np.array([value], np.int32) for name, value in given_words.items()}
    return XyloRegisters(**arrays, spikes_max=most)


def after(registers: XyloRegisters, u: int, v: int) -> tuple[int, int, int]:
    state = XyloState(*(np.array([[x]], np.int32) for x in (u, v, 0)))
    made = registers.step(state, np.zeros((1, 1, 1), np.int32))
    return int(made.u[0, 0]), int(made.v[0, 0]), int(made.s[0, 0])


def test_the_model_is_listed() -> None:
    assert neuron_model("xylo") is XyloRegisters


def test_a_step_by_hand() -> None:
    # u: 100 - 25 = 75; v: 40 - 10 + 75 = 105, one spike of 100
    assert after(one(), 100, 40) == (75, 5, 1)


def test_a_voltage_of_exactly_the_threshold_spikes() -> None:
    assert after(one(bias=60), 0, 53) == (0, 0, 1)  # 53 - 13 + 60
    assert after(one(bias=59), 0, 53) == (0, 99, 0)


def test_several_spikes_leave_the_rest() -> None:
    assert after(one(vth=10, dash_mem=15), 0, 96) == (0, 5, 9)
    assert after(one(vth=10, dash_mem=15, spikes_max=1), 0, 96) == (0, 85, 1)


def test_small_states_decay_by_one() -> None:
    assert after(one(dash_mem=15, dash_syn=15), 1, -1) == (0, 0, 0)
    assert after(one(dash_mem=15, dash_syn=15), -3, 3) == (-2, 0, 0)


def test_states_saturate_at_both_ends() -> None:
    assert after(one(dash_mem=15, dash_syn=15, vth=32767), 32767, 32767)[1:] == (0, 1)
    assert after(one(dash_mem=15, dash_syn=15), -32768, -32768)[1] == -32768


def test_the_word_without_a_positive_counterpart_is_lost_as_in_16_bits() -> None:
    # dash 0 takes all: -(-32768) is -32768 again, and -32768 + -32768 saturates
    assert after(one(dash_mem=0), 0, -32768)[1] == -32768


@given(arrays(np.int32, (3, 4), elements=WORD), arrays(np.int32, (4,), elements=st.integers(0, 15)))
def test_a_loss_never_overshoots_and_ends_at_zero(x: np.ndarray, dash: np.ndarray) -> None:
    left = x - shift_loss(x, dash)
    assert np.all(np.abs(left) < np.maximum(np.abs(x), 1))
    assert np.all(left * np.sign(x) >= 0)


@given(
    st.lists(st.tuples(st.integers(-128, 127), st.integers(0, 40)), min_size=1, max_size=6),
    st.integers(0, 7),
    WORD,
)
def test_spikes_are_added_one_by_one(pairs: list, exponent: int, u: int) -> None:
    weights, spikes = zip(*pairs, strict=True)
    state = XyloState(*(np.array([[x]], np.int32) for x in (u, 0, 0)))
    row = np.array([weights], np.int64) << exponent
    made = one().receive(state, row, np.array([spikes]), from_input=False)
    for weight, n in pairs:
        for _ in range(min(n, 31)):
            u = min(max(u + (weight << exponent), -32768), 32767)
    assert made.u[0, 0] == u


def test_an_input_gives_at_most_15_spikes() -> None:
    rest = one().rest(1)
    made = one().receive(rest, np.array([[2]]), np.array([[20]]), from_input=True)
    assert made.u[0, 0] == 30


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ({"dash_mem": 16}, "dash_mem: 1 of 1 are outside"),
        ({"vth": 0}, "vth: 1 of 1 are outside"),
        ({"bias": 32768}, "bias: 1 of 1 do not fit 16 bits"),
        ({"spikes_max": 32}, "spikes_max 32 outside"),
    ],
)
def test_words_beyond_the_chip_are_refused(words: dict, text: str) -> None:
    with pytest.raises(ValidationError, match=text):
        one(**words)
