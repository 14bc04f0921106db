"""What a target adds to the call behind it."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from hetlava.chips import LOIHI1, LOIHI2
from hetlava.errors import RuleError, UnsupportedError, ValidationError
from hetlava.events import Events
from hetlava.hardware.interface import Target
from hetlava.hardware.placement import place
from hetlava.hardware.targets import target
from hetlava.network import Network
from hetlava.quantisation import dequantise, quantise
from hetlava.quantised import QuantisedNetwork
from hetlava.recording import Recording
from hetlava.rules import violations
from hetlava.sim import reference

RandomNetwork = Callable[..., tuple[QuantisedNetwork, Events]]


def plain(net: QuantisedNetwork, inputs: Events, *, rng, probes, threads) -> Recording:
    return reference.run(net, inputs, probes=probes)


def jittery(net: QuantisedNetwork, inputs: Events, *, rng, probes, threads) -> Recording:
    """Move the scores by noise, which is all that differs from run to run."""
    recording = reference.run(net, inputs, probes=probes)
    return replace(recording, scores=recording.scores + rng.normal(size=recording.scores.shape))


THING = Target(name="thing", description="a thing", runner=plain)
NOISY = Target(name="noisy", description="a thing", runner=jittery, noisy=True)


@pytest.fixture
def case(rng: np.random.Generator, random_network: RandomNetwork) -> tuple:
    return random_network(rng, readout=False)


@pytest.fixture
def floats(case: tuple) -> Network:
    scaled = [replace(p, scale=2.0**14) for p in case[0].populations]
    return dequantise(replace(case[0], populations=tuple(scaled)))


def test_a_recording_bears_the_name_of_its_target(case: tuple) -> None:
    assert THING.run(*case).target == "thing"


def test_a_network_rounded_for_another_chip_is_refused(case: tuple) -> None:
    thing = replace(THING, spec=LOIHI1)
    text = "was rounded for loihi2, not loihi1; quantise it for loihi1"
    with pytest.raises(UnsupportedError, match=f"thing: the network {text}"):
        thing.run(*case)
    with pytest.raises(UnsupportedError, match=text):
        thing.place(case[0])
    (found,) = thing.check(case[0])
    assert text in str(found)


def test_integers_and_floats_are_told_apart(case: tuple, floats: Network) -> None:
    net, inputs = case
    with pytest.raises(UnsupportedError, match="is a float one, it takes integers; quantise it"):
        THING.run(floats, inputs)
    with pytest.raises(UnsupportedError, match="float: the network is an integer one"):
        target("float").run(net, inputs)
    assert "it takes floats" in str(target("float").check(net)[0])
    assert target("float").check(floats) == ()


def test_a_target_says_what_is_missing() -> None:
    assert replace(THING, missing=lambda: "no chip here").unavailable() == "no chip here"
    assert THING.unavailable() is None


def test_trials_differ_by_the_seed_alone(case: tuple) -> None:
    net, inputs = case
    twice = NOISY.run(net, inputs, seed=3, trials=2)
    first, second = np.split(twice.scores, 2)
    assert twice.scores.shape[0] == 2 * inputs.n_samples == twice.spikes[0].n_samples
    assert not np.array_equal(first, second)
    assert np.array_equal(NOISY.run(net, inputs, seed=3, trials=2).scores, twice.scores)
    assert np.array_equal(NOISY.run(net, inputs, seed=3).scores, first)
    assert not np.array_equal(NOISY.run(net, inputs, seed=4).scores, first)


def test_trials_of_a_target_without_noise_are_refused(case: tuple) -> None:
    with pytest.raises(UnsupportedError, match="every run gives the same, so 2 trials are 2 copie"):
        THING.run(*case, trials=2)


@pytest.mark.parametrize(
    ("options", "text"),
    [({"trials": 0}, "trials is 0, expected at least 1"), ({"seed": -1}, "seed is -1")],
)
def test_impossible_options_are_refused(case: tuple, options: dict, text: str) -> None:
    with pytest.raises(ValidationError, match=text):
        NOISY.run(*case, **options)


def test_a_digital_target_checks_rounds_and_places_by_its_limits(
    case: tuple, floats: Network
) -> None:
    sim = target("loihi2-sim")
    assert sim.quantise(floats) == quantise(floats, LOIHI2)
    assert sim.place(case[0]) == place(case[0], LOIHI2)
    first, *others = case[0].populations
    silent = replace(first, registers=replace(first.registers, vth=0 * first.registers.vth))
    broken = replace(case[0], populations=(silent, *others))
    assert [v.where for v in sim.check(broken)] == ["p0.vth"]
    assert sim.check(case[0]) == ()


def test_a_target_of_any_chip_judges_by_the_networks(case: tuple, floats: Network) -> None:
    assert THING.place(case[0]) == place(case[0], LOIHI2)
    assert len(THING.check(case[0])) == len(violations(case[0], LOIHI2))
    with pytest.raises(UnsupportedError, match="takes any chip; say which to round for"):
        THING.quantise(floats)


def test_a_target_of_floats_rounds_nothing_and_has_no_cores(floats: Network) -> None:
    assert target("float").quantise(floats) is floats
    with pytest.raises(UnsupportedError, match="float: has no cores"):
        target("float").place(floats)


def test_a_target_may_bring_its_own_rules(case: tuple, floats: Network) -> None:
    found = THING.check(case[0])
    own = replace(THING, checker=lambda net: found, quantiser=lambda net: net, placer=lambda net: 7)
    assert own.check(case[0]) == found
    assert own.quantise(floats) is floats
    assert own.place(case[0]) == 7


def test_what_does_not_fit_is_not_quantised(floats: Network) -> None:
    leaking = replace(
        floats.populations[0].neurons, v_leak=floats.populations[0].neurons.v_leak + 1e6
    )
    moved = replace(
        floats,
        populations=(replace(floats.populations[0], neurons=leaking), *floats.populations[1:]),
    )
    with pytest.raises(RuleError, match="bias_mant"):
        target("loihi2-sim").quantise(moved)
