"""Array records: read-only, equal field by field, and casts that change no value."""

import pickle
from dataclasses import FrozenInstanceError, dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as stn

from hetlava.arrays import AnyArray, ArrayRecord, as_vector, cast_exactly, require
from hetlava.errors import HetlavaError, ValidationError


@dataclass(frozen=True, eq=False, kw_only=True)
class Pair(ArrayRecord):
    a: AnyArray
    rest: object = None


@dataclass(frozen=True, eq=False, kw_only=True)
class Other(Pair):
    pass


ARRAYS = stn.arrays(
    st.sampled_from([np.int16, np.int32, np.int64, np.float64, np.bool_]),
    stn.array_shapes(max_dims=3, max_side=4, min_side=0),
)


@given(ARRAYS)
def test_a_record_equals_its_copy(array):
    assert Pair(a=array, rest=(array, 1)) == Pair(a=array.copy(), rest=(array.copy(), 1))


def test_not_a_number_equals_itself_in_the_same_place():
    first, second = np.array([np.nan, 0.0]), np.array([0.0, np.nan])
    assert Pair(a=first) == Pair(a=first.copy())
    assert Pair(a=first) != Pair(a=second)


@given(ARRAYS.filter(lambda a: a.size), st.data())
def test_one_changed_value_makes_records_differ(array, data):
    changed = array.copy()
    k = data.draw(st.integers(0, array.size - 1))
    changed.flat[k] = ~changed.flat[k] if array.dtype != np.float64 else 0.5
    same = np.array_equal(array, changed, equal_nan=array.dtype == np.float64)
    assert (Pair(a=array) == Pair(a=changed)) == same


@given(ARRAYS)
def test_equal_records_hash_alike(array):
    assert hash(Pair(a=array)) == hash(Pair(a=array.copy()))
    assert len({Pair(a=array), Pair(a=array.copy())}) == 1


@pytest.mark.parametrize(
    "other",
    [
        Pair(a=np.zeros(3, np.int64)),
        Pair(a=np.zeros((1, 3), np.int32)),
        Pair(a=np.zeros(3, np.int32), rest=1),
        Pair(a=np.zeros(3, np.int32), rest=(np.zeros(1),)),
        Other(a=np.zeros(3, np.int32)),
        [0, 0, 0],
    ],
    ids=["dtype", "shape", "field", "array_or_none", "type", "list"],
)
def test_records_differ_in_dtype_shape_fields_and_type(other):
    assert Pair(a=np.zeros(3, np.int32)) != other


def test_tuples_of_another_length_differ():
    one = (np.zeros(1),)
    assert Pair(a=np.zeros(1), rest=one) != Pair(a=np.zeros(1), rest=one + one)


def test_an_array_can_be_changed_neither_inside_nor_from_outside():
    array = np.arange(3)
    view = array[:]
    view.flags.writeable = False
    for source in (array, array[:], view, view[1:]):
        record = Pair(a=source)
        before = record.a.tolist()
        array += 1
        assert record.a.tolist() == before
        with pytest.raises(ValueError, match="read-only"):
            record.a[0] = 7
    with pytest.raises(FrozenInstanceError):
        record.a = array


def test_what_cannot_change_is_not_copied():
    first = Pair(a=np.arange(3))
    assert Pair(a=first.a).a is first.a
    assert Pair(a=first.a[1:]).a.base is first.a


INTEGERS = [np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.uint64]


@given(st.data(), st.sampled_from(INTEGERS), st.sampled_from(INTEGERS))
def test_a_cast_keeps_every_integer_or_is_refused(data, source, target):
    array = data.draw(stn.arrays(source, 3))
    info = np.iinfo(target)
    if all(info.min <= int(value) <= info.max for value in array):
        cast = cast_exactly(array, target, "x")
        assert cast.dtype == target and cast.tolist() == array.tolist()
    else:
        with pytest.raises(ValidationError, match="do not fit"):
            cast_exactly(array, target, "x")


@given(stn.arrays(np.float64, 3), st.sampled_from([np.int16, np.int32]))
def test_a_cast_from_floats_keeps_whole_numbers_only(array, target):
    info = np.iinfo(target)
    whole = np.isfinite(array) & (array == np.trunc(array))
    if np.all(whole) and np.all((array >= info.min) & (array <= info.max)):
        assert np.array_equal(cast_exactly(array, target, "x"), array)
    else:
        with pytest.raises(ValidationError):
            cast_exactly(array, target, "x")


def test_a_refused_cast_names_the_first_offender():
    array = np.array([1.0, 2.5, np.nan])
    message = "w: 2 of 3 values do not fit int32, first 2.5 at index 1"
    with pytest.raises(ValidationError, match=message):
        cast_exactly(array, np.int32, "w")


@pytest.mark.parametrize("value", [np.array(["a"]), np.array([None]), np.array([1j])])
def test_what_is_no_number_is_not_cast(value):
    with pytest.raises(ValidationError, match="is not a number"):
        cast_exactly(value, np.float64, "x")


def test_a_float_that_overflows_a_shorter_one_is_refused():
    with pytest.raises(ValidationError, match="first 1e"):
        cast_exactly(np.array([1e300]), np.float32, "x")
    assert np.isnan(cast_exactly(np.array([np.nan]), np.float32, "x")[0])


def test_a_scalar_is_repeated_and_a_vector_kept():
    assert as_vector(3, 2, np.int32, "x").tolist() == [3, 3]
    assert as_vector([1, 2], 2, np.float64, "x").tolist() == [1.0, 2.0]


@pytest.mark.parametrize("value", [[1], [[1, 2]], [1, 2, 3], []])
def test_a_vector_of_another_shape_is_refused(value):
    with pytest.raises(ValidationError, match=r"x: shape .*, expected \(2,\)"):
        as_vector(value, 2, np.int32, "x")


def test_a_requirement_names_count_limit_and_first_offender():
    array = np.array([1, -2, -3])
    require(array, array > -9, "x", "are too low")
    with pytest.raises(ValidationError, match="^x: 2 of 3 are negative, first -2 at 1$"):
        require(array, array >= 0, "x", "are negative")


@pytest.mark.parametrize("error", HetlavaError.__subclasses__(), ids=lambda e: e.__name__)
def test_every_error_is_also_a_builtin(error):
    builtin = [base for base in error.__mro__ if base.__module__ == "builtins"]
    assert any(base not in (Exception, BaseException, object) for base in builtin)
    assert error.__doc__


def test_a_pickled_record_comes_back_equal_and_read_only():
    record = Pair(a=np.arange(3), rest=(np.arange(2), "text"))
    copy = pickle.loads(pickle.dumps(record))
    assert copy == record and not copy.a.flags.writeable
