"""The presets on real recordings, and the flow from training to the chip's integers."""

import pytest

from hetlava.chips import LOIHI2
from hetlava.datasets import load
from hetlava.errors import ValidationError
from hetlava.quantisation import quantise
from hetlava.sim.reference import run
from hetlava.train.config import config_for
from hetlava.train.fit import fit

pytestmark = pytest.mark.lava


def trained(dataset, **asked):
    """Train and return the network, its test accuracy as trained, and as quantised."""
    config, history = config_for(dataset, **asked), []
    test = load(dataset, "test")
    network = fit(config, load(dataset, "train"), test, on_epoch=history.append)
    recording = run(quantise(network, LOIHI2), test.binned(config.dt, config.n_steps))
    return history[-1].test_accuracy, float((recording.predictions == test.labels).mean())


def test_digits_are_learned_in_a_few_epochs_and_kept_by_the_integers():
    pytest.importorskip("sklearn")

    as_trained, quantised = trained("digits", epochs=4, hidden=(48,))

    assert as_trained >= 0.9
    # the blocks were trained on the chip's integers already
    assert quantised == as_trained


@pytest.mark.slow
def test_the_preset_of_digits_reaches_95_percent():
    pytest.importorskip("sklearn")

    assert trained("digits")[0] >= 0.95


def test_norse_learns_digits_in_a_few_epochs_and_the_integers_lose_a_point_at_most():
    pytest.importorskip("sklearn")

    as_trained, quantised = trained("digits", trainer="norse", epochs=4, hidden=(48,))

    assert as_trained >= 0.9
    # weights, thresholds and decays are kept; what is lost is lost by truncating states
    assert quantised >= as_trained - 0.01


@pytest.mark.slow
@pytest.mark.parametrize("recurrent", [False, True])
def test_norses_preset_of_digits_reaches_95_percent(recurrent):
    pytest.importorskip("sklearn")

    as_trained, quantised = trained("digits", trainer="norse", recurrent=recurrent)

    assert as_trained >= 0.95
    assert quantised >= as_trained - 0.01


@pytest.mark.slow
@pytest.mark.data
def test_cochlea_digits_are_learned_better_than_by_the_reduced_prototype():
    as_trained, quantised = trained("cochlea-digits", trainer="norse", epochs=6, half_life=4.0)

    assert as_trained >= 0.6
    assert quantised >= as_trained - 0.03


def test_the_preset_of_cochlea_digits_suits_both_trainers():
    norse = config_for("cochlea-digits", trainer="norse")

    assert norse.recurrent
    assert norse.readout == "mean"
    assert not config_for("cochlea-digits", trainer="slayer").recurrent
    assert not config_for("cochlea-digits", trainer="norse", augment=()).augment


@pytest.mark.slow
@pytest.mark.data
def test_nmnist_is_learned_from_its_recordings():
    as_trained, quantised = trained("nmnist", epochs=6)

    assert as_trained >= 0.7
    assert quantised == as_trained


def test_what_is_asked_for_stands_in_for_the_preset():
    config = config_for("digits", epochs=3, lr=None)

    assert config.epochs == 3
    assert config.lr == config_for("digits").lr


def test_a_maximum_over_time_is_learned_more_slowly_unless_asked_otherwise():
    slow = config_for("digits", trainer="norse", readout="max-over-time")
    asked = config_for("digits", trainer="norse", readout="max-over-time", lr=0.02)

    assert slow.lr < config_for("digits", trainer="norse", readout="last").lr
    assert asked.lr == 0.02


def test_a_preset_of_an_unknown_data_set_lists_the_known():
    with pytest.raises(ValidationError, match="known: digits, nmnist"):
        config_for("cifar")
