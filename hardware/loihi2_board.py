"""A Loihi 2 board, which only Intel's closed plug-in for Lava reaches, and only on old Pythons.

The graph that goes there is that of ``hetlava export --format lava``, one stock LIF per (du, dv,
vth), with ``Loihi2HwCfg`` and the plug-in's adapters. Nobody has tried it on a board here.
"""

from collections.abc import Collection

import numpy as np

from hetlava.chips import LOIHI2
from hetlava.errors import TargetError
from hetlava.events import Events
from hetlava.hardware.interface import Target
from hetlava.quantised import QuantisedNetwork
from hetlava.recording import Recording

MISSING = (
    "no board: Intel's plug-in (lava-loihi with nxcore) exists for Python up to 3.10 only; name a "
    "Python that has it with --lava-python, or export with --format lava --lif levels and run "
    "graph.py --board there"
)


def missing() -> str:
    """Return why no board can be used from this Python: its plug-in needs an older one."""
    return MISSING


def _run(
    net: QuantisedNetwork,
    inputs: Events,
    *,
    rng: np.random.Generator,
    probes: Collection[str],
    threads: int | None,
) -> Recording:
    raise TargetError(f"loihi2-board: {MISSING}")


LOIHI2_BOARD = Target(
    name="loihi2-board",
    description="Loihi 2 by Intel's plug-in, never tried on one",
    runner=_run,
    spec=LOIHI2,
    missing=missing,
)
