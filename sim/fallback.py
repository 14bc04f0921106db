"""Why the reference, in numpy, runs a network instead of compiled loops: same bits, slowly."""

import os
import warnings
from functools import cache

import numpy as np

from hetlava.quantised import QuantisedNetwork
from hetlava.sim.modes import Mode


def why_by_reference(net: QuantisedNetwork, mode: Mode) -> str:
    """Return why compiled loops do not run a network, nothing if they do."""
    if mode == "numpy":
        return "the mode numpy"
    in_order = {p.name for p in net.populations if p.registers.in_order}
    for q in net.projections:
        # late messages are listed by delay, and their order matters there
        if q.target in in_order and q.all_delays is not None and np.ptp(q.all_delays):
            return f"{q.label}: delays that differ, to neurons that add messages in order"
    return no_compiler()


@cache
def no_compiler() -> str:
    """Return why loops cannot be compiled here, nothing if they can; warns when it finds out."""
    why = ""
    if os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
        why = "NUMBA_DISABLE_JIT is set"
    else:
        try:
            import hetlava.sim.runs  # noqa: F401
        except ImportError as error:
            why = f"numba cannot be loaded ({error})"
    if why:
        warn_of_numpy(why)
    return why


@cache
def warn_of_numpy(why: str) -> None:
    """Warn, once for each reason, that networks run slowly."""
    warnings.warn(
        f"{why}: networks run in numpy, to the same bits, about a hundred times slower",
        RuntimeWarning,
        stacklevel=3,
    )
