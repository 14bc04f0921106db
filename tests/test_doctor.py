"""What the doctor says of networks with one fault each, and of sound ones."""

from dataclasses import replace

import numpy as np
import pytest

from hetlava.chips import LOIHI1, LOIHI2
from hetlava.doctor import RULES, SEVERITIES, examine
from hetlava.network import Network, Population, Projection
from hetlava.neurons.adaptive import AlifRegisters
from hetlava.neurons.cuba import CubaLIF, CubaRegisters
from hetlava.quantisation import quantise
from hetlava.quantised import QuantisedNetwork, QuantisedPopulation, QuantisedProjection

SOUND = {"du": 400, "dv": 200, "vth": 2000, "bias_mant": 0, "bias_exp": 6}


def population(name, n=3, *, spiking=True, **given):
    words = {k: np.full(n, v, np.int32) for k, v in (SOUND | given).items()}
    return QuantisedPopulation(name=name, registers=CubaRegisters(**words, spiking=spiking))


def projection(source, target, weights=80, shape=(3, 3), **given):
    weights = np.array(np.broadcast_to(weights, shape), np.int16)
    return QuantisedProjection(source=source, target=target, weights=weights, **given)


def network(populations, projections, **given):
    return QuantisedNetwork(
        chip="loihi2",
        dt=1e-3,
        n_inputs=3,
        n_steps=10,
        populations=tuple(populations),
        projections=tuple(projections),
        output=populations[-1].name,
        **given,
    )


def chain(a=None, b=None, first=None, second=None, **given):
    """The input leads to ``a``, which leads to ``b``; nothing is wrong with what is not given."""
    members = [a or population("a"), b or population("b")]
    return network(
        members, [first or projection("input", "a"), second or projection("a", "b")], **given
    )


def findings(net, rule=None, chip=LOIHI2):
    return [f for f in examine(net, chip) if rule in (None, f.rule)]


def the_only(net, rule, chip=LOIHI2):
    (found,) = findings(net, rule, chip)
    return found


def test_a_sound_network_has_no_findings():
    assert examine(chain(), LOIHI2) == ()


def test_a_network_that_was_quantised_fits(rng):
    lif = CubaLIF(
        tau_mem=rng.uniform(0.005, 0.05, 30),
        tau_syn=rng.uniform(0.002, 0.02, 30),
        v_leak=np.zeros(30),
        v_threshold=np.ones(30),
        v_reset=np.zeros(30),
    )
    net = Network(
        dt=1e-3,
        n_inputs=20,
        n_steps=10,
        populations=(Population(name="a", neurons=lif),),
        projections=(Projection(source="input", target="a", weights=rng.normal(0, 0.1, (30, 20))),),
        output="a",
    )
    assert {f.severity for f in examine(quantise(net, LOIHI2), LOIHI2)} <= {"note"}


def test_odd_weights_of_both_signs_are_counted():
    found = the_only(chain(first=projection("input", "a", [128, 3, -5])), "weights_fit")
    assert (found.severity, found.where, found.count) == ("error", "input -> a", 6)
    assert "not multiples of 2" in found.text and "round" in found.cure


@pytest.mark.parametrize(
    ("weights", "given", "count"),
    [
        ([127, 3, -128], {}, 0),
        ([127, 3, -129], {}, 9),
        ([127, 3, -5], {"weight_exp": -6}, 0),
        ([127, 3, -5], {"weight_exp": -7}, 9),
        ([7, 1, -8], {"weight_bits": 4}, 0),
        ([8, 1, -8], {"weight_bits": 4}, 9),
        ([16, 2, -18], {"weight_bits": 4}, 9),
        ([14, 2, -16], {"weight_bits": 4}, 0),
    ],
)
def test_small_odd_weights_are_larger_even_ones_with_a_smaller_exponent(weights, given, count):
    found = findings(chain(first=projection("input", "a", weights, **given)), "weights_fit")
    assert sum(f.count for f in found) == count


