"""Float networks on Xylo: shifts, scales, what does not fit, and files."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hetlava.chip_xylo import XYLO2
from hetlava.errors import RuleError, UnsupportedError
from hetlava.events import from_dense
from hetlava.export.net_hdf5 import read, write
from hetlava.float_synapses import Convolution
from hetlava.hardware.targets import target
from hetlava.hardware.xylo import dash_tau, nearest_dash, quantise
from hetlava.hardware.xylo_floats import dequantise
from hetlava.hardware.xylo_rules import violations
from hetlava.network import Network, Population, Projection, with_matrices
from hetlava.neurons.cuba import CubaLI, CubaLIF
from hetlava.sim import torch_engine


def lif(n: int, tau: np.ndarray, leak: float = 0.0) -> CubaLIF:
    return CubaLIF(
        tau_mem=tau,
        tau_syn=tau / 2,
        v_leak=np.full(n, leak),
        v_threshold=np.ones(n),
        v_reset=np.zeros(n),
    )


@pytest.fixture
def net(rng: np.random.Generator) -> Network:
    tau = dash_tau(rng.integers(2, 6, 20).astype(np.int32), 1e-3)
    out = dash_tau(np.full(3, 4, np.int32), 1e-3)
    weights = {
        ("hidden", "hidden"): rng.normal(0, 0.02, (20, 20)),
        ("input", "hidden"): rng.normal(0.1, 0.2, (20, 8)),
        ("hidden", "out"): rng.normal(0.05, 0.1, (3, 20)),
    }
    return Network(
        dt=1e-3,
        n_inputs=8,
        n_steps=40,
        populations=(
            Population(name="hidden", neurons=lif(20, tau)),
            Population(name="out", neurons=lif(3, out)),
        ),
        projections=tuple(
            Projection(source=a, target=b, weights=w) for (a, b), w in weights.items()
        ),
        output="out",
    )


def changed(net: Network, **words: np.ndarray) -> Network:
    first = replace(net.populations[0], neurons=replace(net.populations[0].neurons, **words))
    return replace(net, populations=(first, *net.populations[1:]))


def test_time_constants_of_shifts_are_those_of_the_decay() -> None:
    dash = np.arange(1, 8, dtype=np.int32)
    assert np.allclose(dash_tau(dash, 1.0), [1.44, 3.48, 7.49, 15.49, 31.5, 63.5, 127.5], atol=6e-3)
    assert np.array_equal(nearest_dash(dash_tau(dash, 1e-3), 1e-3), dash)


def test_the_nearest_shift_is_the_nearest_by_ratio() -> None:
    tau = np.geomspace(1e-3, 50, 400)
    every = dash_tau(np.arange(1, 16, dtype=np.int32), 1e-3)
    best = np.min(np.abs(np.log(tau[:, None] / every)), axis=1)
    assert np.allclose(np.abs(np.log(tau / dash_tau(nearest_dash(tau, 1e-3), 1e-3))), best)


def test_a_network_is_rounded_within_the_chips_limits(net: Network) -> None:
    made = target("xylo2").quantise(net)
    assert made == quantise(net) and violations(made, XYLO2) == ()
    assert made.reset == "subtract" and made.chip == "xylo2"
    assert [q.source for q in made.projections] == ["input", "hidden", "hidden"]
    groups = {(q.source, q.target): q for q in made.projections}
    for q in groups.values():
        assert 64 <= np.abs(q.weights).max() <= 127  # the range of the word is used
    rows = {row["name"]: row for row in made.provenance["budget"]}
    assert rows["hidden"]["tau_mem"]["worst"] < 1e-9  # these are powers of two already
    assert rows["input -> hidden"]["rms_error"] < 1


def test_rounding_keeps_the_voltage_of_a_neuron_that_does_not_spike(net: Network) -> None:
    """Below threshold the two equations differ by rounding alone: current and order included."""
    calm = changed(net, v_threshold=np.full(20, 50.0))
    made = quantise(calm)
    once = np.zeros((40, 1, 8), bool)
    once[2] = True
    inputs = from_dense(once)
    exact = target("float").run(calm, inputs, probes=("v",)).v[0]
    found = target("xylo2").run(made, inputs, probes=("v",)).v[0] / made.populations[0].scale
    # 8-bit weights: half a step of 128 a spike, and a unit lost per step by truncation
    assert np.abs(found - exact).max() < 0.02 * np.abs(exact).max()
    assert 5 < np.abs(exact).max() < 45


def test_a_bias_becomes_a_word(net: Network) -> None:
    made = quantise(changed(net, v_leak=np.full(20, 0.5)))
    bias, scale = made.populations[0].registers.bias, made.populations[0].scale
    dash = made.populations[0].registers.dash_mem
    assert np.array_equal(bias, np.rint(0.5 * scale * 2.0**-dash))


def test_every_reason_why_it_does_not_fit_is_given(net: Network) -> None:
    wrong = changed(net, tau_mem=np.full(20, 1e-3), v_reset=np.full(20, -0.1))
    with pytest.raises(RuleError) as caught:
        quantise(wrong)
    assert "hidden.tau_mem [dt]: 20 of 20 outside" in str(caught.value)
    assert "hidden.v_reset [V]: 20 of 20 outside" in str(caught.value)


def test_a_network_of_another_shape_does_not_fit(net: Network) -> None:
    wide = replace(
        net,
        n_inputs=17,
        projections=(
            Projection(source="input", target="hidden", weights=np.ones((20, 17))),
            Projection(source="input", target="out", weights=np.ones((3, 17))),
            Projection(source="out", target="hidden", weights=np.ones((20, 3))),
        ),
    )
    with pytest.raises(RuleError) as caught:
        quantise(wide)
    for part in (
        "17 inputs, the chip has 16",
        "no synapses from input to output",
        "output neurons have no synapses",
    ):
        assert part in str(caught.value)


def test_integrators_are_refused(net: Network) -> None:
    out = net.populations[1].neurons
    silent = CubaLI(tau_mem=out.tau_mem, tau_syn=out.tau_syn, v_leak=out.v_leak)
    last = replace(net.populations[1], neurons=silent)
    with pytest.raises(RuleError, match="integrators without spikes, the chip has none"):
        quantise(replace(net, populations=(net.populations[0], last), readout="max-voltage"))


def test_registers_that_were_changed_are_checked(net: Network) -> None:
    made = quantise(net)
    first, second, third = made.projections
    late = replace(first, synaptic_delays=np.full(first.shape, 2, np.int8), message_bits=0)
    large = replace(second, weights=np.full((20, 20), 200, np.int16), weight_exp=9)
    found = violations(replace(made, projections=(late, large, third, third)), XYLO2)
    text = "\n".join(map(str, found))
    for part in (
        "input -> hidden: has delays",
        "400 of 400 weights outside [-128, 127]",
        "message_bits 0, up to 15 spikes",
        "recurrent weights.weight_exp: 1 of 1 outside [0, 7]",
        "hidden -> out: is there twice",
    ):
        assert part in text
    (turned,) = violations(replace(made, projections=(second, first, third)), XYLO2)
    assert "not in the order of their sources" in str(turned)


def test_registers_stand_for_floats(net: Network) -> None:
    made = quantise(changed(net, v_leak=np.full(20, 0.3)))
    again = target("xylo2").dequantise(made)
    scale = {p.name: p.scale for p in made.populations}
    for p, q in zip(net.populations, again.populations, strict=True):
        assert isinstance(q.neurons, CubaLIF)
        assert np.allclose(q.neurons.tau_mem, p.neurons.tau_mem, rtol=1e-12)  # powers of two
        assert np.allclose(
            q.neurons.tau_syn, dash_tau(nearest_dash(p.neurons.tau_syn, 1e-3), 1e-3), rtol=1e-12
        )
        # whole thresholds: half a unit of the state
        off = np.abs(q.neurons.v_threshold - p.neurons.v_threshold)
        assert np.all(off <= 0.5 / scale[p.name] * (1 + 1e-9))
    # a whole bias of every step, kept for 2**5 steps at most
    assert np.abs(again.populations[0].neurons.v_leak - 0.3).max() <= 16 / scale["hidden"]
    exact = {(q.source, q.target): q.weights for q in net.projections}
    for q, kept in zip(made.projections, again.projections, strict=True):
        half = 0.5 * 2.0**q.weight_exp / scale[q.target]
        error = np.abs(kept.weights - exact[q.source, q.target])
        assert error.max() <= half and not kept.message_bits
    assert np.array_equal(
        np.floor(again.populations[0].neurons.v_threshold * scale["hidden"]) + 1,
        made.populations[0].registers.vth,
    )


def test_registers_that_no_float_stands_for_are_refused(net: Network) -> None:
    made = quantise(net)
    first = made.populations[0]
    at_once = replace(first.registers, dash_mem=np.zeros(20, np.int32))
    for wrong, reason in (
        (replace(first, registers=at_once), "a shift of 0 loses all in a step"),
        (replace(first, scale=0.0), "its scale back to volts is not known"),
    ):
        with pytest.raises(UnsupportedError, match=reason):
            dequantise(replace(made, populations=(wrong, made.populations[1])))


def test_kernels_are_held_as_their_matrices(net: Network) -> None:
    kernel = Convolution(
        source="input",
        target="hidden",
        weights=np.linspace(-0.2, 0.4, 15).reshape(5, 1, 3, 1),
        input_shape=(1, 4, 2),
        padding=((1, 0), (0, 0)),
        stride=(2, 1),
    )
    others = tuple(q for q in net.projections if q.source != "input")
    imaged = replace(net, projections=(kernel, *others))
    assert quantise(imaged) == quantise(with_matrices(imaged))


def test_a_file_keeps_it_whole(net: Network, tmp_path: Path) -> None:
    made = quantise(net)
    write(tmp_path / "x.net", made)
    assert read(tmp_path / "x.net") == made


def test_what_only_sums_messages_refuses_it(net: Network) -> None:
    pytest.importorskip("torch")
    with pytest.raises(UnsupportedError, match="order in which messages arrive matters"):
        torch_engine.run(quantise(net), from_dense(np.zeros((3, 1, 8), bool)))


def test_neither_placed_nor_run_on_other_chips(net: Network) -> None:
    made = quantise(net)
    with pytest.raises(UnsupportedError, match="has no cores"):
        target("xylo2").place(made)
    with pytest.raises(UnsupportedError, match="was rounded for xylo2, not loihi2"):
        target("loihi2-sim").run(made, from_dense(np.zeros((3, 1, 8), bool)))
