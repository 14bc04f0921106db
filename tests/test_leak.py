"""Decay words that make up for truncation, against the decay rule itself."""

from dataclasses import replace

import numpy as np
import pytest

from hetlava.activity import Amplitudes, amplitudes, spike_sensitivity
from hetlava.budget import TRUNCATION_LOSS
from hetlava.chips import LOIHI1
from hetlava.errors import ValidationError
from hetlava.events import from_dense
from hetlava.fixedpoint import decay, decay_word
from hetlava.leak import compensated_tau
from hetlava.network import Network, Population, Projection
from hetlava.neurons.cuba import CubaLIF
from hetlava.quantisation import quantise
from hetlava.sharing import share
from hetlava.sim import engine

DT = 1e-3


def measured_tau(word: int, start: int) -> float:
    """The time constant [s] with which the rule takes a state from ``start`` to a third of it."""
    x, d, n = np.array([start], np.int32), np.array([word], np.int32), 0
    while x[0] > start // 3:
        x, n = decay(x, d), n + 1
    return n * DT / np.log(start / x[0])


@pytest.mark.parametrize("tau", [0.02, 0.05, 0.1])
@pytest.mark.parametrize("start", [1 << 10, 1 << 12])
def test_a_state_decays_as_asked_once_truncation_is_made_up_for(tau, start):
    # the amplitude of a decay from start to a third: E[x^2] / E[x] of an exponential
    amplitude = np.array([start * (1 + 1 / 3) / 2])
    plain, made_up = (
        measured_tau(int(decay_word(np.array([t]), DT)[0]), start) / tau - 1
        for t in (tau, compensated_tau(np.array([tau]), DT, amplitude)[0])
    )
    # half a unit of the word, and truncation that is half a unit in the mean only
    word = 0.5 / decay_word(np.array([tau]), DT)[0]
    assert abs(made_up) < max(0.35 * abs(plain), 1.5 * word)


def test_the_smaller_word_and_what_truncation_adds_are_the_word_asked_for(rng):
    tau, amplitude = rng.uniform(0.002, 0.05, 50), rng.uniform(2e3, 1e6, 50)
    word, smaller = (-4096 * np.expm1(-DT / t) for t in (tau, compensated_tau(tau, DT, amplitude)))
    assert np.allclose(smaller + 4096 * TRUNCATION_LOSS / amplitude, word, rtol=1e-9)  # float64


def test_without_activity_nothing_is_made_up_for():
    tau = np.array([0.01, 0.5])
    assert np.allclose(compensated_tau(tau, DT, np.full(2, np.inf)), tau, rtol=1e-12)


def leaky_net(rng: np.random.Generator, n: int = 30) -> Network:
    """Neurons of long time constants and small states."""
    neurons = CubaLIF(
        tau_mem=rng.uniform(0.05, 0.2, n),
        tau_syn=np.full(n, 0.005),
        v_leak=np.zeros(n),
        v_threshold=np.full(n, 0.5),
        v_reset=np.zeros(n),
    )
    # one large weight keeps the scale, and with it the others' states, small
    # on the grid that the chip takes, so that rounding them is no part of the error
    weights = rng.integers(-3, 4, (n, 20)) / 127
    weights[0, 0] = 1.0
    return Network(
        dt=DT,
        n_inputs=20,
        n_steps=200,
        populations=(Population(name="p", neurons=neurons),),
        projections=(Projection(source="input", target="p", weights=weights),),
        output="p",
    )


def test_measured_amplitudes_bring_voltages_closer_to_the_float_network(rng):
    from hetlava.sim import floating

    net = leaky_net(rng)
    spikes = from_dense(rng.random((200, 4, 20)) < 0.1)
    rounded = quantise(net, replace(LOIHI1, decay_profiles=0))
    found = amplitudes(engine.run(rounded, spikes, probes=("u", "v")))
    made_up = share(rounded, 99, reference=net, amplitudes=found)
    truth = floating.run(net, spikes, probes=("v",)).v[0]

    def error(quantised) -> float:
        v = engine.run(quantised, spikes, probes=("v",)).v[0] / quantised.populations[0].scale
        return float(np.sqrt(np.mean((v - truth) ** 2)))

    assert error(made_up) < 0.8 * error(rounded)
    assert made_up.provenance["codebook"]["truncation made up"] == ["p"]


def test_amplitudes_are_those_of_least_squares(rng):
    net = leaky_net(rng, 3)
    rounded = quantise(net, replace(LOIHI1, decay_profiles=0))
    recording = engine.run(rounded, from_dense(rng.random((50, 2, 20)) < 0.3), probes=("u", "v"))
    v = np.abs(recording.v[0].astype(float))
    deltas = np.linspace(0.9, 1.1, 201) / amplitudes(recording)["p"].v[1]
    residual = [np.sum((delta * v[:, :, 1] - 1) ** 2 * (v[:, :, 1] > 0)) for delta in deltas]
    assert int(np.argmin(residual)) == 100


def test_neurons_that_fire_weigh_more_and_silent_ones_something(rng):
    net = leaky_net(rng)
    recording = engine.run(
        quantise(net, replace(LOIHI1, decay_profiles=0)), from_dense(rng.random((200, 4, 20)) < 0.3)
    )
    weights = spike_sensitivity(recording)["p"]
    counts = np.bincount(recording.spikes[0].index, minlength=30)
    assert weights.mean() == pytest.approx(1) and weights.min() > 0
    assert np.array_equal(np.argsort(weights, kind="stable"), np.argsort(counts, kind="stable"))
    with pytest.raises(ValidationError, match="traces u and v"):
        amplitudes(recording)


def test_amplitudes_of_other_neurons_are_refused(rng):
    net = leaky_net(rng)
    rounded = quantise(net, replace(LOIHI1, decay_profiles=0))
    wrong = {"p": Amplitudes(np.ones(3), np.ones(30))}
    with pytest.raises(ValidationError, match=r"p: amplitudes of u are not \(30,\) > 0"):
        share(rounded, 5, reference=net, amplitudes=wrong)
    with pytest.raises(ValidationError, match="unknown"):
        share(rounded, 5, reference=net, amplitudes={"q": wrong["p"]})
