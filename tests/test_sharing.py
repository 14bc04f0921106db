"""Networks whose neurons share decays: what changes, what stays, and what is said about it."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetlava.chips import LOIHI1, LOIHI2
from hetlava.codebook import build
from hetlava.errors import UnsupportedError, ValidationError
from hetlava.fixedpoint import decay_tau
from hetlava.network import Network, Population, Projection
from hetlava.neurons.cuba import CubaLIF
from hetlava.quantisation import quantise
from hetlava.quantised import QuantisedNetwork
from hetlava.rules import violations
from hetlava.scaling import Precision
from hetlava.sharing import apply, share

DT = 1e-3


def network(rng: np.random.Generator, n: int = 120, tau_syn: float | None = None) -> Network:
    def lif(size: int) -> CubaLIF:
        return CubaLIF(
            tau_mem=rng.gamma(1.64, 0.0134, size).clip(1.5e-3, 0.2),
            tau_syn=np.full(size, tau_syn) if tau_syn else rng.uniform(2e-3, 2e-2, size),
            v_leak=rng.normal(0, 0.1, size),
            v_threshold=np.ones(size),
            v_reset=np.zeros(size),
        )

    return Network(
        dt=DT,
        n_inputs=9,
        n_steps=20,
        populations=(
            Population(name="hidden", neurons=lif(n)),
            Population(name="out", neurons=lif(4)),
        ),
        projections=(
            Projection(source="input", target="hidden", weights=rng.normal(0, 0.3, (n, 9))),
            Projection(source="hidden", target="out", weights=rng.normal(0, 0.3, (4, n))),
        ),
        output="out",
    )


def n_pairs(net: QuantisedNetwork, name: str, members: object = slice(None)) -> int:
    registers = net.population(name).registers
    return len(set(zip(registers.du[members], registers.dv[members], strict=True)))


@given(k=st.integers(1, 40), seed=st.integers(0, 2**32 - 1))
def test_no_population_has_more_pairs_than_asked(k, seed):
    net = network(np.random.default_rng(seed), n=50)
    shared = share(quantise(net, LOIHI2), k, reference=net)
    assert n_pairs(shared, "hidden") <= k and n_pairs(shared, "out") <= min(k, 4)


def test_only_decays_and_biases_change(rng):
    net = network(rng)
    before = quantise(net, LOIHI2)
    after = share(before, 8, reference=net)
    assert after.projections == before.projections and after.n_steps == before.n_steps
    for p, q in zip(before.populations, after.populations, strict=True):
        assert p.scale == q.scale and np.array_equal(p.registers.vth, q.registers.vth)
        assert np.array_equal(p.registers.bias_exp, q.registers.bias_exp)
    assert n_pairs(before, "hidden") > 100  # and the old network is as it was


def test_shared_synapses_leave_the_optimum_of_the_membranes(rng):
    net = network(rng, tau_syn=0.005)
    shared = share(quantise(net, LOIHI2), 16, reference=net)
    best = build(net.populations[0].neurons.tau_mem, 16, dt=DT)
    registers = shared.population("hidden").registers
    assert np.array_equal(registers.dv, best.words[best.assignment, 0])
    assert np.array_equal(registers.du, quantise(net, LOIHI2).population("hidden").registers.du)


def test_the_budget_tells_the_new_error_of_every_time_constant(rng):
    net = network(rng)
    shared = share(quantise(net, LOIHI2), 8, reference=net)
    row = shared.provenance["budget"][0]
    neurons, registers = net.populations[0].neurons, shared.population("hidden").registers
    for name, word, tau in (
        ("tau_mem", registers.dv, neurons.tau_mem),
        ("tau_syn", registers.du + 1, neurons.tau_syn),
    ):
        error = 100 * np.abs(decay_tau(word, DT) / tau - 1)
        assert row[name]["median"] == pytest.approx(np.median(error))
        assert row[name]["worst"] == pytest.approx(error.max())
    rows, before = shared.provenance["budget"], quantise(net, LOIHI2).provenance["budget"]
    assert {r["name"]: r["pairs"] for r in rows if "pairs" in r} == {"hidden": 8, "out": 4}
    assert [r for r in rows if "pairs" not in r] == [r for r in before if r["kind"] != "population"]
    assert shared.provenance["codebook"] == {
        "pairs": 8,
        "per": "layer",
        "method": "rms",
        "errors against": "float",
        "weights": [],
        "truncation made up": [],
    }


def test_without_a_reference_errors_are_those_to_the_registers(rng):
    net = network(rng)
    before = quantise(net, LOIHI2)
    shared = share(before, 8)
    error = decay_tau(shared.populations[0].registers.dv, DT) / decay_tau(
        before.populations[0].registers.dv, DT
    )
    worst = shared.provenance["budget"][0]["tau_mem"]["worst"]
    assert worst == pytest.approx(100 * np.abs(error - 1).max())
    assert shared.provenance["codebook"]["errors against"] == "registers"


def test_as_many_pairs_as_neurons_change_nothing(rng):
    net = network(rng)
    before = quantise(net, LOIHI2)
    for after in (share(before, 120, reference=net), share(before, 120)):
        assert after.populations == before.populations


@pytest.mark.parametrize("known", [True, False])
def test_resting_potentials_stay(rng, known):
    net = network(rng, tau_syn=0.005)
    before = quantise(net, LOIHI2, Precision(netx=False))
    after = share(before, 6, reference=net if known else None)
    registers = [p.populations[0].registers for p in (before, after)]
    rest, stale = (r.bias_mant * 2.0**r.bias_exp * 4096 / registers[1].dv for r in registers[::-1])
    wanted = net.populations[0].neurons.v_leak * before.populations[0].scale
    # half a unit of the mantissa, twice where the first rounding is kept
    slack = (1.0 if known else 2.5) * 2.0 ** registers[1].bias_exp / 2 * 4096 / registers[1].dv
    assert np.all(np.abs(rest - wanted) <= slack * (1 + 1e-9))
    assert np.max(np.abs(stale - wanted) / slack) > 10


def test_groups_share_among_themselves(rng):
    net = network(rng)
    groups = (np.arange(120) % 3).astype(np.int32)
    shared = share(quantise(net, LOIHI2), 5, reference=net, groups={"hidden": groups})
    assert [n_pairs(shared, "hidden", groups == g) for g in range(3)] == [5, 5, 5]
    assert 5 < n_pairs(shared, "hidden") <= 15
    assert shared.provenance["codebook"]["per"] == "core"


def test_weights_steer_the_words(rng):
    net = network(rng)
    heavy = np.ones(120)
    heavy[:3] = 1e9
    before = quantise(net, LOIHI2)
    shared = share(before, 3, reference=net, weights={"hidden": heavy})
    assert np.array_equal(
        shared.populations[0].registers.dv[:3], before.populations[0].registers.dv[:3]
    )


def test_a_shared_network_fits_the_profiles_of_one_core(rng):
    net = network(rng, n=1000)
    shared = share(quantise(net, LOIHI1), LOIHI1.decay_profiles, reference=net)
    assert n_pairs(shared, "hidden") == 31 and violations(shared, LOIHI1) == []


def test_euler_networks_share_what_they_keep(rng):
    net = replace(network(rng, tau_syn=0.005), discretisation="euler")
    before = quantise(net, LOIHI2)
    after = share(before, 120, reference=net)
    assert after.populations[0].registers == before.populations[0].registers


def test_words_without_a_time_constant_need_a_reference(rng):
    net = network(rng)
    before = quantise(net, LOIHI2)
    first = before.populations[0]
    stuck = replace(first, registers=replace(first.registers, dv=np.zeros(120, np.int32)))
    before = replace(before, populations=(stuck, *before.populations[1:]))
    with pytest.raises(UnsupportedError, match="hidden: dv holds .* as reference"):
        share(before, 4)
    assert n_pairs(share(before, 4, reference=net), "hidden") == 4


def test_a_file_without_budget_keeps_its_notes(rng):
    before = replace(quantise(network(rng), LOIHI2), provenance={"from": "elsewhere"})
    shared = share(before, 4)
    assert shared.provenance["from"] == "elsewhere" and "budget" not in shared.provenance


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"k": 0}, "0 pairs, expected at least 1"),
        ({"weights": {"hiden": np.ones(120)}}, "'hiden' is unknown; known: hidden, out"),
        ({"weights": {"hidden": np.ones(119)}}, r"hidden: weights: shape \(119,\)"),
        ({"groups": {"out": np.zeros(5, np.int32)}}, r"out: groups: shape \(5,\)"),
        ({"method": "median"}, "'median' is unknown"),
    ],
)
def test_impossible_requests_are_refused(rng, options, message):
    with pytest.raises(ValidationError, match=message):
        share(quantise(network(rng), LOIHI2), **({"k": 4} | options))


def test_a_reference_of_another_network_is_refused(rng):
    net, other = network(rng), network(rng, n=7)
    with pytest.raises(ValidationError, match="hidden: the reference has other neurons"):
        share(quantise(net, LOIHI2), 4, reference=other)


def test_a_codebook_of_single_words_is_refused(rng):
    net = network(rng)
    single = build(net.populations[0].neurons.tau_mem, 4, dt=DT)
    with pytest.raises(ValidationError, match=r"hidden: codebook of \(4, 1\) words"):
        apply(quantise(net, LOIHI2), {"hidden": single})
