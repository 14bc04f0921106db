"""Rounding a float network to registers, and back."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hetlava.chips import LOIHI1, LOIHI2
from hetlava.convolution import QuantisedConvolution
from hetlava.errors import RuleError, UnsupportedError, ValidationError
from hetlava.fixedpoint import decay_tau, decay_word
from hetlava.float_synapses import Convolution, Sparse
from hetlava.network import Network, Population, Projection, with_matrices
from hetlava.neurons.cuba import CubaLI, CubaLIF, CubaRegisters
from hetlava.quantisation import dequantise, quantise
from hetlava.quantised import QuantisedNetwork, QuantisedPopulation, QuantisedProjection
from hetlava.scaling import Precision
from hetlava.sparse_synapses import QuantisedSparse, from_matrix
from hetlava.synapse_forms import of_registers, sparse


def lif(n: int, rng: np.random.Generator, tau: float = 0.02) -> CubaLIF:
    return CubaLIF(
        tau_mem=np.clip(rng.gamma(3, tau / 3, n), 2e-3, 0.2),
        tau_syn=np.clip(rng.gamma(3, tau / 6, n), 1e-3, 0.1),
        v_leak=rng.normal(0, 0.1, n),
        v_threshold=rng.uniform(0.5, 2.0, n),
        v_reset=np.zeros(n),
    )


def network(rng: np.random.Generator, *, scale: float = 0.3, grid: float = 0.0) -> Network:
    def weights(n_post: int, n_pre: int) -> np.ndarray:
        w = rng.normal(0, scale, (n_post, n_pre))
        return np.clip(np.rint(w / grid), -128, 127) * grid if grid else w

    def wire(source: str, target: str, shape: tuple[int, int]) -> Projection:
        return Projection(source=source, target=target, weights=weights(*shape), grid=grid)

    return Network(
        dt=1e-3,
        n_inputs=12,
        n_steps=40,
        populations=(
            Population(name="hidden", neurons=lif(20, rng)),
            Population(name="out", neurons=lif(5, rng)),
        ),
        projections=(
            wire("input", "hidden", (20, 12)),
            wire("hidden", "out", (5, 20)),
            wire("hidden", "hidden", (20, 20)),
        ),
        output="out",
    )


def with_neurons(net: Network, **changes: object) -> Network:
    first = net.populations[0]
    changed = replace(first, neurons=replace(first.neurons, **changes))
    return replace(net, populations=(changed, *net.populations[1:]))


def test_taus_are_within_half_a_decay_word(rng):
    net = network(rng)
    quantised = quantise(net, LOIHI2)
    for p, q in zip(net.populations, quantised.populations, strict=True):
        d = 4096 * -np.expm1(-net.dt / p.neurons.tau_mem)
        assert np.all(np.abs(q.registers.dv - d) <= 0.5)
        d = 4096 * -np.expm1(-net.dt / p.neurons.tau_syn)
        assert np.all(np.abs(q.registers.du + 1 - d) <= 0.5)


@given(seed=st.integers(0, 2**32 - 1), bits=st.integers(2, 8), scale=st.floats(1e-3, 2.0))
@settings(max_examples=30, deadline=None)
def test_weights_are_within_half_a_step_of_their_grid(seed, bits, scale):
    net = network(np.random.default_rng(seed), scale=scale)
    quantised = quantise(net, LOIHI2, Precision(weight_bits=bits))
    scales = {p.name: p.scale for p in quantised.populations}
    for p, q in zip(net.projections, quantised.projections, strict=True):
        exact = p.weights * scales[q.target] / 64 / 2.0**q.weight_exp
        assert np.max(np.abs(q.weights - exact)) <= 2 ** (8 - bits) * (1 + 1e-9)
        assert np.all(q.weights % 2 ** (9 - bits) == 0)


def test_the_largest_weight_takes_the_full_range(rng):
    quantised = quantise(network(rng), LOIHI2)
    widest = [np.max(np.abs(q.weights)) for q in quantised.projections if q.target == "out"]
    assert widest == [254]


def test_projections_into_a_loop_share_one_exponent(rng):
    quantised = quantise(network(rng), LOIHI2)
    assert len({q.weight_exp for q in quantised.projections if q.target == "hidden"}) == 1


def test_a_grid_of_training_is_kept_exactly(rng):
    net = network(rng, grid=2 / 64)
    quantised = quantise(net, LOIHI2)
    assert {p.scale for p in quantised.populations} == {4096.0}
    for p, q in zip(net.projections, quantised.projections, strict=True):
        assert np.array_equal(q.weights * 2.0**q.weight_exp, p.weights * 64)


def test_kernels_and_lists_are_dequantised_as_such_with_their_delays(rng, random_convolution):
    q = random_convolution(rng)
    n_post, n_pre = q.shape
    registers = CubaRegisters(
        du=np.full(n_post, 400, np.int32),
        dv=np.full(n_post, 300, np.int32),
        vth=np.full(n_post, 90, np.int32),
        bias_mant=np.zeros(n_post, np.int32),
        bias_exp=np.zeros(n_post, np.int32),
    )
    population = QuantisedPopulation(name="p0", registers=registers, scale=64.0)
    loop = QuantisedProjection(
        source="p0", target="p0", weights=2 * rng.integers(-9, 9, (n_post, n_post), np.int16)
    )
    listed = from_matrix(loop)
    halved = replace(listed, weights=(listed.weights // 2).astype(np.int8), halved=True)
    net = QuantisedNetwork(
        chip="loihi2",
        dt=1e-3,
        n_inputs=n_pre,
        n_steps=5,
        populations=(population,),
        projections=(q, halved),
        output="p0",
    )
    kernel, lists = dequantise(net).projections
    assert isinstance(kernel, Convolution) and isinstance(lists, Sparse)
    assert np.array_equal(kernel.weights, q.weights * 2.0**q.weight_exp)
    assert np.array_equal(kernel.matrix(), q.matrix() * 2.0**q.weight_exp)
    assert np.array_equal(lists.matrix(), loop.weights)
    late = replace(q, delays=np.ones(n_pre, np.int16))
    (found,) = dequantise(replace(net, projections=(late,))).projections
    assert np.array_equal(found.delays, late.delays) and found.synaptic_delays is None
    of_synapses = np.resize(np.arange(63, dtype=np.int8), q.weights.shape)
    late = replace(q, synaptic_delays=of_synapses, weight_exp=-1)
    (found,) = dequantise(replace(net, projections=(late,))).projections
    assert found.longest_delay == late.longest_delay


@given(seed=st.integers(0, 2**32 - 1), grid=st.sampled_from([0.0, 2 / 64]))
def test_kernels_and_lists_are_rounded_as_their_matrices(random_convolution, seed, grid):
    rng = np.random.default_rng(seed)
    # without padding every weight of the kernel is one of the matrix, so that ranges are the same
    q = random_convolution(rng)
    try:
        q = replace(q, padding=((0, 0), (0, 0)))
    except ValidationError:  # larger than its image without it
        assume(False)
    weights = rng.normal(0, 0.3, q.weights.shape)
    weights = np.clip(np.rint(weights / grid), -128, 127) * grid if grid else weights
    kernel = replace(of_registers(q, weights), grid=grid)
    n, there = q.shape[0], np.nonzero(rng.random((3, q.shape[0])) < 0.6)
    weights = rng.normal(0, 0.3, there[0].size)
    weights = np.clip(np.rint(weights / grid), -128, 127) * grid if grid else weights
    lists = sparse(
        source="p0",
        target="out",
        shape=(3, n),
        post=there[0],
        pre=there[1],
        weights=weights,
        grid=grid,
    )
    net = Network(
        dt=1e-3,
        n_inputs=q.shape[1],
        n_steps=5,
        populations=(
            Population(name="p0", neurons=lif(n, rng)),
            Population(name="out", neurons=lif(3, rng)),
        ),
        projections=(kernel, lists),
        output="out",
    )
    found, expected = quantise(net, LOIHI2), quantise(with_matrices(net), LOIHI2)
    assert isinstance(found.projections[0], QuantisedConvolution)
    assert isinstance(found.projections[1], QuantisedSparse)
    assert found.populations == expected.populations
    for a, b in zip(found.projections, expected.projections, strict=True):
        assert np.array_equal(a.matrix(), b.matrix()) and a.weight_exp == b.weight_exp
    if grid:
        again = quantise(with_grids(dequantise(found), grid), LOIHI2)
        assert again.projections == found.projections


def test_dequantise_then_quantise_gives_the_same_registers(rng):
    quantised = quantise(network(rng, grid=2 / 64), LOIHI2)
    again = quantise(with_grids(dequantise(quantised), 2 / 64), LOIHI2)
    assert again.populations == quantised.populations
    assert again.projections == quantised.projections


def with_grids(net: Network, grid: float) -> Network:
    return replace(net, projections=tuple(replace(p, grid=grid) for p in net.projections))


def test_larger_exponents_make_the_leak_smaller(rng):
    net = network(rng, scale=30.0)
    exact, wide = quantise(net, LOIHI2), quantise(net, LOIHI2, Precision(netx=False))
    assert max(q.weight_exp for q in exact.projections) <= 0
    assert max(q.weight_exp for q in wide.projections) > 0
    leak = [q.provenance["budget"][0]["leak"]["median"] for q in (exact, wide)]
    assert leak[1] < leak[0] / 4


def test_a_readout_gets_a_threshold_that_it_cannot_reach(rng):
    li = CubaLI(tau_mem=np.full(5, 0.02), tau_syn=np.full(5, 0.01), v_leak=np.zeros(5))
    net = network(rng)
    populations = (net.populations[0], Population(name="out", neurons=li))
    net = replace(net, populations=populations, readout="max-voltage")
    registers = quantise(net, LOIHI2).population("out").registers
    assert not registers.spiking and np.all(registers.vth == 1 << 17)
    assert dequantise(quantise(net, LOIHI2)).population("out").neurons.spiking is False


def test_dead_words_are_counted_and_set_to_one(rng):
    net = with_neurons(network(rng), tau_mem=np.full(20, 100.0))
    quantised = quantise(net, LOIHI2)
    assert quantised.provenance["budget"][0]["dead_words"] == 20
    assert np.all(quantised.populations[0].registers.dv == 1)


def test_coarse_decay_words_stand_in_the_upper_bits(rng):
    registers = quantise(network(rng), LOIHI2, Precision(decay_bits=6)).populations[0].registers
    assert np.all(registers.dv % 64 == 0) and np.all((registers.du + 1) % 64 == 0)


def test_the_resting_potential_survives(rng):
    net = network(rng)
    quantised = quantise(net, LOIHI2)
    for p, q in zip(net.populations, dequantise(quantised).populations, strict=True):
        d = quantised.population(p.name).registers.dv
        # half a bias mantissa, 2**5 units of the state, over what leaks in a step
        bound = 32 / quantised.population(p.name).scale * 4096 / d
        assert np.all(np.abs(p.neurons.v_leak - q.neurons.v_leak) <= bound * (1 + 1e-9))


def test_euler_networks_keep_their_decay(rng):
    net = replace(network(rng), discretisation="euler")
    d = quantise(net, LOIHI2).populations[0].registers.dv
    assert np.array_equal(d, np.rint(4096 * net.dt / net.populations[0].neurons.tau_mem))


def test_voltages_are_measured_from_the_reset(rng):
    plain = network(rng)
    neurons = plain.populations[0].neurons
    reset, rest = rng.uniform(-0.5, 0.5, 20), rng.uniform(-0.3, 0.3, 20)
    shifted = with_neurons(plain, v_leak=rest)
    net = with_neurons(
        plain,
        v_reset=reset,
        v_leak=reset + rest,
        v_threshold=neurons.v_threshold + reset,
    )

    chip, expected = (quantise(n, LOIHI2).populations[0].registers for n in (net, shifted))

    # equal words: a word would change by a shift of half a unit, the sums err by 1e-16
    assert chip == expected
    assert np.any(chip.bias_mant)


def test_a_bias_that_does_not_fit_is_refused_with_the_first_neuron(rng):
    leak = np.zeros(20)
    leak[7] = 1e5
    with pytest.raises(RuleError, match="hidden.bias_mant: 1 of 20 .* at neuron 7"):
        quantise(with_neurons(network(rng), v_leak=leak), LOIHI2)


def test_levels_are_refused_where_spikes_carry_none(rng):
    net = network(rng)
    graded = tuple(
        replace(q, message_bits=8) if q.source == "input" else q for q in net.projections
    )
    net = replace(net, projections=graded)
    assert quantise(net, LOIHI2).projections[0].message_bits == 8
    narrow = replace(LOIHI2, name="narrow", message_bits=7)
    for chip, room in ((LOIHI1, "carry no numbers"), (narrow, "carry at most 7 bits")):
        with pytest.raises(RuleError, match=f"messages_fit: input -> .*{room}; train on an enc"):
            quantise(net, chip)


def test_a_network_too_large_for_the_chip_is_refused(rng):
    d_mem, d_syn = (d.ravel() for d in np.meshgrid(np.arange(20, 100), np.arange(20, 100)))
    n = d_mem.size  # 6400 distinct pairs, more than 31 profiles on each of 128 cores
    neurons = CubaLIF(
        tau_mem=decay_tau(d_mem, 1e-3),
        tau_syn=decay_tau(d_syn, 1e-3),
        v_leak=np.zeros(n),
        v_threshold=np.ones(n),
        v_reset=np.zeros(n),
    )
    weights = rng.normal(0, 1, (n, 1))
    net = Network(
        dt=1e-3,
        n_inputs=1,
        n_steps=1,
        populations=(Population(name="big", neurons=neurons),),
        projections=(Projection(source="input", target="big", weights=weights),),
        output="big",
    )
    quantise(net, LOIHI2)
    with pytest.raises(RuleError, match="neurons_fit: .* cores, loihi1 has 128"):
        quantise(net, LOIHI1)


def test_dequantise_refuses_words_without_a_time_constant(rng):
    quantised = quantise(network(rng), LOIHI2)
    first = quantised.populations[0]
    registers = replace(first.registers, dv=np.zeros(20, np.int32))
    populations = (replace(first, registers=registers), *quantised.populations[1:])
    with pytest.raises(UnsupportedError, match="hidden: dv"):
        dequantise(replace(quantised, populations=populations))


@pytest.mark.parametrize(
    "options", [{"weight_bits": 1}, {"weight_bits": 9}, {"decay_bits": 0}, {"decay_bits": 13}]
)
def test_impossible_precisions_are_refused(options):
    with pytest.raises(ValidationError, match="outside"):
        Precision(**options)


def test_the_words_table_of_the_decay_rule():
    taus = np.array([1, 5, 10, 20, 50, 100, 200, 1000]) * 1e-3
    words = decay_word(taus, 1e-3)
    assert words.tolist() == [2589, 742, 390, 200, 81, 41, 20, 4]
    # published worst error of this table is 2.4 %
    assert np.max(np.abs(decay_tau(words, 1e-3) / taus - 1)) < 0.025
