"""The BrainScaleS-2 board against a stand-in for hxtorch that has its names and arguments only.

The stand-in computes what an ideal chip would, without the step of delay that synapses have in
hetlava; so its spikes are those of the float target, a step earlier for each layer.
"""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hetlava.errors import MissingPackageError, RuleError, TargetError, UnsupportedError
from hetlava.events import Events, from_dense
from hetlava.hardware.bss2_board import bss2_board
from hetlava.hardware.targets import target
from hetlava.network import Network, Population, Projection
from hetlava.neurons.cuba import CubaLI, CubaLIF

pytest.importorskip("torch")

HXTORCH = """
import os

def note(text):
    with open(os.environ["HX_NOTES"], "a") as file:
        print(text, file=file)

def init_hardware():
    if os.environ["HX_DOES"] == "init":
        raise RuntimeError("no chip answers")
    note("init")

def release_hardware():
    note("release")
"""
SPIKING = """
import os, time
import torch
from hxtorch import note

class HXParameter:
    def __init__(self, value):
        self.model = self.hardware = value

class MixedHXModelParameter:
    def __init__(self, model_value, hardware_value):
        self.model, self.hardware = model_value, hardware_value

class LIFObservables:
    def __init__(self, spikes=None):
        self.spikes = spikes

class _Instance:
    def load_calib(self, path):
        note(f"calibration {path}")

class Experiment:
    def __init__(self, mock=False, dt=1e-6):
        assert mock is False
        self.dt, self.steps, self.default_execution_instance = dt, [], _Instance()

class Synapse:
    def __init__(self, in_features, out_features, experiment, transform):
        self.weight = torch.nn.Parameter(torch.zeros(out_features, in_features))
        self.transform = transform

    def __call__(self, handle):
        return self, handle

class _Neurons:
    def __call__(self, current):
        handle = LIFObservables()
        self.experiment.steps.append((self, *current, handle))
        return handle

class LIF(_Neurons):
    def __init__(self, size, experiment, tau_mem, tau_syn, leak, reset, threshold,
                 refractory_time, i_synin_gm, synapse_dac_bias):
        self.size, self.experiment, self.tau_mem, self.tau_syn = size, experiment, tau_mem, tau_syn
        self.leak, self.reset, self.threshold = leak, reset, threshold
        assert 0 < refractory_time < 1e-6 and i_synin_gm == 500 and synapse_dac_bias == 600
        assert float(threshold.hardware.max()) <= 150 and float(leak.hardware.min()) >= 50

class LI(_Neurons):
    def __init__(self, size, experiment, tau_mem, tau_syn, leak, i_synin_gm, synapse_dac_bias):
        self.size, self.experiment, self.tau_mem, self.tau_syn = size, experiment, tau_mem, tau_syn
        self.leak, self.reset, self.threshold = leak, leak, None

def run(experiment, runtime):
    note("run")
    if os.environ["HX_DOES"] == "hang":
        time.sleep(300)
    if os.environ["HX_DOES"] == "fail":
        raise RuntimeError("the FPGA lost its link")
    for neurons, synapse, source, handle in experiment.steps:
        weights = synapse.transform(synapse.weight.detach()).double() / 64
        alpha = torch.exp(-experiment.dt / neurons.tau_syn.model)
        beta = torch.exp(-experiment.dt / neurons.tau_mem.model)
        i = v = torch.zeros(source.spikes.shape[1], neurons.size, dtype=torch.float64)
        spikes, traces = [], []
        for s in source.spikes:
            i = alpha * i + s.double() @ weights.T
            v = beta * v + (1 - beta) * (neurons.leak.model + i)
            if neurons.threshold is not None:
                fired = v > neurons.threshold.model
                spikes.append(fired.float())
                v = torch.where(fired, neurons.reset.model, v)
            gain = 45.0
            if neurons.threshold is not None:
                highest = (neurons.threshold.hardware - neurons.leak.hardware).max()
                gain = highest / neurons.threshold.model.max()
            traces.append(80 + v * gain)
        handle.spikes = torch.stack(spikes) if spikes else None
        handle.membrane_cadc = torch.stack(traces)
    if os.environ["HX_DOES"] == "short":
        handle.spikes = handle.spikes[:-1]
    assert runtime == experiment.steps[0][2].spikes.shape[0]
"""
TRANSFORMS = """
def linear_saturating(weight, scale):
    return (weight * scale).round().clamp(-63, 63)
"""


