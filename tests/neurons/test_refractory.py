"""Neurons that are silent after a spike, against plain integers and against CUBA's own step."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetlava.errors import ValidationError
from hetlava.neurons import cuba
from hetlava.neurons.cuba import CubaRegisters
from hetlava.neurons.refractory import (
    REFRACTORY_MAX,
    CubaRefractoryRegisters,
    CubaRefractoryState,
)

RANGES = {
    "du": (-1, 4095),
    "dv": (0, 4096),
    "vth": (0, 1 << 17),
    "bias_mant": (-(1 << 15), (1 << 15) - 1),
    "bias_exp": (-15, 15),
    "refractory": (0, REFRACTORY_MAX),
}
NEURON = st.fixed_dictionaries({name: st.integers(*ends) for name, ends in RANGES.items()})
# thresholds that are crossed, and silence that ends, within a few steps
LIVELY = NEURON.map(lambda n: n | {"vth": n["vth"] % 900, "refractory": n["refractory"] % 5})
INPUTS = st.lists(
    st.one_of(st.integers(-300, 900), st.integers(-(1 << 31), (1 << 31) - 1)),
    min_size=1,
    max_size=30,
)
RESETS = st.sampled_from(["hard", "subtract"])


def registers_of(neuron: dict[str, int], reset: Any = "hard") -> CubaRefractoryRegisters:
    words = {name: np.array([value], np.int32) for name, value in neuron.items()}
    return CubaRefractoryRegisters(**words, reset=reset)


def to_int32(x: int) -> int:
    return (x + (1 << 31)) % (1 << 32) - (1 << 31)


def times(x: int, keep: int) -> int:
    """``x * keep / 4096`` without its fraction."""
    return abs(x) * keep // 4096 * (1 if x >= 0 else -1)


def plain(neuron: dict[str, int], reset: str, inputs: list[int]) -> list[tuple[int, int, bool]]:
    """The neuron's u, v and spike at every step, by integers without bounds."""
    threshold = neuron["vth"] * 64
    bias = neuron["bias_mant"] * 2 ** max(neuron["bias_exp"], 0) // 2 ** max(-neuron["bias_exp"], 0)
    u = v = 0
    free_from, course = 0, []
    for t, a in enumerate(inputs):
        u = to_int32(times(u, 4095 - neuron["du"]) + to_int32(a * 64))
        u = u - (1 << 24) if u > 1 << 23 else u + (1 << 24) if u <= -(1 << 23) else u
        spikes = False
        if t >= free_from:
            v = to_int32(times(v, 4096 - neuron["dv"]) + u + bias)
            v = max(min(v, (1 << 23) - 1), 1 - (1 << 23))
            spikes = v > threshold
        if spikes:
            v = v - threshold if reset == "subtract" else 0
            free_from = t + 1 + neuron["refractory"]
        course.append((u, v, spikes))
    return course


@given(st.one_of(NEURON, LIVELY), RESETS, INPUTS)
def test_neurons_follow_the_rules_step_by_step(
    neuron: dict[str, int], reset: str, inputs: list[int]
) -> None:
    registers = registers_of(neuron, reset)
    state, course = registers.rest(1), []
    for a in inputs:
        state = registers.step(state, np.full((1, 1, 1), a, np.int32))
        course.append((int(state.u[0, 0]), int(state.v[0, 0]), bool(state.s[0, 0])))
        assert [x.dtype for x in state] == [np.int32] * 3 + [bool]
    assert course == plain(neuron, reset, inputs)


@given(st.one_of(NEURON, LIVELY), INPUTS)
def test_without_silence_they_are_cubas(neuron: dict[str, int], inputs: list[int]) -> None:
    registers = registers_of(neuron | {"refractory": 0})
    state, other = registers.rest(1), registers.cuba.rest(1)
    for a in inputs:
        a_in = np.full((1, 1, 1), a, np.int32)
        state, other = registers.step(state, a_in), cuba.step(registers.cuba, other, a_in[0])
        assert np.array_equal([state.u, state.v, state.s], [other.u, other.v, other.s])
        assert not state.wait.any()


def test_a_spike_is_followed_by_as_many_silent_steps_as_asked_for() -> None:
    waits = np.arange(REFRACTORY_MAX + 1, dtype=np.int32)
    word = np.zeros(waits.size, np.int32)
    words = {"du": word + 4095, "dv": word, "vth": word + 10, "bias_mant": word, "bias_exp": word}
    registers = CubaRefractoryRegisters(**words, refractory=waits)
    state, times_of = registers.rest(1), []
    for _ in range(200):  # every input alone takes the voltage above the threshold
        state = registers.step(state, np.full((1, 1, waits.size), 11, np.int32))
        times_of.append(state.s[0].copy())
    for k, spikes in enumerate(np.array(times_of).T):
        assert np.array_equal(np.flatnonzero(spikes), np.arange(0, 200, k + 1))


def test_what_is_above_the_threshold_is_held_and_counts_afterwards() -> None:
    neuron = {"du": 4095, "dv": 0, "vth": 10, "bias_mant": 0, "bias_exp": 0, "refractory": 2}
    registers = registers_of(neuron, "subtract")
    state, course = registers.rest(1), []
    for a in (25, 7, -7, 0, 0, 0, 0):
        state = registers.step(state, np.full((1, 1, 1), a, np.int32))
        course.append((int(state.v[0, 0]) // 64, int(state.wait[0, 0]), bool(state.s[0, 0])))
    expected = [(15, 2, True), (15, 1, False), (15, 0, False), (5, 2, True)]
    assert course == [*expected, (5, 1, False), (5, 0, False), (5, 0, False)]


def test_a_step_leaves_its_state_alone(rng: np.random.Generator) -> None:
    registers = registers_of(dict.fromkeys(RANGES, 1))
    parts = [rng.integers(0, 999, (2, 1)).astype(np.int32) for _ in range(3)]
    state = CubaRefractoryState(*parts, np.zeros((2, 1), bool))
    kept = [part.copy() for part in state]
    registers.step(state, np.full((1, 2, 1), 99, np.int32))
    assert all(np.array_equal(a, b) for a, b in zip(state, kept, strict=True))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"refractory": -1}, r"refractory.*outside \[0, 62\] steps"),
        ({"refractory": REFRACTORY_MAX + 1}, r"refractory.*outside \[0, 62\] steps"),
        ({"du": 4096}, r"du.*outside \[-1, 4095\]"),
        ({"reset": "soft"}, "reset 'soft': expected hard or subtract"),
    ],
)
def test_impossible_words_are_refused(changes: dict[str, Any], message: str) -> None:
    neuron: dict[str, Any] = dict.fromkeys(RANGES, 1) | changes
    with pytest.raises(ValidationError, match=message):
        registers_of(neuron, neuron.pop("reset", "hard"))


def test_the_words_are_cubas_and_one_more() -> None:
    registers = registers_of(dict.fromkeys(RANGES, 3))
    words = {name: np.array([3], np.int32) for name in CubaRegisters.words}
    assert registers.cuba == CubaRegisters(**words)
    assert registers.words == (*CubaRegisters.words, "refractory")
