"""Frozen records of read-only arrays: what every noun of hetlava is made of."""

import mmap
from collections.abc import Collection
from dataclasses import dataclass, fields
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from hetlava.errors import ValidationError

Int = npt.NDArray[np.int32]
Int8 = npt.NDArray[np.int8]
Int16 = npt.NDArray[np.int16]
Int64 = npt.NDArray[np.int64]
Float = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]
AnyArray = npt.NDArray[Any]


def _equal(a: object, b: object) -> bool:
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        if not (isinstance(a, np.ndarray) and isinstance(b, np.ndarray)):
            return False
        same = a.dtype == b.dtype and a.shape == b.shape
        return same and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
    if isinstance(a, tuple) and isinstance(b, tuple):
        return len(a) == len(b) and all(map(_equal, a, b))
    return bool(a == b)


@dataclass(frozen=True, eq=False, kw_only=True)
class ArrayRecord:
    """A frozen record whose arrays are read-only and whose equality is field by field.

    Two records are equal when they have one type and every field is equal: arrays in dtype, shape
    and every value (never with a tolerance), everything else with ``==``.
    """

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray) and _can_change(value):
                frozen = value.copy()
                frozen.flags.writeable = False
                object.__setattr__(self, field.name, frozen)

    def __setstate__(self, state: dict[str, object]) -> None:
        for value in state.values():  # a copy that came through a pipe would be writable
            if isinstance(value, np.ndarray):
                value.flags.writeable = False
        self.__dict__.update(state)

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return same(self, other)

    def __hash__(self) -> int:
        """Hash by type and shapes, which equal records share."""
        values = (getattr(self, field.name) for field in fields(self))
        return hash((type(self), *(v.shape for v in values if isinstance(v, np.ndarray))))


def same(one: ArrayRecord, other: ArrayRecord, but: Collection[str] = ()) -> bool:
    """Tell whether all fields of two records of one type are equal, ``but`` some."""
    names = (field.name for field in fields(one) if field.name not in but)
    return all(_equal(getattr(one, name), getattr(other, name)) for name in names)


def _can_change(array: AnyArray) -> bool:
    # a read-only view still follows what it is a view of
    return array.flags.writeable or (isinstance(array.base, np.ndarray) and _can_change(array.base))


def let_go(array: AnyArray) -> None:
    """Give back the memory of a mapped file that was read, if ``array`` is a map of one."""
    base: object = array
    while isinstance(base, np.ndarray):
        base = base.base
    held = base.obj if isinstance(base, memoryview) else base
    if isinstance(held, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        held.madvise(mmap.MADV_DONTNEED)


R = TypeVar("R", bound=np.generic)


def as_vector(value: npt.ArrayLike, n: int, dtype: type[R], what: str) -> npt.NDArray[R]:
    """Return ``value`` as an array of shape ``(n,)``; a scalar is repeated.

    Raises
    ------
    ValidationError
        If the shape is neither ``()`` nor ``(n,)`` or a value does not fit the dtype.
    """
    array = np.asarray(value)
    if array.ndim == 0:
        array = np.full(n, array)
    if array.shape != (n,):
        raise ValidationError(f"{what}: shape {array.shape}, expected ({n},)")
    return cast_exactly(array, dtype, what)


def cast_exactly(array: AnyArray, dtype: type[R], what: str) -> npt.NDArray[R]:
    """Return ``array`` in another dtype, refusing to change a value.

    Raises
    ------
    ValidationError
        If an element changes by the cast: an integer that overflows, a fraction, a NaN.
    """
    if array.dtype.kind not in "biuf":
        raise ValidationError(f"{what}: dtype {array.dtype} is not a number")
    with np.errstate(invalid="ignore", over="ignore"):
        cast = array.astype(dtype)
        # the second comparison: 2**32 - 1 to int32 and back is itself, by way of -1
        wrong = (cast.astype(array.dtype) != array) | ((cast < 0) != (array < 0))
    if np.issubdtype(dtype, np.floating):
        wrong = ~np.isfinite(cast) & np.isfinite(array.astype(np.float64))
    if np.any(wrong):
        first = int(np.flatnonzero(wrong)[0])
        raise ValidationError(
            f"{what}: {int(np.sum(wrong))} of {array.size} values do not fit {np.dtype(dtype)}, "
            f"first {array.flat[first]} at index {first}"
        )
    return cast


def require(array: AnyArray, holds: AnyArray, what: str, limit: str) -> None:
    """Raise unless ``holds`` is true everywhere, naming the first value that breaks the limit.

    Raises
    ------
    ValidationError
        With the name, the count, the limit, and the first offender with its index.
    """
    if not np.all(holds):
        wrong = np.flatnonzero(~np.asarray(holds))
        first = int(wrong[0])
        raise ValidationError(
            f"{what}: {wrong.size} of {array.size} {limit}, first {array.flat[first]} at {first}"
        )
