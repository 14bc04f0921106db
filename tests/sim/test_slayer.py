"""SLAYER's forward in numpy, against SLAYER itself, where it parts from the chip and from Lava."""

from typing import Any

import numpy as np
import pytest

from hetlava.events import Events, from_dense
from hetlava.export.lava_import import slayer as import_slayer
from hetlava.neurons.cuba import CubaRegisters
from hetlava.quantised import QuantisedNetwork, QuantisedPopulation, QuantisedProjection
from hetlava.sim import reference, slayer

pytestmark = pytest.mark.lava

STEPS, BATCH = 40, 2


def network(
    weights: list[np.ndarray], *, decays: tuple[int, int], vth: int, recurrent: bool = False
) -> QuantisedNetwork:
    """A chain of CUBA neurons with equal decays and thresholds, the last onto itself if asked."""
    populations, projections = [], []
    for k, w in enumerate(weights[: len(weights) - recurrent]):
        n = len(w)
        words = {"du": decays[0] - 1, "dv": decays[1], "vth": vth, "bias_mant": 0, "bias_exp": 6}
        registers = CubaRegisters(**{key: np.full(n, x, np.int32) for key, x in words.items()})
        populations.append(QuantisedPopulation(name=f"layer{k}", registers=registers))
        source = f"layer{k - 1}" if k else "input"
        projections.append(QuantisedProjection(source=source, target=f"layer{k}", weights=w))
    last = populations[-1].name
    if recurrent:
        projections.append(QuantisedProjection(source=last, target=last, weights=weights[-1]))
    return QuantisedNetwork(
        chip="loihi2",
        dt=1e-3,
        n_inputs=weights[0].shape[1],
        n_steps=STEPS,
        populations=tuple(populations),
        projections=tuple(projections),
        output=last,
    )


def trained(net: QuantisedNetwork, inputs: Events) -> list[np.ndarray]:
    """What blocks of SLAYER with these numbers send."""
    import torch

    block = import_slayer().block.cuba
    signal = torch.tensor(inputs.to_dense().transpose(1, 2, 0)).float()
    made = []
    for p in net.populations:
        heard = [q for q in net.projections if q.target == p.name]
        neuron: dict[str, Any] = {"threshold": p.cuba.vth[0] / 64}
        neuron |= {"current_decay": 0.1, "voltage_decay": 0.1}
        shape = heard[0].shape[::-1]
        one = block.Recurrent(neuron, *shape) if len(heard) > 1 else block.Dense(neuron, *shape)
        synapses = [one.synapse] if len(heard) == 1 else [one.input_synapse, one.recurrent_synapse]
        with torch.no_grad():
            for q, synapse in zip(heard, synapses, strict=True):
                weight = torch.tensor(q.weights.astype(np.float32) / 64)
                synapse.weight.copy_(weight.reshape(synapse.weight.shape))
            one.neuron.current_decay.fill_(p.cuba.du[0] + 1)
            one.neuron.voltage_decay.fill_(p.cuba.dv[0])
            signal = one(signal)
        made.append(signal.numpy().transpose(2, 0, 1) > 0)
    return made


def even(rng: np.random.Generator, low: int, high: int, *shape: int) -> np.ndarray:
    return (2 * rng.integers(low // 2, high // 2, shape)).astype(np.int16)


def assert_emulated(net: QuantisedNetwork, inputs: Events) -> tuple[set[str], int]:
    """Compare with SLAYER; return which differences to Lava showed, and how many spikes differ."""
    recording, shown = slayer.run(net, inputs)
    for events, y in zip(recording.spikes, trained(net, inputs), strict=True):
        assert np.array_equal(events.to_dense(), y)
    chip = reference.run(net, inputs)
    wrong = sum(
        int(np.sum(a.to_dense() != b.to_dense()))
        for a, b in zip(recording.spikes, chip.spikes, strict=True)
    )
    return {one.what for one in shown}, wrong


def spikes(rng: np.random.Generator, n: int, rate: float) -> Events:
    return from_dense(rng.random((STEPS, BATCH, n)) < rate)


@pytest.mark.parametrize("recurrent", [False, True])
def test_within_words_slayer_and_the_chip_agree(recurrent: bool, rng: np.random.Generator) -> None:
    weights = [even(rng, -60, 90, 16, 12), even(rng, -60, 90, 10, 16), even(rng, -60, 90, 10, 10)]
    net = network(weights[: 2 + recurrent], decays=(900, 300), vth=100, recurrent=recurrent)
    assert assert_emulated(net, spikes(rng, 12, 0.3)) == (set(), 0)


@pytest.mark.parametrize(("vth", "met"), [(4094, False), (4096, True), (4480, True)])
def test_from_a_mantissa_of_4096_on_slayer_spikes_at_the_threshold(
    vth: int, met: bool, rng: np.random.Generator
) -> None:
    weights = np.full((3, 20), vth // 20 // 2 * 2, np.int16)
    weights[:, 0] += vth - weights[0].sum()  # all inputs together make the threshold
    net = network([weights], decays=(4096, 4096), vth=vth)
    inputs = from_dense(np.ones((STEPS, BATCH, 20), bool))
    shown, wrong = assert_emulated(net, inputs)
    assert (slayer.AT_THRESHOLD in shown) is met and (wrong > 0) is met


@pytest.mark.parametrize("recurrent", [False, True])
def test_slayers_states_leave_their_words(recurrent: bool, rng: np.random.Generator) -> None:
    weights = [even(rng, 100, 254, 6, 400), even(rng, -200, 254, 5, 6), even(rng, -200, 254, 5, 5)]
    net = network(weights[: 2 + recurrent], decays=(3, 5), vth=120_000, recurrent=recurrent)
    shown, wrong = assert_emulated(net, spikes(rng, 400, 0.8))
    assert {slayer.WRAPS, slayer.CLIPS, slayer.ROUNDS} <= shown and wrong


def test_the_first_difference_is_named() -> None:
    weights = np.full((2, 1), 200, np.int16)
    net = network([weights], decays=(0, 4096), vth=1 << 17)
    _, shown = slayer.run(net, from_dense(np.ones((700, 1, 1), bool)))
    (wraps,) = (one for one in shown if one.what == slayer.WRAPS)
    # 200 << 6 a step, from step 1 on: 2**23 is passed at step 656
    assert (wraps.layer, wraps.sample, wraps.step, wraps.neuron) == ("layer0", 0, 656, 0)
    assert wraps.count == 2 * (700 - 656)