def test_odd_weights_of_one_sign_are_on_the_grid():
    assert not findings(chain(first=projection("input", "a", [80, 3, 255])))


@pytest.mark.parametrize(
    ("weights", "exponent", "text"),
    [
        ([80, 80, -256], 0, None),
        (-256, 0, "3 of 9 weights outside [-255, 255]"),
        ([80, 80, 2], 8, "weight_exp 8 outside [-7, 7]"),
    ],
)
def test_weights_outside_the_grid_are_named(weights, exponent, text):
    weights = [[weights] * 3] + [[-255] * 3] * 2 if weights == -256 else weights
    net = chain(first=projection("input", "a", weights, weight_exp=exponent))
    assert [f.text for f in findings(net, "weights_fit")] == ([text] if text else [])


@pytest.mark.parametrize(
    ("word", "value", "rule"),
    [
        ("vth", 1 << 17, "thresholds_fit"),
        ("vth", 0, "thresholds_fit"),
        ("bias_mant", 4096, "biases_fit"),
        ("bias_exp", 8, "biases_fit"),
        ("du", -1, "decays_fit"),
        ("dv", 4096, "decays_fit"),
    ],
)
def test_a_word_that_its_register_cannot_hold_is_an_error(word, value, rule):
    found = the_only(chain(a=population("a", **{word: value})), rule)
    assert (found.severity, found.where, found.count) == ("error", f"a.{word}", 3)


def test_profiles_of_a_smaller_chip_count():
    every = population("a", 4096, dv=np.arange(4096))
    net = network([every], [projection("input", "a", 80, (4096, 3))])
    assert not findings(net, "neurons_fit", LOIHI2)
    assert the_only(net, "neurons_fit", LOIHI1).severity == "error"


def test_neurons_without_leak_are_counted():
    found = the_only(chain(a=population("a", dv=[200, 0, 0])), "leak_exists")
    assert (found.severity, found.where, found.count) == ("warning", "a.dv", 2)
    assert "2 of 3 neurons (first 1)" in found.text


@pytest.mark.parametrize(("word", "value"), [("du", 4095), ("du", 4094), ("dv", 4095)])
def test_states_without_memory_are_noted(word, value):
    found = the_only(chain(a=population("a", **{word: value})), "memory_exists")
    assert (found.severity, found.where, found.count) == ("note", f"a.{word}", 3)


@pytest.mark.parametrize(("word", "coarse"), [("du", [8, 0, 9]), ("dv", [9, 1, 10])])
def test_words_too_small_for_their_time_constant_are_counted(word, coarse):
    found = the_only(chain(a=population("a", **{word: coarse})), "time_constants_resolved")
    assert (found.severity, found.where, found.count) == ("warning", f"a.{word}", 2)
    assert "the smallest 1: 12 bits resolve them to 50 % only" in found.text


def test_words_that_quantisation_moved_are_told_from_the_budget():
    rows = [{"name": "a", "dead_words": 2, "saturated_words": 0}, {"name": "b", "dead_words": 0}]
    found = the_only(chain(provenance={"budget": rows}), "words_kept")
    assert (found.severity, found.where, found.count) == ("warning", "a", 2)
    assert "rounded to 0" in found.text


@pytest.mark.parametrize(
    "value", [None, 3, "text", ["text", 1, None], [{"dead_words": "many"}], [[]], {"a": 1}]
)
def test_a_provenance_of_anything_does_not_mislead(value):
    net = chain(provenance={"budget": value})
    assert examine(net, LOIHI2) == ()


def test_weights_that_netx_changed_are_told():
    text = "layer/1/weight: netx changes 7 of 9 weights"
    found = the_only(chain(provenance={"netx_changes": [text]}), "weights_as_trained")
    assert (found.severity, found.where, found.count) == ("warning", "layer/1/weight", 7)


def test_what_netx_does_not_do_as_trained_is_a_note():
    text = "layer/1/delay: netx drops the delays of a kernel"
    net = chain(provenance={"netx_changes": [text]})
    found = the_only(net, "layers_as_trained")
    assert (found.severity, found.where, found.count) == ("note", "layer/1/delay", 1)
    assert "hetlava runs what SLAYER trained" in found.text
    assert not findings(net, "weights_as_trained")


