"""Lava's CPU runtime with its own bit-accurate models, as a target."""

from collections.abc import Collection

import numpy as np

from hetlava.events import Events
from hetlava.export import lava_graph
from hetlava.export.lava_import import lava_unavailable
from hetlava.hardware.interface import Target
from hetlava.quantised import QuantisedNetwork
from hetlava.recording import Recording


def _run(
    net: QuantisedNetwork,
    inputs: Events,
    *,
    rng: np.random.Generator,
    probes: Collection[str],
    threads: int | None,
) -> Recording:
    """Run Lava, which starts one operating-system process per Lava process whatever is asked."""
    return lava_graph.run(net, inputs, probes=probes)


LAVA_CPU = Target(
    name="lava-cpu",
    description="Lava's CPU runtime, its own bit-accurate models",
    runner=_run,
    missing=lava_unavailable,
)
