"""The simulators that come with hetlava, as targets."""

from collections.abc import Collection
from dataclasses import replace
from functools import lru_cache, partial

import numpy as np

from hetlava.chips import LOIHI1, LOIHI2, ChipSpec
from hetlava.errors import UnsupportedError
from hetlava.events import Events
from hetlava.hardware.interface import Target
from hetlava.network import Network
from hetlava.quantised import QuantisedNetwork
from hetlava.recording import Recording
from hetlava.sim import engine, floating, reference
from hetlava.sim.modes import checked_mode

# the weights stay laid out from one batch of a data set to the next
_prepared = lru_cache(maxsize=1)(engine.prepare)


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
    mode: str = "auto",
) -> Recording:
    """Run the compiled engine, in which nothing is random."""
    return _prepared(net, mode=mode).run(inputs, probes=probes, threads=threads)


def in_mode(target: Target, mode: str) -> Target:
    """Return a target that the engine runs, with layers run in a mode of the engine.

    Raises
    ------
    UnsupportedError
        If something else runs it.
    ValidationError
        If there is no such mode.
    """
    if target.runner is not run_engine:
        raise UnsupportedError(f"target {target.name}: hetlava's engine does not run it")
    return replace(target, runner=partial(run_engine, mode=checked_mode(mode)))


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
