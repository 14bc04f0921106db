"""Convolutions stored once for all places of a kernel, counted again from scratch."""

from dataclasses import replace

import numpy as np
import pytest

from hetlava.chips import LOIHI1
from hetlava.convolution import QuantisedConvolution
from hetlava.hardware.demand import kernels_of, limits_of, network_demand
from hetlava.hardware.kernel_packing import SLOTS, kernel_bits, pack_kernels, used
from hetlava.hardware.placement import place
from hetlava.hardware.synapse_memory import axon_bits
from hetlava.neurons.cuba import CubaRegisters
from hetlava.quantised import QuantisedNetwork, QuantisedPopulation, QuantisedProjection


def population(name: str, n: int) -> QuantisedPopulation:
    word = np.full(n, 300, np.int32)
    zero = np.zeros(n, np.int32)
    registers = CubaRegisters(du=word, dv=word, vth=word, bias_mant=zero, bias_exp=zero)
    return QuantisedPopulation(name=name, registers=registers)


def image_network(rng: np.random.Generator, size: int = 12, channels: int = 4) -> QuantisedNetwork:
    """Input image, a convolution of it, and a readout of its first neurons."""
    kernel = 2 * rng.integers(1, 100, (channels, 1, 3, 3))
    convolution = QuantisedConvolution(
        source="input",
        target="image",
        weights=kernel.astype(np.int16),
        input_shape=(1, size, size),
        padding=((1, 1), (1, 1)),
    )
    n = convolution.shape[0]
    weights = np.zeros((3, n), np.int16)
    weights[:, :40] = 2
    dense = QuantisedProjection(source="image", target="out", weights=weights)
    return QuantisedNetwork(
        chip="loihi1",
        dt=1e-3,
        n_inputs=size * size,
        n_steps=4,
        populations=(population("image", n), population("out", 3)),
        projections=(convolution, dense),
        output="out",
    )


def lists(net: QuantisedNetwork, start: int, stop: int) -> set[tuple[tuple[int, int], ...]]:
    """The distinct lists of (index above its base, weight), one source after another."""
    q = net.projections[0]
    weights = q.matrix()[start:stop]
    found = set()
    for column in weights.T:
        at = np.flatnonzero(column)
        if at.size:
            base = min(int(at[0]), 255)
            found.add(tuple((int(i) - base, int(column[i])) for i in at))
    return found


@pytest.mark.parametrize(("start", "stop"), [(0, 144), (0, 576), (13, 300), (200, 201), (140, 470)])
def test_memory_is_that_of_the_distinct_lists(rng, start, stop):
    net = image_network(rng)
    (kernel,) = kernels_of(net, "image", LOIHI1, limits_of(LOIHI1))
    bits = axon_bits(LOIHI1, 8 + 10, 1024)
    expected = sum(int(bits[len(entries)]) for entries in lists(net, start, stop))
    assert kernel_bits(kernel, start, stop) == expected


def test_stretches_fit_and_would_not_with_one_neuron_more(rng):
    net = image_network(rng)
    limits = limits_of(LOIHI1)._replace(memory=6000, neurons=200)
    demand = network_demand(net, ("image",), LOIHI1, limits)
    kernels = kernels_of(net, "image", LOIHI1, limits)
    packing = pack_kernels(demand, kernels, limits)
    assert np.all(packing.usage <= limits.values()) and np.all(np.diff(packing.core) >= 0)
    assert set(packing.closed_by[:-1].tolist()) <= {0, 3} and packing.closed_by[-1] == -1
    edges = [0, *np.flatnonzero(np.diff(packing.core)) + 1, demand.n]
    for k, (start, stop) in enumerate(zip(edges[:-1], edges[1:], strict=True)):
        assert np.array_equal(packing.usage[k], used(demand, kernels, start, stop))
        if stop < demand.n:
            assert np.any(used(demand, kernels, start, stop + 1) > limits.values())


def test_kernels_stored_once_take_fewer_cores(rng):
    net = image_network(rng)
    chip = replace(LOIHI1, synapse_memory=20_000, neurons_per_core=600)
    placement = place(net, chip)
    image, _ = placement.populations
    assert image.order == "index, kernels stored once"
    # 576 neurons of 9 synapses each, one by one: 5184 of at least 18 bits
    assert image.n_cores < 5184 * 18 / chip.synapse_memory
    assert placement.lower_bound <= placement.n_cores
    assert np.all(placement.usage <= placement.limits)


def test_sources_of_kernels_need_two_output_axons_a_core(rng):
    net = image_network(rng, 8, 2)
    first, second = net.projections
    again = QuantisedConvolution(
        source="image",
        target="further",
        weights=(2 * rng.integers(1, 100, (2, 2, 3, 3))).astype(np.int16),
        input_shape=(2, 8, 8),
        padding=((1, 1), (1, 1)),
    )
    net = replace(
        net,
        populations=(*net.populations, population("further", again.shape[0])),
        projections=(first, second, again),
    )
    chip = replace(LOIHI1, synapse_memory=12_000, neurons_per_core=200)
    placement = place(net, chip)
    homes = {p.name: p.core for p in placement.populations}
    assert {p.order for p in placement.populations} >= {"index, kernels stored once"}
    expected = np.zeros(placement.n_cores, np.int64)
    for q, slots in ((second, 1), (again, SLOTS)):
        weights = q.matrix()
        for i in range(weights.shape[1]):
            reached = np.unique(homes[q.target][weights[:, i] != 0]).size
            expected[homes["image"][i]] += slots * reached
    assert np.array_equal(placement.usage[:, 5], expected)


def test_kernels_that_do_not_help_leave_populations_together(rng):
    placement = place(image_network(rng, 6, 2), LOIHI1)
    assert placement.n_cores == 1 and "kernels" not in placement.populations[0].order
