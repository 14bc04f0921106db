import doctest

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetlava import fixedpoint
from hetlava.fixedpoint import (
    bias_value,
    decay,
    decay_tau,
    decay_word,
    round_to_grid,
    saturate,
    shift,
    weight_step,
    wrap_int32,
    wrap_once,
)

WORDS = st.integers(-(1 << 31), (1 << 31) - 1)
DECAYS = st.integers(0, 4096)


def int32(*values):
    return np.array(values, np.int32)


def int64(*values):
    return np.array(values, np.int64)


def test_the_examples_in_the_docstrings_hold():
    result = doctest.testmod(fixedpoint)
    assert result.attempted >= 4 and result.failed == 0


@given(x=WORDS, d=DECAYS)
def test_decay_is_the_exact_quotient_toward_zero(x, d):
    exact = abs(x) * (4096 - d) // 4096
    assert decay(int32(x), int32(d))[0] == (exact if x >= 0 else -exact)


@given(x=WORDS, d=DECAYS)
def test_decay_never_grows_nor_turns_the_sign(x, d):
    y = int(decay(int32(x), int32(d))[0])
    assert abs(y) <= abs(x) and y * x >= 0


@given(x=st.integers(0, 1 << 31), k=DECAYS)
def test_the_split_that_the_engine_computes_is_the_product(x, k):
    whole, part = (x >> 12) * k, (x & 4095) * k
    assert whole + (part >> 12) == x * k >> 12
    assert whole + (part >> 12) < 1 << 32 and part < 1 << 32


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        (1 << 23, 1 << 23),
        ((1 << 23) + 1, 1 - (1 << 23)),
        (1 - (1 << 23), 1 - (1 << 23)),
        (-(1 << 23), 1 << 23),
        ((1 << 31) - 1, (1 << 31) - 1 - (1 << 24)),
        (-(1 << 31), (1 << 24) - (1 << 31)),
    ],
)
def test_a_wrap_turns_once_at_asymmetric_ends(x, expected):
    assert wrap_once(int32(x))[0] == expected


@given(x=st.integers(-(1 << 24), 1 << 24))
def test_a_wrap_keeps_the_value_modulo_its_word(x):
    y = int(wrap_once(int32(x))[0])
    assert (y - x) % (1 << 24) == 0 and -(1 << 23) < y <= 1 << 23


@given(x=st.integers(-(1 << 60), 1 << 60))
def test_saturation_clips_symmetrically(x):
    limit = (1 << 23) - 1
    assert saturate(int64(x))[0] == max(-limit, min(limit, x))


@given(x=st.integers(-(1 << 62), 1 << 62))
def test_a_message_keeps_the_lowest_32_bits(x):
    y = int(wrap_int32(int64(x))[0])
    assert (y - x) % (1 << 32) == 0 and -(1 << 31) <= y < 1 << 31


@given(x=st.integers(-(1 << 40), 1 << 40), bits=st.integers(-16, 16))
def test_a_shift_is_a_power_of_two_with_floor(x, bits):
    assert shift(int64(x), bits)[0] == (x * 2**bits if bits >= 0 else x // 2**-bits)


@given(m=st.integers(-(1 << 15), (1 << 15) - 1), e=st.integers(-15, 15))
def test_a_bias_is_its_mantissa_scaled_with_floor(m, e):
    assert bias_value(int32(m), int32(e))[0] == (m << e if e >= 0 else m // 2**-e)


@given(d=st.integers(1, 4095))
def test_a_decay_word_survives_its_time_constant(d):
    assert decay_word(decay_tau(int32(d), 1e-3), 1e-3)[0] == d


@pytest.mark.parametrize(("bits", "mixed", "step"), [(8, False, 1), (8, True, 2), (4, True, 32)])
def test_fewer_bits_or_two_signs_widen_the_grid(bits, mixed, step):
    assert weight_step(bits, mixed) == step


@given(x=st.floats(-1e4, 1e4), step=st.sampled_from([1, 2, 32]))
def test_rounding_finds_the_nearest_grid_point_in_range(x, step):
    y = int(round_to_grid(np.array([x]), step, -256, 254)[0])
    assert -256 <= y <= 254
    # half a step, or clipped at an end
    assert (
        abs(y - x) <= step / 2 or (x > 254 - step and y >= 254 - step) or (x < -256 and y == -256)
    )
