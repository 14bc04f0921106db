"""What a run must touch at least, counted by hand, and where its time goes."""

import numpy as np
import pytest

from hetlava.events import from_dense
from hetlava.neurons.cuba import CubaRegisters
from hetlava.quantised import QuantisedNetwork, QuantisedPopulation, QuantisedProjection
from hetlava.sim import engine
from hetlava.sim.limit import STATE_BYTES, bandwidth, row_bytes, traffic
from hetlava.sim.profiling import profile


def population(name, n):
    words = {"du": 4095, "dv": 100, "vth": 3, "bias_mant": 0, "bias_exp": 0}
    full = {word: np.full(n, value, np.int32) for word, value in words.items()}
    return QuantisedPopulation(name=name, registers=CubaRegisters(**full))


@pytest.fixture
def chain():
    """3 inputs, 4 neurons that each input reaches, 2 neurons with a loop."""

    def wire(source, target, weights):
        return QuantisedProjection(
            source=source, target=target, weights=np.array(weights, np.int16)
        )

    return QuantisedNetwork(
        chip="loihi2",
        dt=1e-3,
        n_inputs=3,
        n_steps=5,
        populations=(population("a", 4), population("b", 2)),
        projections=(
            wire("input", "a", [[2, 2, 0], [2, 2, 0], [2, 2, 0], [2, 2, 4]]),
            wire("a", "b", np.full((2, 4), 2)),
            wire("b", "b", np.full((2, 2), -2)),
        ),
        output="b",
    )


def test_a_row_is_a_byte_a_neuron_or_a_list_of_its_weights(chain):
    assert row_bytes(chain.projections[0]).tolist() == [4, 4, 3]


def test_a_kernel_touches_the_weights_that_a_spike_meets(rng, random_convolution):
    kernel = random_convolution(rng)
    assert np.array_equal(row_bytes(kernel), kernel.fan_out())


def test_traffic_counts_rows_of_spikes_and_states(chain):
    dense = np.zeros((5, 2, 3), bool)
    dense[0, :, 0] = dense[1, 0, 2] = True
    inputs = from_dense(dense)
    run = engine.run(chain, inputs)
    found = traffic(chain, inputs, dict(zip(run.names, run.spikes, strict=True)))
    a, b = (run.of(name).n_events for name in "ab")
    assert found["a"][:3] == (3, 4 + 4 + 3, 5 * 2 * 4 * STATE_BYTES)
    assert found["b"][:3] == (a + b, 2 * a + 2 * b, 5 * 2 * 2 * STATE_BYTES)
    assert a > 0


def test_bandwidth_is_that_of_a_computer():
    assert 1e7 < bandwidth(1 << 20) < 1e13  # [byte/s]


def test_a_profile_has_every_layer_with_its_spikes(chain):
    inputs = from_dense(np.ones((5, 3, 3), bool))
    layers = profile(chain, inputs)
    run = engine.run(chain, inputs)
    assert [layer.names for layer in layers] == [("a",), ("b",)]
    assert [layer.events_out for layer in layers] == [run.of(n).n_events for n in "ab"]
    assert all(layer.seconds >= 0 and layer.limit_seconds > 0 for layer in layers)


def test_a_profile_ends_in_a_readout_of_voltages(random_network):
    for seed in range(20):
        net, inputs = random_network(np.random.default_rng(seed))
        if net.readout != "spike-count":
            names = [name for layer in profile(net, inputs) for name in layer.names]
            assert sorted(names) == sorted(p.name for p in net.populations)
            return
    pytest.fail("no readout was drawn")
