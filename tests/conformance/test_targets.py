"""Every target that is listed agrees with the reference on the same networks, bit for bit."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from hetlava.errors import ValidationError
from hetlava.events import Events, from_dense
from hetlava.hardware.interface import Target
from hetlava.hardware.targets import TARGETS, target
from hetlava.quantised import QuantisedNetwork
from hetlava.sim import reference

RandomNetwork = Callable[..., tuple[QuantisedNetwork, Events]]


@pytest.fixture(params=TARGETS)
def candidate(request: pytest.FixtureRequest) -> Target:
    found = target(request.param)
    missing = found.unavailable()
    if missing:
        pytest.skip(f"{found.name}: {missing}")
    return found


@pytest.mark.parametrize("extreme", [False, True])
@pytest.mark.parametrize("seed", range(2))
def test_targets_agree_with_reference(
    candidate: Target, seed: int, extreme: bool, random_network: RandomNetwork
) -> None:
    net, inputs = random_network(np.random.default_rng(seed), extreme=extreme)
    net = replace(net, chip=candidate.chip or net.chip)
    expected = reference.run(net, inputs, probes=("u", "v"))
    found = candidate.run(net, inputs, probes=("u", "v"), threads=2)
    assert found.spikes == expected.spikes
    for traces in ("u", "v"):
        pairs = zip(getattr(found, traces), getattr(expected, traces), strict=True)
        assert all(a.dtype == b.dtype and np.array_equal(a, b) for a, b in pairs)
    assert np.array_equal(found.scores, expected.scores)
    assert np.array_equal(found.synops, expected.synops)
    assert found.names == expected.names


def test_targets_say_who_they_are_and_how_they_ran(
    candidate: Target, rng: np.random.Generator, random_network: RandomNetwork
) -> None:
    net, inputs = random_network(rng, max_neurons=5)
    recording = candidate.run(replace(net, chip=candidate.chip or net.chip), inputs)
    assert recording.target == candidate.name
    assert recording.provenance in ("simulated", "emulated", "hardware")
    assert recording.seconds > 0
    assert recording.u == recording.v == ()


def test_targets_refuse_what_does_not_fit_the_network(
    candidate: Target, rng: np.random.Generator, random_network: RandomNetwork
) -> None:
    net, inputs = random_network(rng)
    net = replace(net, chip=candidate.chip or net.chip)
    wide = from_dense(np.zeros((2, 1, net.n_inputs + 1), bool))
    with pytest.raises(ValidationError, match=f"the network takes {net.n_inputs}"):
        candidate.run(net, wide)
    with pytest.raises(ValidationError, match="probe 'w' is unknown; known: u, v"):
        candidate.run(net, inputs, probes=("w",))