@pytest.fixture
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put the stand-in where this process and its children find it; returns what it notes."""
    root = tmp_path / "site"
    for path, text in {
        "hxtorch/__init__.py": HXTORCH,
        "hxtorch/spiking/__init__.py": SPIKING,
        "hxtorch/spiking/transforms/__init__.py": "",
        "hxtorch/spiking/transforms/weight_transforms.py": TRANSFORMS,
    }.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    paths = [str(root), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    monkeypatch.syspath_prepend(str(root))
    monkeypatch.setenv("HX_NOTES", str(tmp_path / "notes"))
    monkeypatch.setenv("HX_DOES", "work")
    return tmp_path / "notes"


def case(rng: np.random.Generator, readout: bool = False) -> tuple[Network, Events]:
    """Return a chain of two layers whose weights are whole codes, and spikes for it."""

    def lif(n: int) -> CubaLIF:
        return CubaLIF(
            tau_mem=rng.uniform(0.005, 0.04, n),
            tau_syn=rng.uniform(0.003, 0.02, n),
            v_leak=np.zeros(n),
            v_threshold=rng.uniform(0.5, 1.0, n),
            v_reset=np.zeros(n),
        )

    out: CubaLI = lif(3)
    if readout:
        out = CubaLI(tau_mem=out.tau_mem, tau_syn=out.tau_syn, v_leak=out.v_leak)
    populations = (Population(name="hidden", neurons=lif(8)), Population(name="out", neurons=out))

    def weights(p: Population, n: int) -> np.ndarray:
        codes = rng.integers(-20, 64, (p.neurons.n, n))
        return codes / 64 * (1 - np.exp(-1e-3 / p.neurons.tau_mem))[:, None]

    net = Network(
        dt=1e-3,
        n_inputs=6,
        n_steps=50,
        populations=populations,
        projections=(
            Projection(source="input", target="hidden", weights=weights(populations[0], 6)),
            Projection(source="hidden", target="out", weights=weights(populations[1], 8)),
        ),
        output="out",
        readout="max-voltage" if readout else "spike-count",
    )
    return net, from_dense(rng.random((50, 3, 6)) < 0.3)


def test_the_network_arrives_as_hxtorchs_layers(notes: Path, rng: np.random.Generator) -> None:
    net, inputs = case(rng)
    found = bss2_board().run(net, inputs, probes=("v",))
    exact = target("float").run(net, inputs, probes=("v",))
    for k, (a, b) in enumerate(zip(found.spikes, exact.spikes, strict=True)):
        assert b.n_events > 20
        assert np.array_equal(a.to_dense()[: -k - 1], b.to_dense()[k + 1 :])
    # doubles on both sides, whose sums are made in another order
    assert np.allclose(found.v[0][:-1], exact.v[0][1:], atol=1e-9)
    assert (found.provenance, found.target) == ("hardware", "bss2-board")
    assert found.details["weights beyond the range"] == 0
    assert notes.read_text().split() == ["init", "run", "release"]


def test_a_readout_is_scored_by_voltages_and_a_calibration_is_loaded(
    notes: Path, rng: np.random.Generator
) -> None:
    net, inputs = case(rng, readout=True)
    late = replace(net, n_steps=52)
    found = bss2_board(Path("mine.pbin")).run(net, inputs)
    longer = from_dense(np.concatenate([inputs.to_dense(), np.zeros((2, 3, 6), bool)]))
    exact = target("float").run(late, longer)
    assert np.array_equal(found.predictions, exact.predictions)
    assert np.allclose(found.scores, exact.scores, atol=1e-9)  # doubles summed in another order
    assert found.v == () and found.spikes[1].n_events == 0
    assert "calibration mine.pbin" in notes.read_text()
    assert found.details["calibration"] == "mine.pbin"


@pytest.mark.slow
def test_weights_that_saturate_are_counted(notes: Path, rng: np.random.Generator) -> None:
    net, inputs = case(rng)
    first = replace(net.projections[0], weights=net.projections[0].weights * 4)
    found = bss2_board().run(replace(net, projections=(first, net.projections[1])), inputs)
    assert found.details["weights beyond the range"] > 5


def test_a_failing_run_says_why_and_releases_the_chip(
    notes: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HX_DOES", "fail")
    with pytest.raises(TargetError, match=r"(?s)failed with code 2.*the FPGA lost its link"):
        bss2_board().run(*case(rng))
    assert notes.read_text().split() == ["init", "run", "release"]


def test_a_chip_that_does_not_answer_is_not_released(
    notes: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HX_DOES", "init")
    with pytest.raises(TargetError, match="no chip answers"):
        bss2_board().run(*case(rng))
    assert not notes.exists()


@pytest.mark.slow
def test_a_board_that_hangs_is_reported_within_its_limit(
    notes: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HX_DOES", "hang")
    start = time.monotonic()
    # loading torch is silence too, and takes seconds on a busy machine
    with pytest.raises(TargetError, match="no sign of progress for 25 s, .* chip released"):
        bss2_board(patience=25).run(*case(rng))
    assert time.monotonic() - start < 120
    assert notes.read_text().split() == ["init", "run", "release"]


@pytest.mark.slow
def test_an_interruption_releases_the_chip(
    notes: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HX_DOES", "hang")
    code = (
        "import sys, runpy, numpy as np; m = runpy.run_path(sys.argv[1]);"
        "m['bss2_board']().run(*m['case'](np.random.default_rng(0)))"
    )
    child = subprocess.Popen([sys.executable, "-c", code, __file__], stderr=subprocess.PIPE)
    since = time.monotonic()
    while not (notes.exists() and "run" in notes.read_text()):
        assert child.poll() is None and time.monotonic() - since < 120
        time.sleep(0.1)
    child.send_signal(signal.SIGINT)
    assert b"KeyboardInterrupt" in child.communicate(timeout=60)[1]
    assert notes.read_text().split() == ["init", "run", "release"]


@pytest.mark.slow
def test_a_result_of_another_shape_is_refused(
    notes: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HX_DOES", "short")
    with pytest.raises(TargetError, match=r"no complete result: spikes_1 is bool \(49, 3, 3\)"):
        bss2_board().run(*case(rng))


@pytest.mark.slow
def test_names_of_older_versions_are_taken(notes: Path, rng: np.random.Generator) -> None:
    spiking = notes.with_name("site") / "hxtorch" / "spiking"
    older = SPIKING.replace("LIFObservables", "NeuronHandle").replace("class LIF(", "class Neuron(")
    older = older.replace("transform):", "weight_scale):").replace(
        "self.transform = transform",
        "self.transform = lambda w: (w * weight_scale).round().clamp(-63, 63)",
    )
    (spiking.parent / "snn.py").write_text(older)
    for path in sorted(spiking.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    spiking.rmdir()
    net, inputs = case(rng)
    exact = target("float").run(net, inputs)
    found = bss2_board().run(net, inputs)
    assert np.array_equal(found.spikes[0].to_dense()[:-1], exact.spikes[0].to_dense()[1:])


def test_without_hxtorch_it_says_where_it_comes_from(rng: np.random.Generator) -> None:
    board = target("bss2-board")
    assert "EBRAINS" in str(board.unavailable())
    with pytest.raises(MissingPackageError, match="bss2-board: hxtorch is not installed"):
        board.run(*case(rng))


def test_only_chains_are_taken(notes: Path, rng: np.random.Generator) -> None:
    net, inputs = case(rng)
    loop = Projection(source="hidden", target="hidden", weights=np.zeros((8, 8)))
    with pytest.raises(UnsupportedError, match="takes chains of populations"):
        bss2_board().run(replace(net, projections=(*net.projections, loop)), inputs)


def test_what_the_chip_cannot_hold_or_show_is_refused(
    notes: Path, rng: np.random.Generator
) -> None:
    net, inputs = case(rng)
    with pytest.raises(UnsupportedError, match="no probe 'u'"):
        bss2_board().run(net, inputs, probes=("u",))
    wide = Projection(source="input", target="hidden", weights=np.zeros((8, 200)))
    large = replace(net, n_inputs=200, projections=(wide, net.projections[1]))
    with pytest.raises(RuleError, match="200 signed inputs, a neuron has 128"):
        bss2_board().run(large, from_dense(np.zeros((50, 1, 200), bool)))
