"""Neurons that adapt, against plain integers, SLAYER's quantised neurons and Lava's ATRLIF."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetlava.errors import ValidationError
from hetlava.export.lava_import import enable_lava
from hetlava.export.lava_import import slayer as import_slayer
from hetlava.neurons.adaptive import (
    AdaptiveRegisters,
    AdaptiveState,
    AdrfIzRegisters,
    AdrfRegisters,
    AlifRegisters,
)

MODELS = (AlifRegisters, AdrfRegisters, AdrfIzRegisters)
RANGES = {
    "du": (-1, 4095),
    "bias_mant": (-(1 << 15), (1 << 15) - 1),
    "vth": (0, 1 << 17),
    "vth_step": (0, 1 << 17),
}
WORD24, WORD32 = (1 << 23) - 1, (1 << 31) - 1
STATE = st.integers(-WORD24, WORD24)
LEVEL = st.integers(0, WORD32)
INT32 = st.integers(-(1 << 31), WORD32)
N, STEPS, BATCH = 30, 400, 2


def to_int32(x: int) -> int:
    return (x + (1 << 31)) % (1 << 32) - (1 << 31)


def times(x: int, keep: int) -> int:
    """``x * keep / 4096`` without its fraction."""
    return abs(x) * keep // 4096 * (1 if x >= 0 else -1)


def clip(x: int, limit: int = WORD24) -> int:
    return max(min(x, limit), -limit)


def moved(model: str, w: dict[str, int], u: int, v: int, a: list[int]) -> tuple[int, int, bool]:
    """The membrane after a step, and whether it is where a spike is possible."""
    if model == "alif":
        u = to_int32(times(u, 4095 - w["du"]) + to_int32((a[0] + w["bias_mant"]) * 64))
        u = u - (1 << 24) if u > 1 << 23 else u + (1 << 24) if u <= -(1 << 23) else u
        return u, clip(to_int32(times(v, 4096 - w["dv"]) + u)), True
    c, d = w["cos_decay"], w["sin_decay"]
    re = clip(times(u, c) - times(v, d) + to_int32(a[0] * 64))
    im = clip(times(u, d) + times(v, c) + to_int32(a[1] * 64))
    return re, im, model == "adrf_iz" or v < 0 <= im


@pytest.mark.parametrize("model", MODELS)
@given(st.data())
def test_a_step_follows_the_rules_neuron_by_neuron(
    model: type[AdaptiveRegisters], data: st.DataObject
) -> None:
    w = {name: data.draw(st.integers(*RANGES.get(name, (0, 4096)))) for name in model.words}
    u, v, theta, r = (data.draw(kind) for kind in (STATE, STATE, LEVEL, LEVEL))
    theta = max(theta, w["vth"] * 64)
    a = [data.draw(INT32) for _ in range(model.n_ports)]
    before = AdaptiveState(*(np.array([x], np.int32) for x in (u, v, theta, r)), np.zeros(1, bool))
    words = {name: np.array([value], np.int32) for name, value in w.items()}
    after = model(**words).step(before, np.array(a, np.int32)[:, None])
    u, v, ready = moved(model.model, w, u, v, a)
    theta = w["vth"] * 64 + times(theta - w["vth"] * 64, 4096 - w["dth"])
    r = times(r, 4096 - w["dr"])
    s = ready and (u if model is AdrfRegisters else v) >= theta + r
    expected = u, v, clip(theta + s * w["vth_step"] * 64, WORD32), clip(r + s * 2 * theta, WORD32)
    assert tuple(int(x[0]) for x in after) == (*expected, s)
    assert [x.dtype for x in after] == [np.int32] * 4 + [bool]


def drawn(model: type[AdaptiveRegisters], rng: np.random.Generator) -> AdaptiveRegisters:
    """Neurons of thresholds and adaptation that all differ, as SLAYER can have them."""
    words = {
        name: rng.integers(40, 1500, N).astype(np.int32)
        for name in model.words
        if name not in ("vth", "vth_step", "bias_mant")
    }
    angle, kept = rng.uniform(0.1, 1.4, N), rng.uniform(0.8, 0.999, N)
    if "sin_decay" in words:
        words["sin_decay"] = (4096 * kept * np.sin(angle)).astype(np.int32)
        words["cos_decay"] = (4096 * kept * np.cos(angle)).astype(np.int32)
    if "bias_mant" in model.words:
        words["bias_mant"] = (2 * rng.integers(-4, 5, N)).astype(np.int32)
    # SLAYER has one threshold for all
    return model(
        **words, vth=np.full(N, 90, np.int32), vth_step=np.full(N, int(rng.integers(0, 60)), "i4")
    )


def slayer_neuron(registers: AdaptiveRegisters) -> Any:
    import torch

    slayer = import_slayer()
    options = {"threshold": registers.vth[0] / 64, "threshold_step": registers.vth_step[0] / 64}
    options |= {"threshold_decay": 0.1, "refractory_decay": 0.1}
    if isinstance(registers, AlifRegisters):
        norm = slayer.neuron.norm.MeanOnlyBatchNorm
        neuron = slayer.neuron.alif.Neuron(
            current_decay=0.1, voltage_decay=0.1, norm=norm, **options
        )
        neuron.norm.update, neuron.norm.num_features = False, N
        neuron.norm.running_mean = torch.tensor(-registers.bias_mant / 64).float()
        words = {"current_decay": registers.du + 1, "voltage_decay": registers.dv}
    else:
        module = getattr(slayer.neuron, registers.model)
        neuron = module.Neuron(period=10, decay=0.1, **options)
        words = {"sin_decay": registers.sin_decay, "cos_decay": registers.cos_decay}
    words |= {"threshold_decay": registers.dth, "refractory_decay": registers.dr}
    for name, value in words.items():
        getattr(neuron, name).data = torch.tensor(value).float()
    return neuron


def run(registers: AdaptiveRegisters, a: np.ndarray) -> list[AdaptiveState]:
    """The states of inputs (n_steps, n_ports, n_samples, n)."""
    states, state = [], registers.rest(a.shape[2])
    for a_in in a:
        state = registers.step(state, a_in)
        states.append(state)
    return states


@pytest.mark.lava
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("seed", range(3))
def test_slayers_neurons_have_the_same_states_and_spikes(
    model: type[AdaptiveRegisters], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    registers = drawn(model, rng)
    neuron = slayer_neuron(registers)
    import torch

    torch.manual_seed(seed)
    a = (2 * rng.integers(-20, 30, (STEPS, model.n_ports, BATCH, N))).astype(np.int32)
    x = [torch.tensor(port.transpose(1, 2, 0) / 64).float() for port in a.transpose(1, 0, 2, 3)]
    given_input = x[0] if model.n_ports == 1 else tuple(x)
    made = neuron.dynamics(given_input)
    felt = made[1:] if model is AlifRegisters else made
    spikes = neuron.spike(*felt).detach().numpy().transpose(2, 0, 1) > 0
    u, v = ((y.detach().numpy() * 4096).transpose(2, 0, 1) for y in made[:2])
    states = run(registers, a)
    assert spikes.any() and np.array_equal(np.stack([s.s for s in states]), spikes)
    assert np.array_equal(np.stack([s.u for s in states]), u)
    assert np.array_equal(np.stack([s.v for s in states]), v)


@pytest.mark.lava
def test_lavas_atrlif_has_the_same_states_and_spikes_without_a_bias() -> None:
    """Its bias goes to the voltage, that of SLAYER's ALIF to the current; all else is alike."""
    enable_lava()
    from lava.proc.atrlif.models import PyATRLIFModelFixed

    rng = np.random.default_rng(3)
    registers = drawn(AlifRegisters, rng)
    words = {name: getattr(registers, name).astype(np.int64) for name in registers.words}
    model = PyATRLIFModelFixed({})
    for name in ("i", "v", "r", "theta"):
        setattr(model, name, np.zeros(N, np.int32))
    for theirs, ours in (("i", "du"), ("v", "dv"), ("theta", "dth"), ("r", "dr")):
        setattr(model, f"delta_{theirs}", words[ours] / 4096)
    model.theta_0, model.theta_step = words["vth"], int(words["vth_step"][0])  # one for all there
    model.scale_threshold()
    quiet = AlifRegisters(
        **{name: getattr(registers, name) for name in registers.words if name != "bias_mant"},
        bias_mant=np.zeros(N, np.int32),
    )
    a = rng.integers(-(1 << 14), 1 << 15, (STEPS, 1, 1, N)).astype(np.int32)  # currents that wrap
    for a_in, state in zip(a, run(quiet, a), strict=True):
        model.subthr_dynamics(activation_in=a_in[0, 0])
        s = (model.v - model.r) >= model.theta
        model.post_spike(spike_vector=s)
        found = model.i, model.v, model.theta, model.r, s
        assert all(np.array_equal(x, y[0]) for x, y in zip(found, state, strict=True))


def test_words_outside_their_range_are_refused() -> None:
    words = dict.fromkeys(AlifRegisters.words, np.zeros(2, np.int32))
    for name, value in (("dth", 4097), ("dr", -1), ("vth_step", -1), ("du", 4096)):
        with pytest.raises(ValidationError, match=f"{name}.*outside"):
            AlifRegisters(**words | {name: np.array([0, value], np.int32)})
