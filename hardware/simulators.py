"""The simulators that come with hetlava, as targets."""

from collections.abc import Collection

from hetlava.chips import LOIHI1, LOIHI2
from hetlava.events import Events
from hetlava.hardware.interface import Target
from hetlava.quantised import QuantisedNetwork
from hetlava.recording import Recording
from hetlava.sim import engine, reference


def _reference(
    net: QuantisedNetwork, inputs: Events, *, probes: Collection[str], threads: int | None
) -> Recording:
    """Run the judge, which knows no threads."""
    return reference.run(net, inputs, probes=probes)


REFERENCE = Target(
    name="reference", description="integer equations in numpy, the judge", runner=_reference
)
LOIHI1_SIM = Target(
    name="loihi1-sim",
    description="Loihi 1 cores, fixed point, compiled and threaded",
    runner=engine.run,
    chip=LOIHI1.name,
)
LOIHI2_SIM = Target(
    name="loihi2-sim",
    description="Loihi 2 cores, fixed point, compiled and threaded",
    runner=engine.run,
    chip=LOIHI2.name,
)
