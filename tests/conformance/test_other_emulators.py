"""nengo-loihi's and brian2-loihi's emulators, written by others, agree with the CUBA core, also
where neurons are silent after a spike.

Both need numpy below 2, hence a Python of their own: ``make judges``, or the one that
HETLAVA_JUDGES_PYTHON names.
"""

import os
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hetlava.arrays import AnyArray, Int16
from hetlava.events import Events, from_dense
from hetlava.export.lava_levels import split_levels
from hetlava.fixedpoint import STATE_SHIFT, bias_value
from hetlava.graph import INPUT
from hetlava.neurons.refractory import REFRACTORY_MAX, CubaRefractoryRegisters
from hetlava.quantised import QuantisedNetwork, QuantisedPopulation
from hetlava.recording import Recording
from hetlava.sim import reference
from hetlava.synapses import QuantisedSynapses

HERE = Path(__file__).parent
HOME = HERE.parents[1] / ".venv-judges" / "bin" / "python"
PYTHON = Path(os.environ.get("HETLAVA_JUDGES_PYTHON", HOME))

WAITS = (0, 1, 2, 5, REFRACTORY_MAX)

pytestmark = pytest.mark.skipif(not PYTHON.is_file(), reason="no emulators (make judges)")

RandomNetwork = Callable[..., tuple[QuantisedNetwork, Events]]
Draw = Callable[[np.random.Generator], tuple[QuantisedNetwork, Events]]


@pytest.fixture(scope="session")
def tame_network(random_network: RandomNetwork) -> Draw:
    """``tame_network(rng)``: a network that every emulator of Loihi computes alike, and one sample.

    Lava shifts the sum of the weights and the others each weight, which is the same where nothing
    is shifted out; they disagree on words that wrap or saturate too, hence the sparse input and
    the short memory.
    """

    def drawn(rng: np.random.Generator) -> tuple[QuantisedNetwork, Events]:
        net, _ = random_network(rng, readout=False, max_neurons=24)
        populations = [_within_registers(p) for p in net.populations]
        projections = [
            replace(
                q,
                weights=np.clip(_driven(q) & -2, -64, 254).astype(np.int16),
                weight_exp=abs(q.weight_exp) % 2,
                delays=None,
            )
            for q in net.projections
        ]
        net = replace(net, populations=tuple(populations), projections=tuple(projections))
        return net, from_dense(rng.random((200, 1, net.n_inputs)) < 0.1)

    return drawn


def _driven(q: QuantisedSynapses) -> Int16:
    """The weights, those of the input positive, so that there are spikes to compare."""
    return np.abs(q.weights) if q.source == INPUT else q.weights


