"""Thresholds folded into weights: the same spikes from fewer thresholds."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hetlava.chips import LOIHI1
from hetlava.events import from_dense
from hetlava.float_synapses import Convolution
from hetlava.network import Network, Population, Projection
from hetlava.neurons.cuba import CubaLIF
from hetlava.quantisation import quantise
from hetlava.sim import floating
from hetlava.synapse_forms import as_lists
from hetlava.threshold_folding import fold_thresholds

N, N_IN, STEPS = 12, 8, 60


def network(rng: np.random.Generator, threshold: np.ndarray, grid: float, step: int) -> Network:
    """Two populations in a loop; weights are multiples of ``step`` grid steps, or off any grid."""

    def weights(shape: tuple[int, int]) -> np.ndarray:
        if not grid:
            return rng.normal(0.1, 0.3, shape)
        return grid * step * rng.integers(-8, 12, shape)

    def lif(vth: np.ndarray) -> CubaLIF:
        return CubaLIF(
            tau_mem=rng.uniform(0.005, 0.05, vth.size),
            tau_syn=rng.uniform(0.002, 0.01, vth.size),
            v_leak=rng.uniform(-0.1, 0.1, vth.size),
            v_threshold=vth,
            v_reset=np.zeros(vth.size),
        )

    wires = [("input", "a", (N, N_IN)), ("a", "a", (N, N)), ("a", "b", (3, N))]
    return Network(
        dt=1e-3,
        n_inputs=N_IN,
        n_steps=STEPS,
        populations=(
            Population(name="a", neurons=lif(threshold)),
            Population(name="b", neurons=lif(np.ones(3))),
        ),
        projections=tuple(
            Projection(source=s, target=t, weights=weights(shape), grid=grid)
            for s, t, shape in wires
        ),
        output="b",
    )


def same_spikes(one: Network, other: Network, rng: np.random.Generator) -> bool:
    spikes = from_dense(rng.random((STEPS, 3, N_IN)) < 0.3)
    a, b = floating.run(one, spikes), floating.run(other, spikes)
    assert a.spikes[0].n_events
    return all(x == y for x, y in zip(a.spikes, b.spikes, strict=True))


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=20)
def test_powers_of_two_fold_to_the_same_spikes_bit_for_bit(seed):
    rng = np.random.default_rng(seed)
    net = network(rng, 2.0 ** rng.integers(-1, 3, N), 0.0, 1)
    folded, told = fold_thresholds(net)
    assert np.unique(folded.population("a").neurons.v_threshold).size == 1
    assert same_spikes(net, folded, rng)
    assert "b" not in told and folded.population("b") == net.population("b")


def test_any_ratio_folds_to_the_same_spikes(rng):
    net = network(rng, rng.uniform(0.5, 2.0, N), 0.0, 1)
    folded, told = fold_thresholds(net)
    assert told == {"a": (N - 1, 1)}
    # of random weights no voltage comes within 1e-15 of its threshold
    assert same_spikes(net, folded, rng)


def test_on_a_grid_only_what_stays_on_it_is_folded(rng):
    grid = 1 / 32
    # thirds of odd steps leave the grid; halves and doubles of even ones do not
    threshold = np.where(np.arange(N) % 3 == 0, 3.0, np.where(np.arange(N) % 3 == 1, 1.0, 2.0))
    net = network(rng, threshold, grid, 2)
    folded, told = fold_thresholds(net)
    neurons = folded.population("a").neurons
    moved = neurons.v_threshold != threshold
    assert told["a"] == (int(moved.sum()), np.unique(neurons.v_threshold).size)
    assert 0 < moved.sum() < N and same_spikes(net, folded, rng)
    for q in folded.projections:
        steps = q.weights / grid
        assert np.array_equal(steps, np.rint(steps))
        assert steps.min() >= -128 and steps.max() <= 127


def test_the_chip_keeps_the_weights_of_what_was_folded_on_a_grid(rng):
    grid = 1 / 32
    net = network(rng, np.where(np.arange(N) % 2, 1.0, 2.0), grid, 2)
    folded, _ = fold_thresholds(net)
    quantised = quantise(folded, replace(LOIHI1, vth_profiles=1))
    for q, exact in zip(quantised.projections, folded.projections, strict=True):
        assert np.array_equal(q.weights * 2.0**q.weight_exp, exact.weights / grid * 2)
    assert np.unique(quantised.population("a").registers.vth).size == 1


def test_weights_that_would_leave_the_range_of_the_grid_stay(rng):
    grid = 1 / 32
    net = network(rng, np.array([1.0, 64.0] + [64.0] * (N - 2)), grid, 1)
    weights = net.projections[0].weights.copy()
    weights[0] = grid * 10  # 640 steps at 64 times the threshold
    projections = (replace(net.projections[0], weights=weights), *net.projections[1:])
    folded, told = fold_thresholds(replace(net, projections=projections))
    assert folded.population("a").neurons.v_threshold[0] == 1.0
    assert told["a"] == (0, 2)


def with_kernels(net: Network, rng: np.random.Generator) -> Network:
    """Let a kernel of three channels, with a grid's weights, and lists lead to ``a``."""
    kernel = Convolution(
        source="input",
        target="a",
        weights=rng.integers(-4, 9, (3, 1, 1, 2)) / 8,
        input_shape=(1, 2, 4),
        stride=(1, 2),
    )
    return replace(net, projections=(kernel, *map(as_lists, net.projections[1:])))


def test_kernels_are_folded_where_the_neurons_that_share_them_agree(rng):
    """Powers of two and eighths: no sum is rounded, and traces are the same."""
    by_channel = np.repeat([1.0, 4.0, 2.0], 4)
    net = with_kernels(network(rng, by_channel, 1 / 8, 1), rng)
    folded, told = fold_thresholds(net)
    assert told == {"a": (8, 1)} and same_spikes(net, folded, rng)
    mixed = by_channel.copy()
    mixed[5] = 2.0  # of the second channel, whose kernel cannot serve two ratios
    net = with_kernels(network(rng, mixed, 0.0, 1), rng)
    folded, told = fold_thresholds(net)
    assert folded.population("a").neurons.v_threshold[4:8].tolist() == [4.0, 2.0, 4.0, 4.0]
    assert told == {"a": (4, 3)} and same_spikes(net, folded, rng)


@pytest.mark.parametrize("grid", [0.0, 1 / 32])
def test_networks_of_one_threshold_stay_as_they_are(rng, grid):
    net = network(rng, np.ones(N), grid, 1)
    folded, told = fold_thresholds(net)
    assert folded == net and told == {}
