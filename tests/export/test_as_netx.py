"""Files of lava-dl read as netx computes them: the real netx is the judge."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from hetlava.errors import UnsupportedError
from hetlava.events import from_dense
from hetlava.export.net_hdf5 import read
from hetlava.quantised import QuantisedNetwork
from hetlava.sim import reference

RunNetx = Callable[[Path, np.ndarray], list[np.ndarray]]
Layer = dict[str, Any]
STEPS = 40


def lava_dl(path: Path, shape: tuple[int, ...], *layers: Layer) -> Path:
    """Write layers as lava-dl does; neurons are CUBA's unless said otherwise."""
    with h5py.File(path, "w") as file:
        file.create_dataset("layer/0/type", (1,), "S10", [b"input"])
        file["layer/0/shape"] = np.array(shape)
        for k, layer in enumerate(layers, start=1):
            neuron = {"type": "CUBA", "iDecay": 900, "vDecay": 300, "vThMant": 90}
            neuron |= {"refDelay": 1, "gradedSpike": False} | layer.pop("neuron", {})
            kind = layer.pop("type", "dense")
            if kind != "flatten" and neuron["type"]:
                layer |= {f"neuron/{key}": value for key, value in neuron.items()}
            group = file.create_group(f"layer/{k}")
            group.create_dataset("type", (1,), "S10", [kind.encode()])
            for key, value in layer.items():
                group[key] = value
    return path


def dense(weight: np.ndarray, **more: Any) -> Layer:
    return {"shape": np.array([len(weight)]), "weight": weight} | more


def drawn(rng: np.random.Generator, n_post: int, n_pre: int) -> np.ndarray:
    return rng.integers(-100, 160, (n_post, n_pre))


def assert_netx(path: Path, run_netx: RunNetx, x: np.ndarray, least: int = 10) -> QuantisedNetwork:
    """Compare every layer's spikes with netx's; the file read as trained must give others."""
    net = read(path, dt=1e-3, n_steps=STEPS, as_netx=True)
    as_trained = read(path, dt=1e-3, n_steps=STEPS)  # netx never closes the file
    assert net.provenance == {"format": "lava-dl", "as": "netx"}
    rows = from_dense(x.reshape(STEPS, 1, -1))
    ours = reference.run(net, rows).spikes
    for events, spikes in zip(ours, run_netx(path, x), strict=True):
        assert np.array_equal(events.to_dense()[:, 0], spikes)
        assert events.n_events > least
    trained = reference.run(as_trained, rows)
    kept = [
        e for n, e in zip(trained.names, trained.spikes, strict=True) if not n.endswith("-bias")
    ]
    assert list(ours) != kept
    return net


@pytest.fixture
def x(rng: np.random.Generator) -> np.ndarray:
    return rng.random((STEPS, 8)) < 0.4


@pytest.mark.lava
def test_biases_act_from_the_first_step(
    tmp_path: Path, run_netx: RunNetx, x: np.ndarray, rng: np.random.Generator
) -> None:
    loop = dense(drawn(rng, 6, 9), type="dense_rec", weight_rec=drawn(rng, 6, 6))
    layers = [dense(drawn(rng, 9, 8), bias=rng.integers(-20, 60, 9)), loop]
    loop["bias"] = rng.integers(-20, 60, 6)
    net = assert_netx(lava_dl(tmp_path / "a.net", (8,), *layers), run_netx, x)
    assert net.population("layer2").cuba.bias_mant.any()