def _within_registers(p: QuantisedPopulation) -> QuantisedPopulation:
    r = p.cuba
    du, dv = np.clip(r.du, 0, 4094), np.clip(r.dv, 600, 4095)
    return replace(p, registers=replace(r, du=du, dv=dv, vth=np.minimum(r.vth, (1 << 17) - 1) // 4))


def run_judge(
    script: str, net: QuantisedNetwork, inputs: Events, folder: Path
) -> dict[str, object]:
    """Return u, v and s of all populations side by side, (n_steps, n) each."""
    number = {INPUT: -1} | {p.name: k for k, p in enumerate(net.populations)}
    given: dict[str, Any] = {
        "n_populations": len(net.populations),
        "spikes": inputs.to_dense()[:, 0],
        "ends": np.array([[number[q.source], number[q.target]] for q in net.projections]),
        "exponents": np.array([q.weight_exp for q in net.projections]),
    }
    for k, p in enumerate(net.populations):
        r: Any = p.registers
        # 1 where there is no silence, as both count
        given[f"refract_{k}"] = getattr(r, "refractory", np.zeros(r.n, np.int32)) + 1
        given |= {f"{name}_{k}": getattr(r, name) for name in ("du", "dv", "vth")}
        given[f"threshold_{k}"] = r.vth << STATE_SHIFT
        given[f"bias_{k}"] = bias_value(r.bias_mant, r.bias_exp)
    for w, q in enumerate(net.projections):
        given[f"mantissa_{w}"] = q.weights
        given[f"weights_{w}"] = q.weights.astype(np.int32) << (q.weight_exp + STATE_SHIFT)
    np.savez(folder / "in.npz", **given)
    command = [PYTHON, HERE / "judges" / script, folder / "in.npz", folder / "out.npz"]
    clean = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=250, env=clean)
    assert done.returncode == 0, done.stderr
    return dict(np.load(folder / "out.npz"))


def assert_agrees(found: dict[str, Any], expected: Recording) -> None:
    traces = {
        "u": np.concatenate([u[:, 0] for u in expected.u], axis=1),
        "v": np.concatenate([v[:, 0] for v in expected.v], axis=1),
        "s": np.concatenate([s.to_dense()[:, 0] for s in expected.spikes], axis=1),
    }
    for state, values in traces.items():
        wrong = np.argwhere(found[state] != values)
        assert not wrong.size, f"{state} at step, neuron {wrong[0]}"
    assert traces["s"].sum() > 20


@pytest.mark.parametrize("seed", range(4))
def test_nengo_loihi_agrees(seed: int, tame_network: Draw, tmp_path: Path) -> None:
    net, inputs = tame_network(np.random.default_rng(seed))
    expected = reference.run(net, inputs, probes=("u", "v"))
    assert_agrees(run_judge("nengo_loihi_judge.py", net, inputs, tmp_path), expected)


@pytest.mark.parametrize("seed", range(4))
def test_nengo_loihi_agrees_on_silence_after_spikes(
    seed: int, tame_network: Draw, tmp_path: Path
) -> None:
    rng = np.random.default_rng(seed)
    net, inputs = tame_network(rng)
    net = _waiting(net, [rng.choice(WAITS, p.registers.n) for p in net.populations])
    expected = reference.run(net, inputs, probes=("u", "v"))
    assert_agrees(run_judge("nengo_loihi_judge.py", net, inputs, tmp_path), expected)


@pytest.mark.parametrize("seed", range(2))
def test_brian2_loihi_agrees(
    seed: int,
    tame_network: Draw,
    few_levels: Callable[..., QuantisedNetwork],
    tmp_path: Path,
) -> None:
    rng = np.random.default_rng(seed)
    net, inputs = tame_network(rng)
    net = few_levels(_without_biases(net), rng)
    expected = reference.run(split_levels(net).net, inputs, probes=("u", "v"))
    found = run_judge("brian2_loihi_judge.py", split_levels(net).net, inputs, tmp_path)
    assert_agrees(found, expected)


@pytest.mark.parametrize("seed", range(2))
def test_brian2_loihi_agrees_on_silence_after_spikes(
    seed: int,
    tame_network: Draw,
    few_levels: Callable[..., QuantisedNetwork],
    tmp_path: Path,
) -> None:
    rng = np.random.default_rng(seed)
    net, inputs = tame_network(rng)
    net = split_levels(few_levels(_without_biases(net), rng)).net
    net = _waiting(net, [np.full(p.registers.n, rng.choice(WAITS)) for p in net.populations])
    expected = reference.run(net, inputs, probes=("u", "v"))
    assert_agrees(run_judge("brian2_loihi_judge.py", net, inputs, tmp_path), expected)


def _waiting(net: QuantisedNetwork, waits: Sequence[AnyArray]) -> QuantisedNetwork:
    """The network with neurons that are silent for so many steps after a spike."""
    populations = []
    for p, wait in zip(net.populations, waits, strict=True):
        words = {name: getattr(p.cuba, name) for name in p.cuba.words}
        registers = CubaRefractoryRegisters(**words, refractory=wait.astype(np.int32))
        populations.append(replace(p, registers=registers))
    return replace(net, populations=tuple(populations))


def _without_biases(net: QuantisedNetwork) -> QuantisedNetwork:
    zero = [np.zeros_like(p.cuba.bias_mant) for p in net.populations]
    populations = [
        replace(p, registers=replace(p.cuba, bias_mant=z))
        for p, z in zip(net.populations, zero, strict=True)
    ]
    return replace(net, populations=tuple(populations))
