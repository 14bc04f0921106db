"""The torch engine as a target: on the CPU for tests, on a GPU for speed."""

from collections.abc import Collection
from functools import lru_cache
from importlib.util import find_spec

import numpy as np

from hetlava.events import Events
from hetlava.hardware.interface import Target
from hetlava.quantised import QuantisedNetwork
from hetlava.recording import Recording
from hetlava.sim import torch_device, torch_engine

# the weights stay on the device from one batch of a data set to the next
_prepared = lru_cache(maxsize=1)(torch_engine.prepare)


def torch_target(device: str) -> Target:
    """Return the torch engine on ``cpu``, ``cuda`` or ``cuda:N`` as a target.

    Raises
    ------
    ValidationError, MissingPackageError, UnsupportedError
        If the device has another name, torch is not installed, or sees no such GPU.
    """
    torch_device.check_device(device)
    return _target(device)


def _target(device: str) -> Target:
    def runner(
        net: QuantisedNetwork,
        inputs: Events,
        *,
        rng: np.random.Generator,
        probes: Collection[str],
        threads: int | None,
    ) -> Recording:
        """Run on the device, where nothing is random."""
        with torch_device.using_threads(threads):
            return _prepared(net, device=device).run(inputs, probes=probes)

    return Target(
        name=f"torch-{device}",
        description=f"integer equations on torch, {device.upper()}",
        runner=runner,
        missing=_missing,
    )


def _missing() -> str | None:
    if find_spec("torch") is None:
        return "torch is not installed; install it with: pip install hetlava[gpu]"
    return None


TORCH_CPU = _target("cpu")
