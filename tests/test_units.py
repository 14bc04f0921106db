"""Times and numbers as text: exact both ways, and never without a unit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetlava.errors import ValidationError
from hetlava.units import format_number, format_time, parse_number, parse_time

FINITE = st.floats(allow_nan=False, allow_infinity=False)


@given(FINITE)
def test_a_time_is_read_back_to_the_last_bit(seconds):
    assert parse_time(format_time(seconds)) == seconds


@given(FINITE)
def test_a_number_is_read_back_to_the_last_bit(value):
    assert parse_number(format_number(value)) == value


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("20ms", 0.02), ("0.1 s", 0.1), (" 3us", 3e-6), ("1e-3s", 1e-3), ("-.5ms", -5e-4)],
)
def test_a_time_is_rounded_once(text, seconds):
    assert parse_time(text) == seconds


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("20", "20 has no unit; write 20ms"),
        ("20m", "unit 'm' is unknown; known: s, ms, us"),
        ("20MS", "unit 'MS' is unknown"),
        ("ms", "not a time"),
        ("1e99999999999999999999ms", "too large or too small"),
        ("0x10ms", "unit 'x10ms'"),
    ],
)
def test_a_time_without_a_known_unit_is_refused(text, reason):
    with pytest.raises(ValidationError, match=reason):
        parse_time(text)


@pytest.mark.parametrize("text", ["", "nan", "inf", "1_000", "3ms", "1e999"])
def test_what_is_no_finite_number_is_refused(text):
    with pytest.raises(ValidationError, match="not a plain number"):
        parse_number(text)
