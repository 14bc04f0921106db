"""Placing networks: every limit kept, axons counted, refusals that say what would do."""

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hetlava.chips import LOIHI1, LOIHI2
from hetlava.errors import RuleError, UnsupportedError, ValidationError
from hetlava.hardware.placement import place
from hetlava.hardware.placement_advice import smallest
from hetlava.hardware.synapse_memory import axon_bits
from hetlava.neurons.cuba import CubaRegisters
from hetlava.neurons.refractory import CubaRefractoryRegisters
from hetlava.quantised import QuantisedNetwork, QuantisedPopulation, QuantisedProjection
from hetlava.rules import violations
from hetlava.sharing import share

SMALL = replace(
    LOIHI1,
    name="loihi1",
    neurons_per_core=9,
    decay_profiles=4,
    vth_profiles=2,
    synapse_memory=2500,
    input_axons=60,
    output_axons=40,
)


def population(name: str, n: int, dv: np.ndarray | int, vth: np.ndarray | int = 1000):
    registers = CubaRegisters(
        du=np.full(n, 500, np.int32),
        dv=np.broadcast_to(dv, n).astype(np.int32),
        vth=np.broadcast_to(vth, n).astype(np.int32),
        bias_mant=np.zeros(n, np.int32),
        bias_exp=np.zeros(n, np.int32),
    )
    return QuantisedPopulation(name=name, registers=registers)


def wire(rng: np.random.Generator, source: str, target: str, shape: tuple[int, int], density=1.0):
    weights = rng.choice([-100, 100], shape) * (rng.random(shape) < density)
    return QuantisedProjection(source=source, target=target, weights=weights.astype(np.int16))


def recurrent(
    rng: np.random.Generator,
    n: int = 60,
    n_inputs: int = 20,
    *,
    decays: int = 100,
    vths: int = 1,
    density: float = 1.0,
) -> QuantisedNetwork:
    hidden = population(
        "hidden", n, 100 + rng.integers(0, decays, n), 900 + rng.integers(0, vths, n)
    )
    return QuantisedNetwork(
        chip="loihi1",
        dt=1e-3,
        n_inputs=n_inputs,
        n_steps=10,
        populations=(hidden, population("out", 5, 100)),
        projections=(
            wire(rng, "input", "hidden", (n, n_inputs), density),
            wire(rng, "hidden", "hidden", (n, n), density),
            wire(rng, "hidden", "out", (5, n), density),
        ),
        output="out",
    )


def check_limits(net: QuantisedNetwork, placement, chip) -> None:
    """Count everything again from the network and the cores alone."""
    homes = {p.name: p.core for p in placement.populations}
    for core in range(placement.n_cores):
        use = counted(net, homes, core, chip)
        limits = [limit or np.inf for limit in placement.limits.tolist()]
        assert all(a <= b for a, b in zip(use, limits, strict=True))
        assert use == placement.usage[core].tolist()


def counted(net: QuantisedNetwork, homes, core: int, chip) -> list[int]:
    """What a core holds of every resource."""
    on = {name: cores == core for name, cores in homes.items()}
    pairs, vths = set(), set()
    for p in net.populations:
        r, here = p.registers, on[p.name]
        pairs |= {*zip(r.du[here].tolist(), r.dv[here].tolist(), strict=True)}
        vths |= {*r.vth[here].tolist()}
    memory = inputs = sent = 0
    for q in net.projections:
        incoming = q.weights[on[q.target]]
        memory += stored(incoming, chip, len(incoming))
        inputs += int(np.any(incoming, axis=0).sum())
        if q.source in homes:
            for i in np.flatnonzero(on[q.source]):
                sent += len(np.unique(homes[q.target][q.weights[:, i] != 0]))
    return [sum(int(x.sum()) for x in on.values()), len(pairs), len(vths), memory, inputs, sent]


def stored(weights: np.ndarray, chip, n: int) -> int:
    index = max(chip.index_bits_min, (chip.neurons_per_core - 1).bit_length())
    k = np.count_nonzero(weights, axis=0)
    dense = np.count_nonzero(k) * axon_bits(chip, 8, n)[n]
    return int(min(dense, axon_bits(chip, 8 + index, n)[k].sum()))


def occupants(placement) -> list[set[str]]:
    """The populations of every core."""
    return [
        {p.name for p in placement.populations if core in p.core}
        for core in range(placement.n_cores)
    ]


@given(
    seed=st.integers(0, 2**32 - 1),
    decays=st.integers(1, 40),
    vths=st.integers(1, 5),
    density=st.sampled_from([0.02, 0.1, 0.3]),
)
@settings(max_examples=30)
def test_every_limit_of_every_core_is_kept(seed, decays, vths, density):
    net = recurrent(np.random.default_rng(seed), n=30, decays=decays, vths=vths, density=density)
    try:
        placement = place(net, SMALL)
    except RuleError:
        return  # cores that send to many cores need more axons than there are: told, not placed
    check_limits(net, placement, SMALL)
    assert placement.lower_bound <= placement.n_cores
    apart = place(net, SMALL, apart=True)
    check_limits(net, apart, SMALL)
    assert all(len(cores) == 1 for cores in occupants(apart))


