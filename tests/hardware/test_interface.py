"""What a target adds to the call behind it."""

from collections.abc import Callable

import numpy as np
import pytest

from hetlava.errors import UnsupportedError
from hetlava.events import Events
from hetlava.hardware.interface import Target
from hetlava.quantised import QuantisedNetwork
from hetlava.recording import Recording
from hetlava.sim import reference


def plain(
    net: QuantisedNetwork, inputs: Events, *, probes: tuple, threads: int | None
) -> Recording:
    return reference.run(net, inputs, probes=probes)


def test_a_recording_bears_the_name_of_its_target(
    rng: np.random.Generator, random_network: Callable[..., tuple[QuantisedNetwork, Events]]
) -> None:
    thing = Target(name="thing", description="a thing", runner=plain)
    assert thing.run(*random_network(rng)).target == "thing"


def test_a_network_rounded_for_another_chip_is_refused(
    rng: np.random.Generator, random_network: Callable[..., tuple[QuantisedNetwork, Events]]
) -> None:
    thing = Target(name="thing", description="a thing", runner=plain, chip="loihi1")
    with pytest.raises(UnsupportedError, match="thing: the network was rounded for loihi2, not"):
        thing.run(*random_network(rng))


def test_a_target_says_what_is_missing() -> None:
    thing = Target(name="thing", description="", runner=plain, missing=lambda: "no chip here")
    assert thing.unavailable() == "no chip here"
    assert Target(name="thing", description="", runner=plain).unavailable() is None
