"""Functions of whole numbers, as Python runs them and as LLVM does."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetlava.sim import vectors as vec
from hetlava.sim.calling import source_table
from hetlava.sim.compiling import CompilingError, called, compiled

LIMIT = 3
NUMBERS = st.integers(-(1 << 40), 1 << 40)
SMALL = st.integers(-20, 20)


def arithmetic(a, b):
    return (a + 3 * b - LIMIT) ^ (a & ~b | 5) + (-a >> 3) - (b << 2)


def quotients(a, b):
    return a // b * 1000003 + a % b


def wrapped(a, b):
    return np.int64(np.int32(a * 7)) + np.int64(np.uint16(b)) - np.int64(np.int8(a))


def unsigned(a, b):
    low = np.uint64(a) >> np.uint64(40) if a < b else np.uint64(1)
    return np.int64(low & np.uint64(0xFFFF))


def chosen(a, b):
    if a < b <= 5 or not (a > 0 and b > 0):
        return min(a, b, 7)
    elif a == b:
        return 1 if a else 2
    return max(a, b) + (a != b)


def turns(a, b):
    total, k = 0, 0
    for i in range(a):
        for j in range(i, b, 3):
            if j == 7:
                continue
            if total > 500:
                break
            total += i * j + 1
    while True:
        k += 1
        if k > b or k * k > total:
            return total - k
    return -1


def _pair(a, b):
    return a + b, (a - b, LIMIT)


def _weigh(x, y, z):
    return x + 10 * y + 100 * z


def tuples(a, b):
    first, (second, third) = _pair(a, b)
    rest = second, third
    joined = (first, *rest) + (a,)
    return _weigh(*rest, joined[0]) + joined[3]


@pytest.mark.parametrize("function", [arithmetic, wrapped, unsigned, chosen, tuples])
@given(a=NUMBERS, b=NUMBERS)
def test_compiled_functions_give_what_python_gives(function, a, b):
    made = compiled_once(function)
    with np.errstate(over="ignore"):
        expected = function(np.int64(a), np.int64(b)) if function in CASTING else function(a, b)
    assert made(a, b) == int(expected)


CASTING = {wrapped: None, unsigned: None}  # in which Python's numbers would not wrap
MADE = {}


def compiled_once(function):
    return MADE.setdefault(function, compiled(function))


@given(a=NUMBERS, b=NUMBERS.filter(bool))
def test_division_rounds_down(a, b):
    assert compiled_once(quotients)(a, b) == quotients(a, b)


@given(a=SMALL, b=SMALL)
def test_loops_turn_as_often_as_in_python(a, b):
    assert compiled_once(turns)(a, b) == turns(a, b)


@called
def _fill(at, n, value):
    for k in range(n):
        vec.write_int64(at, k, value)


def fill_twice(at, n):
    _fill(at, n, 5)
    _fill(at, n // 2, n)
    return vec.read_int64(at, 0)


def test_what_is_called_apart_works_on_its_own_arguments():
    words = np.zeros(6, np.int64)
    assert compiled(fill_twice)(words.ctypes.data, 5) == 5
    assert words.tolist() == [5, 5, 5, 5, 5, 0]


def raise_words(sources, at):
    there = source_table(at)
    sources[1, LIMIT] = there[1, 0] + 1
    sources[0, 1] += sources[1, 2]
    sources[0, 2] &= sources[0, 1] > 4


def test_tables_are_read_and_written_in_place():
    from hetlava.sim.columns import SOURCE_COLUMNS

    table = np.arange(2 * SOURCE_COLUMNS).reshape(2, -1)
    expected = table.copy()
    expected[1, 3] = expected[1, 0] + 1
    expected[0, 1] += expected[1, 2]
    expected[0, 2] = 0
    assert compiled(raise_words)(table.ctypes.data, table.ctypes.data) == 0
    np.testing.assert_array_equal(table, expected)


def guarded(at, n):
    return 1 if n > 0 and vec.read_int64(at, 0) == 4 else 0


def test_the_second_of_two_conditions_is_not_looked_at_in_vain():
    assert compiled(guarded)(0, 0) == 0  # address 0 cannot be read


def half(a):
    return a / 2


def changed(a):
    x = np.int32(a)
    x = a
    return x


def mixed(a):
    return np.uint64(a) + a


def listed(a):
    return [a]


def unknown(a):
    return nowhere + a  # noqa: F821


def counted(a):
    for k in (1, 2):
        a += k
    return a


@called
def _answer(a):
    return a


def answered(a):
    _answer(a)
    return a


@pytest.mark.parametrize(
    "function, message",
    [
        (half, "Div"),
        (changed, "x is int32 and then int64"),
        (mixed, "no kind in common"),
        (listed, "compiled loops have no List"),
        (unknown, "nowhere"),
        (counted, "over a range"),
        (answered, "returns nothing"),
    ],
)
def test_what_is_beyond_them_is_refused_with_its_place(function, message):
    with pytest.raises(CompilingError, match=message) as refused:
        compiled(function)(1)
    assert "test_translating.py" in str(refused.value) or function is answered
