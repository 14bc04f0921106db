"""How much memory is free: asked before a network is laid out, not found out by being killed."""

import os
from pathlib import Path

from hetlava.errors import UnsupportedError

GIGA = 1 << 30


def free_bytes() -> int | None:
    """Return the memory that can be had, None where the system does not say."""
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, AttributeError):  # another system than Linux
        return None


def require_memory(n_bytes: int, what: str) -> None:
    """Check that so much memory is free.

    Raises
    ------
    UnsupportedError
        Naming both sizes.
    """
    free = free_bytes()
    if free is not None and n_bytes > free:
        raise UnsupportedError(
            f"{what}: {n_bytes / GIGA:.1f} GiB, but {free / GIGA:.1f} GiB are free; "
            "run less at a time or take a machine with more memory"
        )