@pytest.mark.parametrize(
    ("hidden", "cores"), [(128, 4), (256, 7), (512, 12)], ids=["128", "256", "512"]
)
def test_published_core_counts_of_recurrent_layers_are_met(rng, hidden, cores):
    # lossless: profiles; on Loihi 2: the memory of dense synapses, 134, 126 and 94 neurons a core
    net = recurrent(rng, hidden, 700, decays=cores * 31 * 3)
    distinct = np.unique(net.populations[0].registers.dv).size
    first = place(net, LOIHI1, apart=True).populations[0]
    assert first.n_cores == first.lower_bound == -(-distinct // 31)
    placement = place(net, LOIHI2, apart=True)
    memory = placement.populations[0]
    assert (
        memory.n_cores == memory.lower_bound == -(-hidden // {128: 134, 256: 126, 512: 94}[hidden])
    )
    assert placement.binds(memory) in ("synapse memory", None)


def test_shared_decays_need_the_cores_of_the_memory_only(rng):
    net = share(recurrent(rng, 512, 700, decays=2000), 31)
    placement = place(net, LOIHI1)
    assert placement.populations[0].n_cores == 6 == placement.populations[0].lower_bound


def test_profiles_and_thresholds_are_numbers_in_the_pools_of_the_core(rng):
    net = recurrent(rng, 60, decays=200, vths=4)
    placement = place(net, LOIHI1)
    every = [p.registers for p in net.populations]
    core = np.concatenate([p.core for p in placement.populations])
    for of, name in (("profile", "dv"), ("threshold", "vth")):
        number = np.concatenate([getattr(p, of) for p in placement.populations])
        values = np.concatenate([getattr(r, name) for r in every])
        for k in range(placement.n_cores):
            on = core == k
            assert np.array_equal(number[on], np.unique(values[on], return_inverse=True)[1])


def test_cores_are_counted_through_the_network(rng):
    placement = place(recurrent(rng, 60, decays=500), LOIHI1, apart=True)
    hidden, out = placement.populations
    assert sorted([*hidden.cores, *out.cores]) == list(range(placement.n_cores))
    assert placement.n_cores == hidden.n_cores + 1 and placement.n_chips == 1


def test_populations_share_cores_unless_they_shall_not(rng):
    net = recurrent(rng, 40, decays=5)
    shared, apart = place(net, LOIHI1), place(net, LOIHI1, apart=True)
    assert (shared.n_cores, shared.lower_bound) == (1, 1)
    assert (apart.n_cores, apart.lower_bound) == (2, 2)
    assert shared.usage[0, 0] == 45 and shared.binds() is None


def test_more_populations_than_cores_fit_where_they_share(rng):
    names = [f"p{k}" for k in range(LOIHI1.cores + 2)]
    net = QuantisedNetwork(
        chip="loihi1",
        dt=1e-3,
        n_inputs=1,
        n_steps=1,
        populations=tuple(population(name, 2, 100) for name in names),
        projections=tuple(wire(rng, "input", name, (2, 1)) for name in names),
        output=names[-1],
    )
    assert not violations(net, LOIHI1) and place(net, LOIHI1).n_cores == 1


def test_models_never_share_a_core_and_every_one_is_placed_where_decays_are_state(mixed_network):
    for seed in range(5):
        net, _ = mixed_network(np.random.default_rng(seed), models=("cuba", "alif", "rf"))
        placement = place(net, LOIHI2)
        models = {p.name: p.registers.model for p in net.populations}
        assert all(len({models[name] for name in on}) == 1 for on in occupants(placement))
        assert placement.usage[:, 0].sum() == sum(p.registers.n for p in net.populations)
        assert placement.lower_bound <= placement.n_cores


def test_models_of_which_no_pool_is_known_are_refused_by_name(mixed_network):
    net, _ = mixed_network(np.random.default_rng(0), models=("alif",))
    with pytest.raises(
        UnsupportedError, match=r"population p\d: loihi1 has pools of decays for CUBA"
    ):
        place(net, LOIHI1)


def test_the_silence_after_a_spike_is_a_part_of_a_profile() -> None:
    words = dict.fromkeys(("du", "dv", "vth"), np.full(12, 100, np.int32))
    words |= dict.fromkeys(("bias_mant", "bias_exp"), np.zeros(12, np.int32))
    waits = np.arange(12, dtype=np.int32) // 2
    registers = CubaRefractoryRegisters(**words, refractory=waits)
    net = QuantisedNetwork(
        chip="loihi1",
        dt=1e-3,
        n_inputs=1,
        n_steps=1,
        populations=(QuantisedPopulation(name="p", registers=registers),),
        projections=(),
        output="p",
    )
    # 6 profiles, of which a core holds 4; a chip with states for them has one core for all
    small = replace(SMALL, neurons_per_core=12)
    assert place(net, small).n_cores == 2 and place(net, LOIHI2).n_cores == 1
    assert not violations(net, replace(small, cores=2))
    (told,) = violations(net, replace(small, cores=1))
    assert "need at least 2 cores" in told
    with pytest.raises(RuleError) as refused:
        place(net, small, cores=1)
    assert "2 cores needed, 1 allowed" in str(refused.value)
    assert "--codebook" not in str(refused.value)  # which is for CUBA's decays


def test_a_source_needs_an_axon_for_every_core_of_its_targets(rng):
    source, target = population("a", 3, 100), population("b", 20, np.arange(100, 120))
    net = QuantisedNetwork(
        chip="loihi1",
        dt=1e-3,
        n_inputs=1,
        n_steps=1,
        populations=(source, target),
        projections=(wire(rng, "input", "a", (3, 1)), wire(rng, "a", "b", (20, 3))),
        output="b",
    )
    placement = place(
        net, replace(SMALL, output_axons=10), apart=True
    )  # b on 5 cores of 4 decays each
    # b on 5 cores of 4 decays each
    assert [p.n_cores for p in placement.populations] == [2, 5]
    a = placement.populations[0]
    assert placement.usage[a.cores, 5].tolist() == [10, 5]
    assert placement.binds(a) == "output axons"
    with pytest.raises(
        RuleError, match=r"a: 3 of 3 neurons need more output axons than a core's 4"
    ):
        place(net, replace(SMALL, output_axons=4), apart=True)


def test_the_same_network_is_placed_the_same(rng):
    net = recurrent(rng, 200, decays=150, vths=3, density=0.2)
    assert place(net, LOIHI1) == place(net, LOIHI1)


def test_fewer_neurons_to_a_core_take_more_cores(rng):
    net = recurrent(rng, 60, decays=5)  # and 5 of the output
    assert [place(net, LOIHI1, per_core=n).n_cores for n in (65, 33, 7)] == [1, 2, 10]


def test_more_cores_than_a_chip_has_mean_several(rng):
    net = recurrent(rng, 60, decays=5)
    chip = replace(LOIHI1, cores=4)
    with pytest.raises(RuleError, match=r"10 cores needed, 4 allowed; --cores 10 \(3 chips\)"):
        place(net, chip, per_core=7)
    assert place(net, chip, per_core=7, cores=10).n_chips == 3


def refusal(net: QuantisedNetwork, chip=LOIHI1, **options) -> str:
    with pytest.raises(RuleError) as caught:
        place(net, chip, **options)
    return str(caught.value)


def test_a_refusal_names_the_largest_codebook_that_fits(rng):
    net = recurrent(rng, 100, decays=3000)
    text = refusal(net, cores=3, apart=True)
    assert re.search(r"hidden: 100 neurons take 4 cores \(at least 4\); bound by decay prof", text)
    k = int(re.search(r"--codebook (\d+)\)", text)[1])
    assert 31 <= k <= 62
    assert place(share(net, k), LOIHI1, cores=3, apart=True).n_cores == 3
    with pytest.raises(RuleError):
        place(share(net, k + 1), LOIHI1, cores=3, apart=True)


def test_a_refusal_names_the_smallest_number_per_core_that_fits(rng):
    net = recurrent(rng, 60, decays=5)
    text = refusal(net, cores=3, per_core=10)
    assert "--cores 7; or --per-core 22" in text
    assert place(net, LOIHI1, cores=3, per_core=22).n_cores == 3


def test_a_refusal_names_thresholds_and_weight_bits_where_they_help(rng):
    many = recurrent(rng, 60, decays=5, vths=60)
    assert "at most 7 distinct thresholds" in refusal(many, cores=2)
    full = recurrent(rng, 100, 1600, decays=5)
    text = refusal(full, cores=1)
    bits = int(re.search(r"weights of (\d) bits", text)[1])
    coarse = [replace(q, weight_bits=bits) for q in full.projections]
    assert place(replace(full, projections=tuple(coarse)), LOIHI1, cores=1).n_cores == 1


def test_a_neuron_that_fits_no_core_is_named_with_its_excess(rng):
    net = recurrent(rng, 10, 5000)
    text = refusal(net)
    assert "hidden: 10 of 10 neurons need more input axons than a core's 4096" in text
    assert "914 input axons too many; prune its synapses" in text  # 5000 + 10 - 4096


def test_every_population_that_does_not_fit_is_named(rng):
    net = recurrent(rng, 40, 10)
    text = refusal(net, replace(LOIHI1, input_axons=30))
    assert "hidden: 40 of 40" in text and "out: 5 of 5" in text


@pytest.mark.parametrize("options", [{"cores": 0}, {"per_core": 0}, {"per_core": -3}])
def test_impossible_constraints_are_refused(rng, options):
    with pytest.raises(ValidationError, match="expected at least 1"):
        place(recurrent(rng), LOIHI1, **options)


@given(least=st.integers(1, 60), low=st.integers(-5, 0), more=st.integers(0, 30))
def test_bisection_finds_the_smallest(least, low, more):
    assert smallest(low, least + more, lambda n: n >= least) == least
