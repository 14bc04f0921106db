"""How much the loss minds a neuron's decays, against finite differences of the loss."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from hetlava.chips import LOIHI1
from hetlava.hardware.core_sharing import Sharing, quantise_sharing
from hetlava.train.config import TrainConfig
from hetlava.train.fit import fit
from hetlava.train.sensitivity import FLOOR, loss_sensitivity

pytestmark = pytest.mark.lava

CONFIG = TrainConfig(
    dataset="bars", dt=1e-3, n_steps=25, hidden=(10,), epochs=3, batch=8, seed=5, device="cpu"
)


@pytest.mark.parametrize("trainer", ["slayer", "norse"])
def test_neurons_that_reach_no_output_do_not_matter(bars, trainer):
    net = fit(replace(CONFIG, trainer=trainer), bars[0])
    # neuron 0 of the hidden layer leads nowhere
    weights = net.projections[1].weights.copy()
    weights[:, 0] = 0
    cut = replace(
        net, projections=(net.projections[0], replace(net.projections[1], weights=weights))
    )
    found = loss_sensitivity(cut, bars[0])["hidden1"]
    assert found[0] == FLOOR and found.mean() == pytest.approx(1 + FLOOR)
    assert np.all(np.isfinite(found)) and np.count_nonzero(found > FLOOR) > 1


def test_time_constants_that_a_layer_shares_do_not_count(bars):
    both = fit(CONFIG, bars[0])
    flat = fit(replace(CONFIG, tau_syn="constant:10ms", learn_tau="none"), bars[0])
    assert np.ptp(flat.population("hidden1").neurons.tau_syn) == 0
    for net in (both, flat):
        assert loss_sensitivity(net, bars[0])["output"].mean() == pytest.approx(1 + FLOOR)


def test_weights_move_the_words_to_the_neurons_that_matter(bars):
    net = fit(CONFIG, bars[0])
    weights = loss_sensitivity(net, bars[0])
    errors = []
    for w in (weights, None):
        shared = quantise_sharing(net, LOIHI1, None, Sharing(k=2, weights=w))
        registers = shared.population("hidden1").registers
        from hetlava.fixedpoint import decay_tau

        taus = net.population("hidden1").neurons
        square = np.log(decay_tau(registers.dv, net.dt) / taus.tau_mem) ** 2
        square += np.log(decay_tau(registers.du + 1, net.dt) / taus.tau_syn) ** 2
        errors.append(float(weights["hidden1"] @ square))
    assert errors[0] <= errors[1]


def test_the_same_network_gives_the_same_weights(bars):
    net = fit(CONFIG, bars[0])
    first, second = (loss_sensitivity(net, bars[0]) for _ in range(2))
    assert all(np.array_equal(first[name], second[name]) for name in first)
    assert torch.is_grad_enabled()
