"""The targets with virtual dies."""

from dataclasses import replace

import numpy as np
import pytest

from hetlava.chip_analog import BRAINSCALES2
from hetlava.errors import UnsupportedError
from hetlava.events import from_dense
from hetlava.hardware.bss2_sim import bss2_target, within_ranges
from hetlava.hardware.dynapse2_like import dynapse2_target
from hetlava.hardware.mismatch_presets import PRESETS
from hetlava.hardware.targets import target

MAKERS = {"bss2-sim": bss2_target, "dynapse2-like": dynapse2_target}


@pytest.fixture
def inputs(rng):
    return from_dense(rng.random((40, 15, 12)) < 0.3)


@pytest.mark.parametrize("name", MAKERS)
def test_seeds_make_dies_and_trials(float_network, inputs, name):
    net, make = float_network(), MAKERS[name]
    first = make(3).run(net, inputs, seed=1, trials=2)
    assert first.spikes == make(3).run(net, inputs, seed=1, trials=2, threads=2).spikes
    assert first.spikes != make(4).run(net, inputs, seed=1, trials=2).spikes
    assert first.target == name and first.provenance == "simulated"
    assert first.details["chip seed"] == 3
    one, two = first.spikes[0].samples(0, 15), first.spikes[0].samples(15, 30)
    # dynapse2-like has no noise from trial to trial
    assert (one == two) == (name == "dynapse2-like")


@pytest.mark.parametrize("name", MAKERS)
def test_the_listed_target_is_the_first_die(float_network, inputs, name):
    net = float_network()
    assert target(name).run(net, inputs).spikes == MAKERS[name](0).run(net, inputs).spikes
    assert target(name).unavailable() is None


def test_what_a_chip_cannot_hold_is_said(float_network):
    net = float_network(n_hidden=600, tau_mem=0.08)
    said = {v.where: v.text for v in bss2_target().check(net)}
    assert said == {
        "network": "605 neurons, a chip has 512",
        "hidden.tau_mem": "600 of 600 outside [0.5, 60] ms",
        "out.tau_mem": "5 of 5 outside [0.5, 60] ms",
        "out": "600 signed inputs, a neuron has 128",
    }
    assert bss2_target().check(float_network()) == ()
    dynapse = {v.where for v in dynapse2_target().check(net)}
    assert dynapse == {"out"}


def test_time_constants_out_of_range_run_at_its_end_and_are_counted(float_network, inputs):
    net = float_network(tau_mem=0.08)
    moved, count = within_ranges(net, BRAINSCALES2)
    assert count == 35 and all((p.neurons.tau_mem == 0.06).all() for p in moved.populations)
    recording = bss2_target().run(net, inputs)
    assert recording.details["time constants moved into the chip's range"] == 35
    assert recording.spikes == bss2_target().run(moved, inputs).spikes


def test_networks_are_rounded_to_six_bits(float_network):
    rounded = bss2_target().quantise(float_network())
    for q in rounded.projections:
        assert np.abs(np.rint(q.weights / q.grid)).max() <= BRAINSCALES2.weight_max


def test_mismatch_costs_and_its_absence_does_not(float_network, inputs):
    net = float_network()
    still = replace(PRESETS["ideal"], weight_bits=0)
    dies = [bss2_target(s, still).run(net, inputs).spikes for s in (0, 1)]
    assert dies[0] == dies[1]


def test_networks_of_integers_are_refused(random_network, rng, inputs):
    net, x = random_network(rng)
    with pytest.raises(UnsupportedError, match="bss2-sim: the network is an integer one"):
        bss2_target().run(net, x)
