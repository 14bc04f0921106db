"""Codebooks per core: errors shrink with the cores, and the placement finds the cores again."""

from dataclasses import replace

import numpy as np
import pytest

from hetlava.chips import LOIHI1, LOIHI2
from hetlava.errors import RuleError, ValidationError
from hetlava.fixedpoint import decay_tau
from hetlava.hardware.core_sharing import (
    Sharing,
    quantise_sharing,
    rms_per_population,
    share_per_core,
)
from hetlava.hardware.placement import place
from hetlava.network import Network, Population, Projection
from hetlava.neurons.cuba import CubaLIF
from hetlava.quantisation import quantise
from hetlava.sharing import share


def network(rng: np.random.Generator, n: int, n_inputs: int = 40, **taus: np.ndarray) -> Network:
    neurons = CubaLIF(
        tau_mem=rng.gamma(1.64, 0.0134, n).clip(1.5e-3, 0.2),
        tau_syn=taus.get("tau_syn", np.full(n, 0.005)),
        v_leak=np.zeros(n),
        v_threshold=np.ones(n),
        v_reset=np.zeros(n),
    )
    weights = rng.normal(0, 0.3, (n, n_inputs))
    return Network(
        dt=1e-3,
        n_inputs=n_inputs,
        n_steps=10,
        populations=(Population(name="hidden", neurons=neurons),),
        projections=(Projection(source="input", target="hidden", weights=weights),),
        output="hidden",
    )


def rms(net) -> float:
    return rms_per_population(net)["hidden"][1]


def test_more_cores_keep_more_decays(rng):
    net = network(rng, 1000)
    free = quantise(net, LOIHI1)
    errors = {
        per_core: rms(share_per_core(free, LOIHI1, reference=net, per_core=per_core))
        for per_core in (1000, 250, 60)
    }
    # published: 3.3 % with 32 decays, 0.82 % with 4 x 32, 0.23 % with 17 x 32
    assert 2.5 < errors[1000] < 3.7 and 0.6 < errors[250] < 1.0 and errors[60] < 0.3


@pytest.mark.parametrize("per_core", [None, 300, 64])
@pytest.mark.parametrize("both", [False, True])
def test_the_placement_finds_the_cores_again(rng, per_core, both):
    taus = {"tau_syn": rng.uniform(2e-3, 2e-2, 600)} if both else {}
    net = network(rng, 600, 300, **taus)
    shared = share_per_core(quantise(net, LOIHI1), LOIHI1, reference=net, per_core=per_core)
    free = replace(LOIHI1, decay_profiles=0)
    assert (
        place(shared, LOIHI1, per_core=per_core).n_cores
        == place(shared, free, per_core=per_core).n_cores
    )


def test_cores_of_their_own_words_are_better_than_one_codebook_of_the_layer(rng):
    net = network(rng, 600, 1500)  # 3 dense cores
    free = quantise(net, LOIHI1)
    assert (
        rms(share_per_core(free, LOIHI1, reference=net)) < rms(share(free, 31, reference=net)) / 2
    )


def test_a_network_with_more_decays_than_the_chip_holds_is_exported_once_they_are_shared(rng):
    taus = {"tau_syn": rng.uniform(2e-3, 5e-2, 4500)}
    net = network(rng, 4500, 2, **taus)
    with pytest.raises(RuleError, match="neurons_fit"):
        quantise(net, LOIHI1)
    for sharing in (Sharing(k=31), Sharing(per="core")):
        shared = quantise_sharing(net, LOIHI1, None, sharing)
        assert shared.chip == "loihi1" and place(shared, LOIHI1).n_cores == 5


def test_without_sharing_it_is_plain_quantisation(rng):
    net = network(rng, 30)
    assert quantise_sharing(net, LOIHI1, None, Sharing()) == quantise(net, LOIHI1)


def test_a_chip_without_profiles_shares_as_many_as_asked(rng):
    net = network(rng, 100)
    shared = quantise_sharing(net, LOIHI2, None, Sharing(k=9, per="core"))
    assert np.unique(shared.populations[0].registers.dv).size == 9
    with pytest.raises(ValidationError, match="loihi2 has a decay for every neuron; say how many"):
        quantise_sharing(net, LOIHI2, None, Sharing(per="core"))


def test_more_pairs_than_a_core_has_profiles_are_refused(rng):
    with pytest.raises(ValidationError, match="32 pairs per core, loihi1 holds 31"):
        quantise_sharing(network(rng, 100), LOIHI1, None, Sharing(k=32, per="core"))


def test_errors_are_those_of_rounding_where_nothing_was_shared_and_unknown_without_floats(rng):
    net = network(rng, 30)
    rounded = quantise(net, LOIHI1)
    syn, mem = rms_per_population(rounded)["hidden"]
    exact = net.populations[0].neurons.tau_mem
    errors = decay_tau(rounded.populations[0].registers.dv, net.dt) / exact - 1
    assert mem == pytest.approx(100 * np.sqrt(np.mean(errors**2)), rel=1e-12) and syn > 0
    assert rms_per_population(replace(rounded, provenance={})) == {"hidden": None}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"per": "chip"}, "per 'chip' is unknown; known: layer, core"),
        ({"k": 3, "method": "mean"}, "method 'mean' is unknown"),
        ({"method": "minimax"}, "minimax without a codebook"),
        ({"k": 3, "per_core": 10}, "neurons per core belong to codebooks per core"),
    ],
)
def test_impossible_requests_are_refused(options, message):
    with pytest.raises(ValidationError, match=message):
        Sharing(**options)