def test_a_layer_that_netx_takes_otherwise_counts_its_neurons():
    net = chain(provenance={"netx_changes": ["layer/1: a pool, which netx does not load"]})
    renamed = replace(net.populations[0], name="layer1")
    wires = [
        replace(q, **{end: "layer1" for end in ("source", "target") if getattr(q, end) == "a"})
        for q in net.projections
    ]
    net = replace(net, populations=(renamed, net.populations[1]), projections=tuple(wires))
    assert the_only(net, "layers_as_trained").count == 3


@pytest.mark.parametrize(("vth", "count"), [(4095, 0), ([80, 4096, 5000], 2)])
def test_thresholds_that_slayer_meets_are_told_of_its_files_alone(vth, count):
    net = chain(a=population("a", vth=vth), provenance={"format": "lava-dl"})
    found = findings(net, "thresholds_as_trained")
    assert sum(f.count for f in found) == count
    assert all((f.severity, f.where) == ("note", "a.vth") for f in found)
    assert not findings(replace(net, provenance={}), "thresholds_as_trained")


def adaptive(**given):
    sound = {"du": 900, "dv": 300, "dth": 100, "dr": 200, "vth": 90, "vth_step": 20, "bias_mant": 0}
    words = {k: np.full(3, v, np.int32) for k, v in (sound | given).items()}
    return QuantisedPopulation(name="a", registers=AlifRegisters(**words))


@pytest.mark.parametrize(
    ("given", "rule", "where"),
    [
        ({"dth": 0}, "adaptation_ends", "a.dth"),
        ({"dr": 0}, "adaptation_ends", "a.dr"),
        ({"vth": 0}, "adapting_neurons_rest", "a"),
        ({"dv": 0}, "adapting_voltages_leak", "a.dv"),
    ],
)
def test_neurons_whose_adaptation_goes_wrong_are_told(given, rule, where):
    assert not findings(chain(a=adaptive()))
    found = the_only(chain(a=adaptive(**given)), rule)
    assert (found.severity, found.where, found.count) == ("warning", where, 3)


@pytest.mark.parametrize(("vth", "count"), [(2000, 0), ([300, 340, 2000], 1)])
def test_a_small_threshold_makes_truncation_leak(vth, count):
    # 0.494 * 4096 / (200 * 32 vth) is 1 % at vth 31.6 for dv 200, 316 for dv 20
    net = chain(a=population("a", vth=vth, dv=20))
    assert sum(f.count for f in findings(net, "truncation_small")) == count


def test_a_readout_has_no_threshold_to_leak_at():
    readout = population("b", vth=1, dv=1, spiking=False)
    net = chain(b=readout, readout="max-voltage")
    assert not findings(net, "truncation_small") and not findings(net, "neurons_can_spike")


def test_silent_neurons_are_a_warning_and_a_silent_layer_an_error():
    weights = [[80] * 3, [0] * 3, [-80] * 3]
    some = the_only(chain(second=projection("a", "b", weights)), "neurons_can_spike")
    assert (some.severity, some.where, some.count) == ("warning", "b", 2)
    assert "neuron 1 reaches v = 0 at most, its threshold is 128000" in some.text
    every = the_only(chain(second=projection("a", "b", -80)), "neurons_can_spike")
    assert (every.severity, every.count) == ("error", 3)


def test_neurons_that_cannot_rest_are_counted():
    # 2000 << 6 is the threshold
    found = the_only(chain(a=population("a", bias_mant=[2000, 2001, 0])), "neurons_can_rest")
    assert (found.severity, found.where, found.count) == ("warning", "a", 1)


