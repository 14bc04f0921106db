"""Resets of a whole network: what netx does when it is told an interval."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hetlava.errors import ValidationError
from hetlava.events import Events, from_dense
from hetlava.export.net_hdf5 import netx_differences, write
from hetlava.neurons.registers import NeuronRegisters
from hetlava.quantised import QuantisedNetwork
from hetlava.resets import depths, with_resets
from hetlava.sim import reference

RandomNetwork = Callable[..., tuple[QuantisedNetwork, Events]]


@pytest.fixture
def chain(rng: np.random.Generator, random_network: RandomNetwork) -> QuantisedNetwork:
    """Three populations in a row that netx can hold, with slow neurons."""
    while True:
        net, _ = random_network(rng, loops=False, readout=False, max_neurons=8)
        n = len(net.populations)
        net = replace(
            net,
            projections=tuple(replace(q, weight_exp=0) for q in net.projections[:n]),
            populations=tuple(
                replace(p, registers=lively(p.registers, rng)) for p in net.populations
            ),
        )
        spikes = from_dense(np.ones((20, 1, net.n_inputs), bool))
        alive = all(events.n_events > 9 for events in reference.run(net, spikes).spikes)
        if n == 3 and alive and not netx_differences(net):
            return net


def lively(registers: NeuronRegisters, rng: np.random.Generator) -> NeuronRegisters:
    """Return neurons without biases whose thresholds a few spikes reach."""
    n = registers.n
    words = {"vth": rng.integers(20, 200, n), "bias_mant": np.zeros(n), "bias_exp": np.full(n, 6)}
    return replace(registers, **{name: word.astype(np.int32) for name, word in words.items()})


def test_a_reset_goes_through_the_network_with_the_spikes(chain: QuantisedNetwork) -> None:
    net = with_resets(chain, 7, 3)
    assert [(p.reset_interval, p.reset_offset) for p in net.populations] == [(7, 4), (7, 5), (7, 6)]
    assert depths(chain.projections) == {"input": 0, "p0": 1, "p1": 2, "p2": 3}
    first = next(t for t in range(20) if net.populations[0].resets_before(t))
    assert net.populations[1].resets_before(first + 1)


def test_loops_and_skips_are_reset_by_the_shortest_way(
    rng: np.random.Generator, random_network: RandomNetwork
) -> None:
    for _ in range(20):
        net, _ = random_network(rng)
        depth = depths(net.projections)
        for q in net.projections:
            assert depth[q.target] <= depth[q.source] + 1
        assert set(depth) == {"input", *(p.name for p in net.populations)}


def test_a_network_that_is_reset_begins_again(
    chain: QuantisedNetwork, rng: np.random.Generator
) -> None:
    x = np.tile(rng.random((12, 1, chain.n_inputs)) < 0.4, (3, 1, 1))
    net = replace(
        chain, populations=chain.populations[:1], projections=chain.projections[:1], output="p0"
    )
    spikes = reference.run(with_resets(net, 12, 1), from_dense(x)).spikes[0].to_dense()
    assert spikes.any()
    # the first input of each turn arrives a step after it was sent, that of the first at step 1
    assert np.array_equal(spikes[13:24], spikes[25:36])


def test_an_interval_of_no_steps_is_refused(chain: QuantisedNetwork) -> None:
    for interval, offset in ((0, 0), (-1, 0), (3, -1)):
        with pytest.raises(ValidationError, match="expected at least 1 and 0"):
            with_resets(chain, interval, offset)
    with pytest.raises(ValidationError, match="reset offset 3 without an interval"):
        with_resets(chain, None, 3)
    assert with_resets(chain, None) == chain


@pytest.mark.lava
@pytest.mark.parametrize(("interval", "offset"), [(9, 0), (5, 3)])
def test_netx_resets_the_same_steps(
    interval: int,
    offset: int,
    chain: QuantisedNetwork,
    rng: np.random.Generator,
    tmp_path: Path,
    run_netx: Callable[..., list[np.ndarray]],
) -> None:
    path = tmp_path / "a.net"
    write(path, chain)
    x = rng.random((40, 1, chain.n_inputs)) < 0.4
    expected = reference.run(with_resets(chain, interval, offset), from_dense(x))
    plain = reference.run(chain, from_dense(x))
    assert expected.spikes != plain.spikes
    found = run_netx(path, x[:, 0], reset_interval=interval, reset_offset=offset)
    for a, events in zip(found, expected.spikes, strict=True):
        assert np.array_equal(a, events.to_dense()[:, 0])
