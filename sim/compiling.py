"""How loops are compiled: apart from them, so that the choice of options stands in one place."""

from collections.abc import Callable
from typing import Any, TypeVar

import numba

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """Compile on first use, keeping the result on disk where a folder can be written."""
    jit: Any = numba.njit  # its annotation lacks _nrt: no counting of references, which costs 2x
    try:
        fast: F = jit(cache=True, nogil=True, error_model="numpy", _nrt=False)(function)
    except RuntimeError:  # numba found no folder for its cache
        fast = jit(nogil=True, error_model="numpy", _nrt=False)(function)
    return fast