@pytest.mark.parametrize(("exponent", "share"), [(5, None), (6, "83.5 %"), (7, "41.8 %")])
def test_a_current_that_can_wrap_is_told_with_its_share(exponent, share):
    # 240 << 6 + exponent at every step takes u to 4096 / 401 of it
    net = chain(first=projection("input", "a", 80, weight_exp=exponent))
    assert all(share in f.text for f in findings(net))
    expected = [("currents_stay", "note", "a.u")] if share else []
    assert [(f.rule, f.severity, f.where) for f in findings(net)] == expected


def test_a_current_that_little_input_wraps_is_a_warning():
    net = chain(a=population("a", du=0), first=projection("input", "a", 80, weight_exp=7))
    found = the_only(net, "currents_stay")
    assert (found.severity, found.count) == ("warning", 3)
    assert "takes it to 8.05e+09, 0.104 % of it, lasting, is enough" in found.text


def test_a_current_without_decay_can_take_any_value():
    assert "to any value" in the_only(chain(a=population("a", du=-1)), "currents_stay").text


def test_sums_beyond_32_bits_are_told():
    wide = [projection("input", "a", 255, weight_exp=16), projection("input", "a", 4)]
    net = network([population("a")], wide)
    found = the_only(net, "sums_fit")
    assert (found.severity, found.where, found.count) == ("warning", "a.u", 3)


def test_a_voltage_that_can_be_clipped_is_told():
    # with dv 1 the voltage reaches 4096 times the current
    net = chain(a=population("a", dv=1), first=projection("input", "a", -80))
    found = the_only(net, "voltages_stay")
    assert (found.severity, found.where, found.count) == ("warning", "a.v", 3)
    assert "would take it to 6.43e+08, 1.31 % of it" in found.text


def test_a_voltage_that_spikes_before_it_is_clipped_is_fine():
    net = chain(a=population("a", dv=1), first=projection("input", "a", 80))
    assert not findings(net, "voltages_stay")


def test_a_population_that_the_input_never_reaches_is_told():
    net = network(
        [population("a"), population("b")], [projection("input", "b"), projection("a", "b")]
    )
    found = the_only(net, "input_reaches")
    assert (found.severity, found.where, found.count) == ("warning", "a", 3)


def test_a_population_without_a_say_in_the_output_is_told():
    net = network(
        [population("a"), population("b")], [projection("input", "a"), projection("input", "b")]
    )
    found = the_only(net, "output_is_reached")
    assert (found.severity, found.where, found.count) == ("warning", "a", 3)


def test_a_loop_apart_is_told_from_both_sides():
    loop = [projection("a", "b"), projection("b", "a"), projection("input", "c")]
    net = network([population("a"), population("b"), population("c")], loop)
    for rule in ("input_reaches", "output_is_reached"):
        assert {f.where for f in findings(net, rule)} == {"a", "b"}


def test_weights_of_nothing_but_zeros_cut_the_network():
    net = chain(second=projection("a", "b", 0))
    assert the_only(net, "weights_exist").where == "a -> b"
    assert the_only(net, "input_reaches").where == "b"
    assert the_only(net, "output_is_reached").where == "a"


def test_the_worst_comes_first_and_every_finding_says_what_to_do(random_network, rng):
    nets = [random_network(rng, extreme=True)[0] for _ in range(60)]
    for found in map(findings, nets):
        ranks = [SEVERITIES.index(f.severity) for f in found]
        assert ranks == sorted(ranks)
        assert all(f.rule and f.where and f.count > 0 and f.text and f.cure for f in found)


def test_every_rule_finds_something_somewhere(random_network, rng):
    nets = [random_network(rng, extreme=True)[0] for _ in range(60)]
    named = {"weights_as_trained", "layers_as_trained", "words_kept", "chip_limits"}
    named |= {"thresholds_as_trained", "adaptation_ends", "adapting_neurons_rest"}
    named |= {"adapting_voltages_leak", "silence_ends"}
    assert {f.rule for net in nets for f in findings(net)} >= {r.__name__ for r in RULES} - named


def test_a_network_is_not_changed_by_a_look_at_it(random_network, rng):
    net, _ = random_network(rng, extreme=True)
    before = replace(net)
    examine(net, LOIHI2)
    assert net == before
