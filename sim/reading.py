"""The loop that measures how fast memory is read; imported only when it runs, as it needs numba."""

# numba infers the types of these functions
# mypy: allow-untyped-defs, allow-untyped-calls

from typing import Any

import numpy as np

from hetlava.sim.jitting import jitted


@jitted
def read_rows(memory: Any, rows: Any, width: int) -> int:
    """Read ``width`` words of 64 bits at each of ``rows`` and return something of them all."""
    total = np.uint64(0)
    for r in rows:
        total ^= _row(memory, np.uintp(r * width), width)
    return int(total)


@jitted
def _row(memory, start, width):
    total = np.uint64(0)
    for k in range(width):
        total ^= memory[start + np.uintp(k)]
    return total
