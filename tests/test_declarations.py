"""What is declared of the neurons' parameters: one record, and what of it is impossible."""

import math

import pytest

from hetlava.declaration_text import by_parameter, clip_text, parse_clip, potential
from hetlava.declarations import CLIPS, PARAMETERS
from hetlava.distributions import Uniform
from hetlava.errors import ValidationError
from hetlava.train.config import TrainConfig


def config(**changes):
    return TrainConfig(dataset="none", dt=1e-3, n_steps=10, **changes)


def test_a_run_that_says_nothing_declares_what_it_always_did():
    declared = config().heterogeneity

    assert [name for name, _ in declared] == list(PARAMETERS)
    assert [d.learn for _, d in declared] == ["neuron", "neuron", "fixed", "fixed", "fixed"]
    assert declared.tau_mem.space == "log-tau" and declared.tau_mem.clip == CLIPS["chip"]
    assert declared.plain_potentials and declared.unit == 4.0
    assert config(qat=True).heterogeneity.threshold.learn == "neuron"
    assert config(learn_tau="none", learn=("tau_syn=layer",)).heterogeneity.tau_mem.learn == "fixed"


def test_one_record_holds_all_that_options_say():
    declared = config(
        threshold="uniform:500mV,1.5V",
        rest=-0.25,
        learn=("threshold=neuron", "tau_mem=layer"),
        space=("decay", "tau_syn=logit"),
        clip=("tau_mem=code2021", "threshold=0.5V,1.5V"),
        lr_of=("threshold=1e-3",),
        regularise=("tau_syn=log-variance:0.1", "rate:20Hz,1", "threshold=l2:2", "variance:3"),
    ).heterogeneity

    assert declared.threshold.distribution == Uniform(low=0.5, high=1.5, unit="V")
    assert declared.unit == 1.0 and declared.rest.distribution.mean == -0.25
    assert (declared.tau_mem.space, declared.tau_syn.space) == ("decay", "logit")
    assert declared.tau_mem.clip == CLIPS["code2021"] and declared.threshold.clip.high == 1.5
    assert (declared.threshold.lr, declared.rest.lr) == (1e-3, 0.01)
    assert declared.tau_syn.penalties == ("tau_syn=log-variance:0.1",)
    assert declared.tau_mem.penalties == ("variance:3",)


def test_what_is_written_in_several_ways_is_one_run():
    one = config(
        threshold="1V",
        reset="constant:0V",
        space=("tau_syn=decay", "tau_mem=decay"),
        clip=("tau_syn=0.002s, 100ms",),
        lr_of=("rest=1e-2",),
        regularise=("tau_mem=variance:1e-2", "rate: 20 Hz, .1"),
        learn=["tau_syn=layer", "tau_mem=layer"],
    )
    other = config(
        threshold=1,
        space=("decay",),
        clip=("tau_syn=2ms,100ms",),
        lr_of=("rest=0.01",),
        regularise=("variance:0.01", "rate:20Hz,0.1"),
        learn=("tau_mem=layer", "tau_syn=layer"),
    )

    assert one == other


def test_presets_of_clips_are_those_of_the_2021_paper():
    low, high = CLIPS["paper2021"].bounds(1e-3)
    assert low == pytest.approx(3) and high == pytest.approx(-1 / math.log(0.995))
    low, high = CLIPS["code2021"].bounds(1e-3, euler=True)
    # a step of Euler's method keeps 1 - dt / tau
    assert 1 - 1 / low == pytest.approx(2 / math.e) and high == pytest.approx(200)
    assert parse_clip("2ms,100ms", "s").bounds(1e-3) == (2, 100)
    assert clip_text("500mV,1V", "V") == "0.5V,1V"


def test_numbers_and_declarations_of_potentials_have_one_form():
    written = ("4", "-0.5V", "constant:20mV", "levels:1V, 2V", 3)
    assert [potential(v) for v in written] == [4.0, -0.5, 0.02, "levels:1V,2V", 3.0]
    assert by_parameter("learn", ("reset=layer", "tau_mem=fixed")) == {
        "tau_mem": "fixed",
        "reset": "layer",
    }


REFUSED = {
    "unknown parameter": ({"learn": ("gain=neuron",)}, "'gain' is unknown; known: tau_mem"),
    "twice": ({"learn": ("rest=layer", "rest=fixed")}, "'rest=fixed': given twice"),
    "alone": ({"learn": ("neuron",)}, "expected PARAM=VALUE"),
    "way": ({"learn": ("rest=some",)}, "rest=some, expected fixed or layer or channel or neuron"),
    "channel": ({"learn": ("tau_mem=channel",)}, "all layers are dense"),
    "space": ({"space": ("tau_mem=sqrt",)}, "tau_mem=sqrt, expected log-tau or decay or logit"),
    "space of volts": ({"space": ("rest=decay",)}, "rest=decay, expected linear"),
    "clip": ({"clip": ("paper",)}, "'paper' is unknown; known: chip, paper2021, code2021, or a"),
    "clip of volts": ({"clip": ("rest=code2021",)}, "known: chip, or a range as 0.5V,1.5V"),
    "clip below dt": ({"clip": ("tau_mem=0.1ms,9ms",)}, "begins at 0.1ms, expected at least dt"),
    "clip in order": ({"clip": ("tau_mem=9ms,2ms",)}, "not in order"),
    "clip unit": ({"clip": ("rest=1,2",)}, "1 has no unit; write 1V or 1mV"),
    "all outside": (
        {"tau_mem": "constant:500ms", "clip": ("paper2021",)},
        "tau_mem constant:500ms lies outside its clip 3ms .. 199",
    ),
    "rate": ({"lr_of": ("rest=-1",)}, "lr of a parameter is -1, expected at least 0"),
    "negative threshold": ({"threshold": "-1V"}, "threshold is -1 V in the mean, expected in"),
    "threshold at reset": ({"threshold": 1.0, "reset": 1.0}, "is not above reset"),
    "thresholds overlap": (
        {"threshold": "uniform:0V,2V", "reset": "uniform:0.5V,0.6V"},
        "threshold uniform:0V,2V is not above reset uniform:0.5V,0.6V everywhere",
    ),
    "gamma below 0": ({"threshold": "gamma:-1V,shape=3"}, "potential -1V is not above 0 V"),
    "family": ({"rest": "beta:1V"}, "'beta' is unknown; known, as examples: constant:1V"),
    "seconds": ({"threshold": "uniform:1ms,2ms"}, "unit 'ms' is unknown; known: V, mV"),
    "nothing": ({"threshold": "high"}, "'high' is not a voltage"),
    "fixed": ({"regularise": ("rest=l2:1",)}, "rest is fixed, nothing can move it; learn it"),
    "logarithm": ({"regularise": ("rest=log-variance:1",)}, "rest may be negative"),
    "rate of": ({"regularise": ("rest=rate:1Hz,1",)}, "a rate is of no parameter"),
    "blocks": ({"backend": "plain", "rest": 0.1}, "rest: the blocks of lava-dl have one fixed"),
    "blocks learn": (
        {"backend": "plain", "learn": ("threshold=layer",)},
        "use --backend fused, or --norse",
    ),
}


@pytest.mark.parametrize(("changes", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_impossible_is_refused(changes, message):
    with pytest.raises(ValidationError) as caught:
        config(**changes)
    assert message in str(caught.value)