@pytest.mark.lava
@pytest.mark.parametrize(
    "weights",
    [
        lambda w: np.abs(w) | 1,  # kept: all of one sign have 8 bits
        lambda w: w | 1,  # odd of both signs lose one
        lambda w: np.where(w > 40, w, w // 8 * 8),
    ],
)
def test_weights_are_truncated(
    weights: Callable[[np.ndarray], np.ndarray],
    tmp_path: Path,
    run_netx: RunNetx,
    x: np.ndarray,
    rng: np.random.Generator,
) -> None:
    """A layer of inhibition alone, driven by biases, beside one of each kind."""
    inhibits = -rng.integers(0, 2, (7, 9)) * 4
    inhibits[0, 0] = -4
    layers = [
        dense(weights(drawn(rng, 9, 8))),
        dense(inhibits, bias=np.full(7, 60)),
        dense(drawn(rng, 5, 7) | 1),
    ]
    assert_netx(lava_dl(tmp_path / "a.net", (8,), *layers), run_netx, x)


@pytest.mark.lava
def test_delays_go_to_synapses(
    tmp_path: Path, run_netx: RunNetx, x: np.ndarray, rng: np.random.Generator
) -> None:
    """Of a layer's own size to its neurons, ties included, of the other size to its inputs."""
    layers = [
        dense(drawn(rng, 8, 8), delay=rng.integers(0, 9, 8).astype(float)),
        dense(drawn(rng, 9, 8), delay=rng.integers(0, 9, 9).astype(float)),
        dense(drawn(rng, 9, 9)),
        dense(drawn(rng, 7, 9), delay=rng.integers(0, 9, 9).astype(float)),
    ]
    assert_netx(lava_dl(tmp_path / "a.net", (8,), *layers), run_netx, x)


@pytest.mark.lava
def test_delays_in_a_loop_lose_the_exponent(
    tmp_path: Path, run_netx: RunNetx, x: np.ndarray, rng: np.random.Generator
) -> None:
    small = [rng.integers(-12, 20, (8, 8)) for _ in range(2)]  # netx scales these up
    loop = dense(small[0], type="dense_rec", weight_rec=small[1])
    loop["delay"] = rng.integers(0, 5, 8).astype(float)
    path = lava_dl(tmp_path / "a.net", (8,), loop, dense(drawn(rng, 4, 8)))
    net = assert_netx(path, run_netx, x)
    assert np.abs(net.projections[0].weights).max() > 100


@pytest.mark.lava
def test_delays_of_kernels_are_dropped(
    tmp_path: Path, run_netx: RunNetx, rng: np.random.Generator
) -> None:
    kernel = {
        "type": "conv",
        "shape": np.array([3, 4, 4]),
        "weight": rng.integers(-60, 100, (3, 2, 2, 2, 1)),
        "stride": np.array([1, 1]),
        "padding": np.array([0, 0]),
        "dilation": np.array([1, 1]),
        "groups": 1,
        "delay": np.array([4.0, 0.0, 7.0]),
        "bias": np.array([10, 0, 30]),
    }
    layers = [kernel, {"type": "flatten", "shape": np.array([48, 1, 1])}, dense(drawn(rng, 5, 48))]
    x = rng.random((STEPS, 2, 5, 5)) < 0.3
    assert_netx(lava_dl(tmp_path / "a.net", (2, 5, 5), *layers), run_netx, x)


def test_a_layer_without_neurons_never_forgets(tmp_path: Path, rng: np.random.Generator) -> None:
    path = lava_dl(tmp_path / "a.net", (8,), dense(drawn(rng, 4, 8), neuron={"type": ""}))
    net = read(path, dt=1e-3, n_steps=STEPS, as_netx=True)
    assert set(net.populations[0].cuba.du) == {-1} and set(net.populations[0].cuba.dv) == {4096}
    assert net.n_steps == STEPS


SQUARE = {"stride": np.array([2, 2]), "padding": np.array([0, 0]), "dilation": np.array([1, 1])}
ALIF = {"type": "ALIF", "thDecay": 100, "refDecay": 100, "vThStep": 10}


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (
            {"type": "pool", "shape": np.array([2, 2, 2]), "weight": np.full((1, 1, 2, 2), 70)}
            | SQUARE,
            "layer/1/type: netx loads no layer 'pool'",
        ),
        (dense(np.ones((3, 32), int), neuron=ALIF), "netx fails on ALIF neurons"),
        (dense(np.zeros((3, 32), int)), "layer/1/weight: all weights are 0, on which netx raises"),
        (
            dense(
                np.ones((3, 32), int),
                type="dense_rec",
                weight_rec=np.ones((3, 3), int),
                delay=np.ones(3),
            ),
            "layer/1/delay: netx gives the delays of 3 x 32 weights to those of the loop, 3 x 3",
        ),
    ],
)
def test_what_netx_gives_no_bits_for_is_refused(layer: Layer, message: str, tmp_path: Path) -> None:
    path = lava_dl(tmp_path / "a.net", (2, 4, 4), dict(layer))
    with pytest.raises(UnsupportedError, match=message):
        read(path, dt=1e-3, n_steps=STEPS, as_netx=True)
