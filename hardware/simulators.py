"""The simulators that come with hetlava, as targets."""

from collections.abc import Collection

import numpy as np

from hetlava.chips import LOIHI1, LOIHI2, ChipSpec
from hetlava.events import Events
from hetlava.hardware.interface import Target
from hetlava.network import Network
from hetlava.quantised import QuantisedNetwork
from hetlava.recording import Recording
from hetlava.sim import engine, floating, reference


def _float(
    net: Network,
    inputs: Events,
    *,
    rng: np.random.Generator,
    probes: Collection[str],
    threads: int | None,
) -> Recording:
    """Run in double precision, which is exact and knows no threads."""
    return floating.run(net, inputs, probes=probes)


def _reference(
    net: QuantisedNetwork,
    inputs: Events,
    *,
    rng: np.random.Generator,
    probes: Collection[str],
    threads: int | None,
) -> Recording:
    """Run the judge, which knows no threads."""
    return reference.run(net, inputs, probes=probes)


def run_engine(
    net: QuantisedNetwork,
    inputs: Events,
    *,
    rng: np.random.Generator,
    probes: Collection[str],
    threads: int | None,
) -> Recording:
    """Run the compiled engine, in which nothing is random."""
    return engine.run(net, inputs, probes=probes, threads=threads)


def simulator(spec: ChipSpec, description: str | None = None) -> Target:
    """Return the simulator of a digital chip."""
    what = description or f"{spec.name} cores, fixed point, compiled and threaded"
    return Target(name=f"{spec.name}-sim", description=what, runner=run_engine, spec=spec)


FLOAT = Target(
    name="float",
    description="equations in double precision, nothing rounded",
    runner=_float,
    takes="floats",
)
REFERENCE = Target(
    name="reference", description="integer equations in numpy, the judge", runner=_reference
)
LOIHI1_SIM = simulator(LOIHI1, "Loihi 1 cores, fixed point, compiled and threaded")
LOIHI2_SIM = simulator(LOIHI2, "Loihi 2 cores, fixed point, compiled and threaded")
