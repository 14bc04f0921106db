"""Networks that more than one comparison with Lava runs."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from hetlava.events import Events
from hetlava.neurons.cuba import CubaRegisters
from hetlava.quantised import QuantisedNetwork, QuantisedPopulation
from hetlava.recording import Recording
from hetlava.sim import engine, reference
from hetlava.synapses import QuantisedSynapses


@pytest.fixture(scope="session")
def wired() -> Callable[..., QuantisedNetwork]:
    """``wired(rng, projections)`` gives their targets CUBA neurons and runs for 20 steps."""
    return wire


def wire(rng: np.random.Generator, projections: Sequence[QuantisedSynapses]) -> QuantisedNetwork:
    words = {"du": (400, 3000), "dv": (50, 1000), "vth": (5, 60), "bias_mant": (-5, 20)}
    return QuantisedNetwork(
        chip="loihi2",
        dt=1e-3,
        n_inputs=projections[0].shape[1],
        n_steps=20,
        populations=tuple(
            QuantisedPopulation(
                name=name,
                registers=CubaRegisters(
                    **{w: rng.integers(*ends, n).astype(np.int32) for w, ends in words.items()},
                    bias_exp=np.full(n, 3, np.int32),
                ),
            )
            for name, n in {q.target: q.shape[0] for q in projections}.items()
        ),
        projections=tuple(projections),
        output=projections[-1].target,
    )


@pytest.fixture(scope="session")
def assert_lava_agrees() -> Callable[..., Recording]:
    """``assert_lava_agrees(net, inputs, lif)`` gives the reference's recording."""
    return compare


def compare(net: QuantisedNetwork, inputs: Events, lif: str = "stock") -> Recording:
    from hetlava.export import lava_graph

    expected = reference.run(net, inputs, probes=("u", "v"))
    for found in (
        lava_graph.run(net, inputs, probes=("u", "v"), lif=lif),  # type: ignore[arg-type]
        engine.run(net, inputs, probes=("u", "v"), threads=1),
    ):
        for a, b in zip(found.u + found.v, expected.u + expected.v, strict=True):
            assert np.array_equal(a, b), found.target
        assert found.spikes == expected.spikes
        assert np.array_equal(found.synops, expected.synops)
    return expected
