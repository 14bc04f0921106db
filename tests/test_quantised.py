"""The integer network: what it refuses, and that random ones stand all checks."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetlava.errors import ValidationError
from hetlava.neurons.cuba import CubaRegisters
from hetlava.quantised import QuantisedNetwork, QuantisedPopulation, QuantisedProjection


def registers(n=2, **changes):
    values = {"du": 400, "dv": 100, "vth": 64, "bias_mant": 0, "bias_exp": 0}
    return CubaRegisters(**{k: np.full(n, v, np.int32) for k, v in values.items()} | changes)


@pytest.fixture
def net():
    return QuantisedNetwork(
        chip="loihi2",
        dt=1e-3,
        n_inputs=3,
        n_steps=10,
        populations=(QuantisedPopulation(name="out", registers=registers()),),
        projections=(
            QuantisedProjection(source="input", target="out", weights=np.ones((2, 3), np.int16)),
        ),
        output="out",
    )


@given(st.integers(0, 2**32), st.booleans())
def test_a_random_network_equals_itself_rebuilt(random_network, seed, extreme):
    net, _ = random_network(np.random.default_rng(seed), extreme=extreme)
    twin, _ = random_network(np.random.default_rng(seed), extreme=extreme)
    assert twin == net and hash(twin) == hash(net)
    assert replace(net, dt=net.dt / 2) != net


def test_one_register_makes_networks_differ(net):
    p = net.populations[0]
    changed = replace(p, registers=replace(p.registers, dv=np.array([100, 101], np.int32)))
    assert replace(net, populations=(changed,)) != net


def test_populations_are_found_by_name(net):
    assert net.population("out") is net.populations[0]
    with pytest.raises(ValidationError, match="'in' is unknown; known: out"):
        net.population("in")


WRONG = {
    "chip": ({"chip": "loihi9"}, "chip 'loihi9' is unknown; known: loihi1"),
    "dt": ({"dt": -1e-3}, "dt is -0.001 s"),
    "steps": ({"n_steps": 0}, "n_steps is 0"),
    "inputs": ({"n_inputs": 2}, r"shape \(2, 3\), expected \(n_post, n_pre\) = \(2, 2\)"),
    "output": ({"output": "input"}, "output 'input' is not a population"),
    "readout": ({"readout": "last-voltage"}, "does not fit an output of spiking neurons"),
    "reset": ({"reset": "soft"}, "reset 'soft' is unknown"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_network_is_checked(net, case):
    change, reason = WRONG[case]
    with pytest.raises(ValidationError, match=reason):
        replace(net, **change)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"weights": np.ones((2, 3), np.int32)}, "int32, expected"),
        ({"weights": np.ones(3, np.int16)}, r"shape \(3,\)"),
        ({"weights": np.full((2, 3), 256, np.int16)}, r"outside \[-256, 255\]"),
        ({"weights": np.full((2, 3), -257, np.int16)}, r"outside \[-256, 255\]"),
        ({"weight_exp": 17}, r"weight_exp 17 outside \[-16, 16\]"),
        ({"weight_exp": -17}, "weight_exp -17"),
        ({"weight_bits": 0}, "weight_bits 0"),
        ({"weight_bits": 9}, r"weight_bits 9 outside \[1, 8\]"),
    ],
)
def test_a_projection_is_checked(net, change, reason):
    with pytest.raises(ValidationError, match=f"projection input -> out.*{reason}"):
        replace(net.projections[0], **change)


RANGES = {
    "du": (-1, 4095),
    "dv": (0, 4096),
    "vth": (0, 1 << 17),
    "bias_mant": (-(1 << 15), (1 << 15) - 1),
    "bias_exp": (-15, 15),
}


@pytest.mark.parametrize("name", RANGES)
def test_a_register_holds_its_range_and_no_more(name):
    low, high = RANGES[name]
    ends = np.array([low, high], np.int32)
    assert getattr(registers(**{name: ends}), name).tolist() == [low, high]
    for outside in (low - 1, high + 1):
        with pytest.raises(ValidationError, match=rf"^{name}: 1 of 2 .* first {outside} at 1"):
            registers(**{name: np.array([low, outside], np.int32)})


@pytest.mark.parametrize("name", RANGES)
def test_registers_are_words_of_one_length(name):
    for value in (np.zeros(2, np.int64), np.zeros(2), np.zeros(3, np.int32)):
        with pytest.raises(ValidationError, match=r"expected \(\d,\) int32"):
            registers(**{name: value})
