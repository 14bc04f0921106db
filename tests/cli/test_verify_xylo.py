"""``hetlava verify --target xylo2``: from float over rounded parameters to the chip's integers."""

import json
from dataclasses import replace

import numpy as np
import pytest

from hetlava.hardware.xylo import dash_tau
from hetlava.network import Network, Population, Projection
from hetlava.neurons.cuba import CubaLIF

pytest.importorskip("torch")
pytest.importorskip("sklearn")


@pytest.fixture
def small_digits(monkeypatch):
    """Digits whose channels are joined by four, as many as the chip takes."""
    from hetlava.datasets import load

    digits = load("digits", "test")
    joined = replace(digits, n_channels=16, channels=digits.channels // 4)
    monkeypatch.setattr("hetlava.datasets.load", lambda name, split: joined)


@pytest.fixture
def model(tmp_path, rng, small_digits):
    """An untrained network whose time constants are the chip's."""
    from hetlava.train.model_file import write_model

    def lif(n: int) -> CubaLIF:
        return CubaLIF(
            tau_mem=dash_tau(rng.integers(3, 6, n).astype(np.int32), 1e-3),
            tau_syn=dash_tau(rng.integers(2, 4, n).astype(np.int32), 1e-3),
            v_leak=np.zeros(n),
            v_threshold=rng.uniform(1, 2, n),
            v_reset=np.zeros(n),
        )

    wires = [
        ("input", "hidden", (20, 16)),
        ("hidden", "hidden", (20, 20)),
        ("hidden", "out", (8, 20)),
    ]
    net = Network(
        dt=1e-3,
        n_inputs=16,
        n_steps=32,
        populations=(
            Population(name="hidden", neurons=lif(20)),
            Population(name="out", neurons=lif(8)),
        ),
        projections=tuple(
            Projection(source=a, target=b, weights=rng.normal(0.04, 0.1, shape))
            for a, b, shape in wires
        ),
        output="out",
    )
    write_model(tmp_path / "model.pt", net)
    return tmp_path / "model.pt"


def verified(hetlava, model, *options):
    outcome = hetlava("verify", model, "--limit", 40, "--max-drop", 100, *options)
    assert outcome.code == 0, outcome.err
    return outcome


def test_rungs_are_those_of_other_chips(hetlava, model, tmp_path):
    files = {kind: tmp_path / f"p.{kind}" for kind in ("json", "junit", "figure")}
    options = [part for kind, path in files.items() for part in (f"--{kind}", path)]
    verified(hetlava, model, "--target", "xylo2", "--also", "reference", *options)
    fake, integers, again = json.loads(files["json"].read_text())["rungs"]
    assert (fake["candidate"], integers["candidate"]) == ("fake-quantised", "integers")
    # decays are exact, so that weights of 8 bits alone move spikes
    assert min(layer["agreement"] for layer in fake["layers"]) > 0.9
    # the chip subtracts its threshold, of which training knew nothing
    assert 0.2 < integers["layers"][0]["agreement"] < fake["layers"][0]["agreement"]
    assert all(layer["spikes"] > 100 for layer in integers["layers"])
    assert again["reference"] == "xylo2" and again["candidate"] == "reference"
    assert all(layer["agreement"] == 1.0 for layer in again["layers"])
    assert files["figure"].read_bytes().startswith(b"\x89PNG")


def test_an_exported_file_gives_the_same(hetlava, model, tmp_path):
    net, first, second = tmp_path / "x.net", tmp_path / "a.json", tmp_path / "b.json"
    assert hetlava("export", model, "--target", "xylo2", "--out", net).code == 0
    verified(hetlava, model, "--target", "xylo2", "--json", first)
    verified(hetlava, model, "--net", net, "--json", second)
    assert first.read_bytes() == second.read_bytes()


def test_too_much_lost_is_an_exit_of_one(hetlava, model):
    outcome = hetlava("verify", model, "--target", "xylo2", "--limit", 20, "--max-drop", -101)
    assert outcome.code == 1 and "FAILED integers: drop of" in outcome.out


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--target", "xylo2", "--weight-bits", "4"], "are for cores like Loihi's"),
        (["--target", "xylo2", "--codebook", "4"], "are for cores like Loihi's"),
        (["--target", "xylo2", "--chip", "loihi1"], "give one of them"),
        (["--target", "dynapse2"], "target 'dynapse2' is unknown"),
    ],
)
def test_what_does_not_apply_is_refused(hetlava, model, options, reason):
    outcome = hetlava("verify", model, *options)
    assert outcome.code == 2 and reason in outcome.err and "Traceback" not in outcome.err


def test_a_network_that_does_not_fit_is_refused_with_every_reason(hetlava, digits_network, model):
    from hetlava.train.model_file import write_model

    write_model(model, digits_network)
    outcome = hetlava("verify", model, "--target", "xylo2")
    assert outcome.code == 2
    assert "64 inputs, the chip has 16" in outcome.err and "10 output neurons" in outcome.err
