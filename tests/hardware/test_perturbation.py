"""Networks on a die: in steps and in continuous time alike."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetlava.errors import ValidationError
from hetlava.events import from_dense
from hetlava.hardware.mismatch import draw
from hetlava.hardware.mismatch_presets import PRESETS
from hetlava.hardware.perturbation import perturb, swings, to_circuit
from hetlava.hardware.weight_grid import on_grid, round_weights, weight_step
from hetlava.sim import analog, floating
from hetlava.sim.analog import Analog
from hetlava.sim.analog_network import to_analog

UNCALIBRATED = PRESETS["bss2-uncalibrated"]


def test_without_mismatch_and_rounding_nothing_changes(float_network):
    net = float_network()
    ideal = replace(PRESETS["ideal"], weight_bits=0)
    same = perturb(net, draw(ideal, net, 5))
    assert same == replace(net, projections=same.projections)
    for a, b in zip(same.projections, net.projections, strict=True):
        assert np.array_equal(a.weights, b.weights)


@pytest.mark.parametrize("readout", ["spike-count", "max-voltage"])
def test_a_perturbed_network_is_its_circuit_on_a_clock(float_network, rng, readout):
    net = float_network(readout=readout)
    inputs = from_dense(rng.random((40, 20, 12)) < 0.3)
    perturbed = perturb(net, draw(UNCALIBRATED, net, 2))
    expected = floating.run(perturbed, inputs)
    found = analog.run(to_analog(perturbed), inputs, Analog(clocked=True)).recording
    assert found.spikes == expected.spikes and expected.spikes[0].n_events > 100
    assert np.allclose(found.scores, expected.scores, rtol=1e-9, atol=1e-12)


def test_time_constants_change_the_length_of_a_response_not_its_slope(float_network):
    net = float_network()
    only_tau = replace(
        PRESETS["ideal"], sources=UNCALIBRATED.sources, weight_bits=0, tau_mem=0.3, tau_syn=0.25
    )
    die = draw(only_tau, net, 1)
    before, after = to_analog(net), to_analog(perturb(net, die))
    for a, b in zip(before.projections, after.projections, strict=True):
        assert np.allclose(a.weights, b.weights, rtol=1e-12)
    factors = np.concatenate([p.tau_mem for p in after.populations]) / np.concatenate(
        [p.tau_mem for p in before.populations]
    )
    assert np.allclose(factors, die.tau_mem, rtol=1e-12)


def test_the_sign_of_a_weight_picks_the_row_that_it_sits_in(float_network):
    net = float_network()
    die = draw(replace(UNCALIBRATED, weight_bits=0, tau_mem=0.0, tau_syn=0.0), net, 1)
    flipped = tuple(replace(q, weights=-q.weights) for q in net.projections)
    q, f = perturb(net, die).projections[0], perturb(replace(net, projections=flipped), die)
    gain = q.weights / net.projections[0].weights
    rows = np.where(net.projections[0].weights > 0, 0, 1)
    own = np.take_along_axis(die.synapse_gain[0], rows[None], 0)[0]
    assert np.allclose(gain, own * die.gain[:, :30].T[np.arange(30)[:, None], rows], rtol=1e-12)
    assert not np.allclose(-f.projections[0].weights, q.weights)


def test_dead_neurons_never_fire(float_network, rng):
    net = float_network()
    die = draw(replace(UNCALIBRATED, dead=0.4), net, 0)
    inputs = from_dense(rng.random((40, 10, 12)) < 0.5)
    counts = analog.run(to_circuit(net, die).analog, inputs).recording.spikes[0].counts().sum(0)
    dead = die.dead[:30]
    assert 5 < dead.sum() < 25 and not counts[dead].any() and counts[~dead].mean() > 10


def test_a_circuit_has_the_bounds_and_the_refractory_times_of_the_die(float_network):
    net = float_network()
    die = draw(UNCALIBRATED, net, 0)
    circuit = to_circuit(net, die)
    hidden = circuit.analog.populations[0]
    assert np.allclose(hidden.refractory, 0.5e-3 * die.refractory[:30], rtol=1e-12)
    swing = swings(net)["hidden"]
    assert np.allclose(hidden.current_max, 2.0 * swing / 1e-3, rtol=1e-12)
    assert np.array_equal(hidden.v_start, hidden.v_leak)
    short = to_circuit(net, draw(replace(UNCALIBRATED, refractory_steps=0.0), net, 0))
    # the least that the chip can do
    assert np.allclose(short.analog.populations[0].refractory, 40e-6 * die.refractory[:30])


def test_trials_move_thresholds_by_their_jitter(float_network):
    net = float_network(n_hidden=3000)
    circuit = to_circuit(net, draw(UNCALIBRATED, net, 0))
    rng = np.random.default_rng(0)
    one, two = (circuit.trial(rng).populations[0].v_threshold for _ in range(2))
    shift = (one - circuit.analog.populations[0].v_threshold) / swings(net)["hidden"]
    assert shift.std() == pytest.approx(0.015, rel=0.1) and not np.array_equal(one, two)
    still = replace(circuit, threshold_jitter=0.0)
    assert still.trial(rng) == circuit.analog


def test_a_die_of_another_network_is_refused(float_network):
    die = draw(UNCALIBRATED, float_network(n_hidden=20), 0)
    with pytest.raises(ValidationError, match="drawn for 25 neurons .* the network has 35"):
        perturb(float_network(), die)


@given(st.integers(0, 2**32 - 1), st.integers(1, 8))
def test_rounded_weights_are_whole_numbers_of_few_bits(seed, bits):
    rng = np.random.default_rng(seed)
    weights = rng.standard_t(3, (7, 11))
    step, top = weight_step(weights, bits), (1 << bits) - 1
    codes = on_grid(weights, step, bits) / step
    assert np.allclose(codes, np.rint(codes), atol=1e-9) and np.abs(codes).max() <= top + 1e-9
    unclipped = np.abs(weights).max() / top
    error, plain = (np.square(on_grid(weights, s, bits) - weights).sum() for s in (step, unclipped))
    assert error <= plain
    # rounding again changes nothing: the grid is kept when the largest code is in use
    if np.abs(np.rint(codes)).max() == top:
        again = on_grid(on_grid(weights, step, bits), step, bits)
        assert np.array_equal(again, on_grid(weights, step, bits))


def test_one_scale_serves_all_that_reaches_a_population(float_network):
    net = float_network()
    skip = replace(net.projections[0], target="out", weights=10 * net.projections[0].weights[:5])
    rounded = round_weights(replace(net, projections=(*net.projections, skip)), 6)
    grids = [q.grid for q in rounded.projections]
    assert grids[1] == grids[2] != grids[0]
    assert round_weights(net, 0) is net
