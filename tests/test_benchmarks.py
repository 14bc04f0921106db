"""The benchmarks' tools: what they draw, fit and write; no time is asserted."""

import sys
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).resolve().parents[1] / "benchmarks"


@pytest.fixture
def benchmarks(monkeypatch):
    """The folder's scripts import each other by their plain names."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(FOLDER))
    yield FOLDER
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", None) and "benchmarks" in str(
            sys.modules[name].__file__
        ):
            del sys.modules[name]


@pytest.mark.parametrize("rate", [0.01, 0.3])
def test_random_spikes_have_the_rate_and_are_new_each_time(benchmarks, rng, rate):
    from measuring import random_events

    first, second = (random_events(rng, 50, 4, 300, rate) for _ in range(2))
    assert first != second
    assert first.n_events / (50 * 4 * 300) == pytest.approx(rate, rel=0.05)


def test_an_exponent_is_that_of_a_power(benchmarks):
    from measuring import exponent

    x = np.array([1.0, 10.0, 50.0])
    assert exponent(x, 3 * x**1.5) == pytest.approx(1.5)  # to rounding


def test_thresholds_are_set_for_the_rate(benchmarks, rng):
    import networks
    from inference import Case, rates

    net = networks.chain(rng, (200, 100, 40), 60, 0.05)
    found = rates(net, Case("", None, 0.05), rng)
    assert all(networks.RATE / 3 < rate < 3 * networks.RATE for rate in found.values())


def test_a_round_times_every_system_on_samples_of_its_own(benchmarks):
    from measuring import System, in_turn

    seen = []
    drawn = iter(range(100))
    systems = [System(name, seen.append, batch=batch) for name, batch in (("a", 1), ("b", 8))]
    times = in_turn(systems, lambda batch: (next(drawn), batch), rounds=2)
    assert seen == [(0, 1), (1, 8), (2, 1), (3, 8), (4, 1), (5, 8)]
    assert set(times) == {0, 1} and all(t.median > 0 for t in times.values())


@pytest.mark.slow
@pytest.mark.lava
@pytest.mark.parametrize("kind", ["chain", "convolutional", "recurrent"])
def test_every_peer_that_is_installed_runs_every_kind_of_network(benchmarks, rng, kind):
    import networks
    import peers
    from measuring import random_events

    build = {"chain": lambda r: networks.chain(r, (60, 40, 10), 20, 0.05)}
    net = build.get(kind, getattr(networks, kind))(rng)
    systems, _ = peers.torch_systems(net, rng, (2,), (1,))
    for system in systems:
        system.call(system.read(random_events(rng, 5, 2, net.n_inputs, 0.05)))
    with peers.lava_cpu(net, random_events(rng, 3, 1, net.n_inputs, 0.05)) as lava:
        lava.call(None)
    assert len(systems) >= 1
