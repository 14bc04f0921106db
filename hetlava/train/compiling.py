"""How the loops of training are compiled."""

from collections.abc import Callable
from typing import Any

import numba


def compiled(*, parallel: bool = False) -> Callable[[Callable[..., Any]], Any]:
    """Compile on first use, keeping the result on disk where a folder can be written."""

    def decorate(function: Callable[..., Any]) -> Any:
        jit: Any = numba.njit(parallel=parallel, error_model="numpy", nogil=True, cache=True)
        try:
            return jit(function)
        except RuntimeError:  # numba found no folder for its cache
            return numba.njit(parallel=parallel, error_model="numpy", nogil=True)(function)

    return decorate
