"""Lava is the judge: reference, engine and Lava agree in u, v and spikes at every step."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from hetlava.events import Events, from_dense
from hetlava.export import lava_graph
from hetlava.neurons.cuba import CubaRegisters
from hetlava.quantised import QuantisedNetwork, QuantisedPopulation, QuantisedProjection
from hetlava.recording import Recording
from hetlava.sim import engine, reference

pytestmark = pytest.mark.lava

FAST = (0, 4, 5, 15)  # seeds of networks that spike; --slow has more

RandomNetwork = Callable[..., tuple[QuantisedNetwork, Events]]


def assert_equal(found: Recording, expected: Recording) -> None:
    """Compare everything that a network computes, naming the first difference."""
    for state in ("u", "v"):
        for name, a, b in zip(
            expected.names, getattr(found, state), getattr(expected, state), strict=True
        ):
            wrong = np.argwhere(a != b)
            assert not wrong.size, f"{found.target}: {state} of {name} at {wrong[0]}"
    assert found.spikes == expected.spikes
    assert np.array_equal(found.scores, expected.scores)
    assert np.array_equal(found.synops, expected.synops)


def assert_all_agree(net: QuantisedNetwork, inputs: Events, lif: str = "stock") -> Recording:
    """Run the network everywhere and return what the reference says."""
    probes = ("u", "v")
    expected = reference.run(net, inputs, probes=probes)
    assert_equal(lava_graph.run(net, inputs, probes=probes, lif=lif), expected)  # type: ignore[arg-type]
    assert_equal(engine.run(net, inputs, probes=probes, threads=1), expected)
    return expected


@pytest.mark.parametrize("seed", FAST)
def test_random_networks_agree(seed: int, random_network: RandomNetwork) -> None:
    assert_all_agree(*random_network(np.random.default_rng(seed)))


@pytest.mark.parametrize("seed", FAST)
def test_networks_of_extreme_registers_agree(seed: int, random_network: RandomNetwork) -> None:
    assert_all_agree(*random_network(np.random.default_rng(seed), extreme=True))


@pytest.mark.parametrize("extreme", [False, True])
@pytest.mark.parametrize("seed", range(100, 102))
def test_lava_agrees_with_neurons_of_ours_in_it(
    seed: int, extreme: bool, random_network: RandomNetwork
) -> None:
    net, inputs = random_network(np.random.default_rng(seed), extreme=extreme)
    assert_all_agree(net, inputs, lif="vector")


@pytest.mark.parametrize(
    ("seed", "extreme"), [(200, False), (205, False), (201, True), (205, True)]
)
def test_stock_neurons_of_one_level_each_agree(
    seed: int,
    extreme: bool,
    random_network: RandomNetwork,
    few_levels: Callable[..., QuantisedNetwork],
) -> None:
    rng = np.random.default_rng(seed)
    net, inputs = random_network(rng, extreme=extreme, max_neurons=12)
    recording = assert_all_agree(few_levels(net, rng), inputs, lif="levels")
    assert sum(spikes.n_events for spikes in recording.spikes) > 50


@pytest.mark.slow
@pytest.mark.parametrize("extreme", [False, True])
@pytest.mark.parametrize("seed", range(2000, 2005))
def test_many_networks_of_levels_agree(
    seed: int,
    extreme: bool,
    random_network: RandomNetwork,
    few_levels: Callable[..., QuantisedNetwork],
) -> None:
    rng = np.random.default_rng(seed)
    net, inputs = random_network(rng, extreme=extreme, max_neurons=20)
    assert_all_agree(few_levels(net, rng, 3), inputs, lif="levels")


@pytest.mark.slow
@pytest.mark.parametrize("lif", ["stock", "vector"])
@pytest.mark.parametrize("extreme", [False, True])
@pytest.mark.parametrize("seed", range(1000, 1008))
def test_many_random_networks_agree(
    seed: int, extreme: bool, lif: str, random_network: RandomNetwork
) -> None:
    net, inputs = random_network(np.random.default_rng(seed), extreme=extreme)
    assert_all_agree(net, inputs, lif=lif)


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "extreme"), [(30, False), (48, True)])
def test_ten_thousand_steps_agree(seed: int, extreme: bool, random_network: RandomNetwork) -> None:
    """Nothing drifts: a difference of one unit anywhere would stay, and grow."""
    rng = np.random.default_rng(seed)
    net, _ = random_network(rng, extreme=extreme, max_neurons=16)
    inputs = from_dense(rng.random((10_000, 1, net.n_inputs)) < 0.1)
    recording = assert_all_agree(net, inputs)
    assert sum(spikes.n_events for spikes in recording.spikes) > 10_000


def test_the_random_networks_are_worth_comparing(random_network: RandomNetwork) -> None:
    """They spike, loop, hold integrators and batches; the extreme ones wrap and saturate."""
    nets = [random_network(np.random.default_rng(seed), extreme=False) for seed in FAST]
    spikes = [sum(s.n_events for s in reference.run(*drawn).spikes) for drawn in nets]
    assert min(spikes) > 20
    assert any(inputs.n_samples > 1 for _, inputs in nets)
    assert any(p.source == p.target for net, _ in nets for p in net.projections)
    assert any(not p.registers.spiking for net, _ in nets for p in net.populations)
    extreme = [random_network(np.random.default_rng(seed), extreme=True) for seed in FAST]
    recordings = [reference.run(*drawn, probes=("u", "v")) for drawn in extreme]
    assert any(np.abs(u.astype(np.int64)).max() > 1 << 24 for r in recordings for u in r.u)
    assert any(np.abs(v).max() == (1 << 23) - 1 for r in recordings for v in r.v)


@pytest.mark.parametrize("weight_bits", [1, 6])
def test_weights_of_fewer_bits_agree(
    weight_bits: int, rng: np.random.Generator, random_network: RandomNetwork
) -> None:
    net, inputs = random_network(rng)
    step = 2 << (8 - weight_bits)
    coarse = [
        replace(p, weights=p.weights // step * step, weight_bits=weight_bits)
        for p in net.projections
    ]
    assert_all_agree(replace(net, projections=tuple(coarse)), inputs)


@pytest.mark.parametrize("weight_exp", [-8, -1, 2])
def test_odd_weights_of_mixed_sign_agree(
    weight_exp: int, rng: np.random.Generator, random_network: RandomNetwork
) -> None:
    net, inputs = random_network(rng)
    odd = [
        replace(
            p,
            weights=rng.integers(-256, 256, p.shape).astype(np.int16),
            weight_exp=weight_exp,
        )
        for p in net.projections
    ]
    assert_all_agree(replace(net, projections=tuple(odd)), inputs)


def one_population(weight_exp: int, weights: list[list[int]], **words: list[int]) -> tuple:
    """A network of one population that takes a spike on every input at every step."""
    n = len(weights)
    usual = {"du": [0] * n, "dv": [0] * n, "vth": [1 << 17] * n, "bias_mant": [0] * n}
    usual |= {"bias_exp": [0] * n} | words
    registers = CubaRegisters(**{name: np.array(w, np.int32) for name, w in usual.items()})
    projection = QuantisedProjection(
        source="input", target="p", weights=np.array(weights, np.int16), weight_exp=weight_exp
    )
    net = QuantisedNetwork(
        chip="loihi2",
        dt=1e-3,
        n_inputs=projection.shape[1],
        n_steps=5,
        populations=(QuantisedPopulation(name="p", registers=registers),),
        projections=(projection,),
        output="p",
    )
    return net, from_dense(np.ones((5, 2, net.n_inputs), bool))


@pytest.mark.parametrize("seed", FAST[:2])
def test_neurons_that_start_late_agree(seed: int, random_network: RandomNetwork) -> None:
    net, inputs = random_network(np.random.default_rng(seed))
    late = tuple(replace(p, start=(k + 1) % 3) for k, p in enumerate(net.populations))
    assert_all_agree(replace(net, populations=late), inputs)


def test_the_current_wraps_once_and_keeps_the_upper_end() -> None:
    # one spike a step on 2 inputs of 128 << 9 is 2**17, in the state's unit 2**23; no decay
    net, inputs = one_population(9, [[128, 128], [-128, -128]], du=[-1, -1])
    u = assert_all_agree(net, inputs).u[0][:, 0]
    assert u.tolist() == [[0, 0], [1 << 23, 1 << 23], [0, 0], [1 << 23, 1 << 23], [0, 0]]


def test_the_voltage_saturates_at_both_ends() -> None:
    net, inputs = one_population(7, [[255], [-255]], du=[-1, -1])
    recording = assert_all_agree(net, inputs)
    limit = (1 << 23) - 1
    assert recording.v[0][-1, 0].tolist() == [limit, -limit]
    assert recording.spikes[0].n_events == 0


def test_a_current_beyond_32_bits_turns_the_sign_of_the_voltage() -> None:
    # the inputs come to -2**25, in the state's unit -2**31, one turn up -2**31 + 2**24; the bias
    # of -2**25 takes the sum out of 32 bits, to the other end
    net, inputs = one_population(
        8, [[-255] * 512 + [-256] * 2], vth=[5], bias_mant=[-(1 << 15)], bias_exp=[10]
    )
    recording = assert_all_agree(net, inputs)
    assert recording.v[0].min() == -((1 << 23) - 1)
    assert recording.spikes[0].n_events > 0


def test_a_threshold_is_passed_and_not_met() -> None:
    net, inputs = one_population(0, [[100], [101]], du=[4095, 4095], dv=[4096, 4096], vth=[100] * 2)
    assert assert_all_agree(net, inputs).spikes[0].counts().tolist() == [[0, 4], [0, 4]]


def test_a_negative_bias_is_shifted_toward_minus_infinity() -> None:
    words = {"bias_mant": [-5, 5, -1], "bias_exp": [-1, -1, -15], "dv": [4096] * 3}
    net, inputs = one_population(0, [[0], [0], [0]], **words)
    assert assert_all_agree(net, inputs).v[0][0, 0].tolist() == [-3, 2, -1]


def test_decays_at_their_ends_agree() -> None:
    ends = [(-1, 0), (-1, 4096), (4095, 0), (4095, 4096), (0, 1)]
    du, dv = [d for d, _ in ends], [d for _, d in ends]
    net, inputs = one_population(0, [[1]] * 5, du=du, dv=dv)
    recording = assert_all_agree(net, inputs)
    # 64 a step from the second on, kept or dropped by u, then by v; the decays of 1 in 4096 take
    # one unit a step, by truncation
    assert recording.u[0][3, 0].tolist() == [192, 192, 64, 64, 190]
    assert recording.v[0][3, 0].tolist() == [384, 192, 192, 64, 379]
