"""Layers of images in lava-dl's files, written here as SLAYER writes them."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from hetlava.convolution import QuantisedConvolution
from hetlava.errors import FormatError, UnsupportedError
from hetlava.export.net_hdf5 import read

Change = Callable[[h5py.File], object]
FUZZ = Path(__file__).with_name("fuzz.py")
IMAGE, CHANNELS, CLASSES = (2, 6, 5), 4, 3


def put(key: str, value: object) -> Change:
    """Return a change that replaces or adds a dataset."""

    def change(file: h5py.File) -> None:
        if key in file:
            del file[key]
        file[key] = value

    return change


def drop(key: str) -> Change:
    return lambda file: file.__delitem__(key)


def complex_weights(file: h5py.File) -> None:
    del file["layer/1/weight"]
    file["layer/1/weight/real"] = file["layer/1/weight/imag"] = np.zeros((CHANNELS, 2, 3, 2))


def sliding(file: h5py.File, k: int, kind: str, shape: tuple[int, ...], weight: object) -> None:
    layer = file.create_group(f"layer/{k}")
    layer.create_dataset("type", (1,), "S10", [kind.encode()])
    layer["shape"], layer["weight"] = np.array(shape), np.asarray(weight, np.float32)
    layer["neuron/type"], layer["neuron/gradedSpike"] = "CUBA", False
    layer["neuron/iDecay"], layer["neuron/vDecay"] = 1024, 128
    layer["neuron/vThMant"], layer["neuron/refDelay"] = 80, 1


@pytest.fixture
def lava_dl(rng: np.random.Generator, tmp_path: Path) -> Callable[..., Path]:
    """``lava_dl(*changes)`` writes an input, a kernel, a pool, a flatten and a matrix."""

    def make(*changes: Change) -> Path:
        path = tmp_path / "images.net"
        with h5py.File(path, "w") as file:
            file["simulation/Ts"], file["simulation/tSample"] = 1, 20
            file.create_dataset("layer/0/type", (1,), "S10", [b"input"])
            file["layer/0/shape"] = np.array(IMAGE)
            kernel = 2 * rng.integers(-127, 127, (CHANNELS, 2, 3, 2))
            sliding(file, 1, "conv", (CHANNELS, 6, 2), kernel)
            file["layer/1/stride"], file["layer/1/padding"] = np.array([1, 2]), np.array([1, 0])
            file["layer/1/dilation"], file["layer/1/groups"] = np.array([1, 1]), 1
            file["layer/1/inChannels"], file["layer/1/outChannels"] = 2, CHANNELS
            file["layer/1/kernelSize"] = np.array([3, 2])
            del file["layer/1/neuron/vDecay"]
            file["layer/1/neuron/vDecay"] = np.arange(CHANNELS) + 100
            sliding(file, 2, "pool", (CHANNELS, 3, 1), np.full((1, 1, 2, 2), 70))
            for key, value in {"stride": 2, "padding": 0, "dilation": 1}.items():
                file[f"layer/2/{key}"] = np.full(2, value)
            file["layer/2/kernelSize"] = np.array([2, 2])
            file.create_dataset("layer/3/type", (1,), "S10", [b"flatten"])
            file["layer/3/shape"] = np.array([12, 1, 1])
            sliding(file, 4, "dense", (CLASSES,), 2 * rng.integers(-127, 127, (CLASSES, 12)))
            for change in changes:
                change(file)
        return path

    return make


def test_images_are_read_layer_by_layer(lava_dl: Callable[..., Path]) -> None:
    net = read(lava_dl())
    conv, pool, matrix = net.projections
    assert isinstance(conv, QuantisedConvolution) and isinstance(pool, QuantisedConvolution)
    assert (conv.output_shape, pool.output_shape) == ((CHANNELS, 6, 2), (CHANNELS, 3, 1))
    assert (conv.stride, conv.padding) == ((1, 2), ((1, 1), (0, 0)))
    assert (pool.groups, set(pool.weights.ravel())) == (CHANNELS, {70})
    assert [q.target for q in net.projections] == ["layer1", "layer2", "layer4"]
    assert matrix.shape == (CLASSES, 12) and net.n_inputs == 60


def test_values_of_a_channel_are_those_of_its_neurons(lava_dl: Callable[..., Path]) -> None:
    bias = np.arange(CHANNELS, dtype=np.float32)
    registers = read(lava_dl(put("layer/1/bias", bias))).populations[0].registers
    assert registers.dv.tolist() == np.repeat(np.arange(CHANNELS) + 100, 12).tolist()
    assert registers.bias_mant.tolist() == np.repeat(np.arange(CHANNELS), 12).tolist()


def test_delays_of_a_channel_are_those_of_its_neurons(lava_dl: Callable[..., Path]) -> None:
    net = read(lava_dl(put("layer/1/delay", np.array([0.0, 3, 62, 1]))))
    assert net.projections[0].delays is None
    delays = net.projections[1].delays
    assert delays is not None and delays.tolist() == np.repeat([0, 3, 62, 1], 12).tolist()


def test_a_weight_may_keep_slayers_axis_of_time(lava_dl: Callable[..., Path]) -> None:
    with h5py.File(lava_dl()) as file:
        weight = file["layer/1/weight"][()]
    longer = read(lava_dl(put("layer/1/weight", weight[..., None])))
    assert np.array_equal(longer.projections[0].weights, weight)


def late_outputs(n: int) -> list[Change]:
    return [put(f"layer/{k}/delay", np.full(n, 40.0)) for k, n in ((2, CHANNELS), (4, n))]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ([put("layer/1/spare", 1)], "layer/1: .'spare'. unknown"),
        ([put("layer/2/bias", np.zeros(4))], "layer/2: .'bias'. unknown"),
        ([put("layer/2/groups", 1)], "layer/2: .'groups'. unknown"),
        ([put("layer/3/neuron/type", "CUBA")], "layer/3: .'neuron'. unknown"),
        ([put("layer/1/delay", np.ones(3))], r"layer/1/delay: shape \(3,\); .* 4 channels"),
        ([put("layer/1/delay", np.ones((4, 1)))], r"layer/1/delay: shape \(4, 1\)"),
        (late_outputs(CLASSES), "layer4: delays of the last two layers add up to more than 62"),
        (
            [put("layer/4/delay", np.ones(CLASSES)), put("layer/4/bias", np.ones(CLASSES))],
            "layer4: delays of the output of a layer with a loop or biases",
        ),
    ],
)
def test_what_would_not_run_exactly_is_refused(
    changes: list[Change], message: str, lava_dl: Callable[..., Path]
) -> None:
    with pytest.raises(UnsupportedError, match=message):
        read(lava_dl(*changes))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (drop("layer/1/groups"), "layer/1: .'groups'. missing"),
        (drop("layer/1/neuron"), "layer/1: .'neuron'. missing"),
        (put("layer/1/groups", 3), "2 channels in and 4 out do not divide"),
        (put("layer/1/groups", 1.0), "layer/1/groups: float64"),
        (put("layer/1/groups", np.ones(2, int)), r"layer/1/groups: int64 \(2,\)"),
        (put("layer/1/stride", np.array([0, 1])), "must be at least 1"),
        (put("layer/1/stride", np.array([1.5, 1])), "stride: 1 of 2 values do not fit"),
        (put("layer/1/stride", np.ones(3)), r"layer/1/stride: shape \(3,\)"),
        (put("layer/1/padding", np.array([1 << 40, 0])), "an image has more than"),
        (put("layer/1/padding", np.array([-1, 0])), "padding .* at least 0"),
        (put("layer/1/dilation", np.array([9, 1])), "does not fit an input"),
        (put("layer/1/weight", np.full((4, 2, 3, 2), 256)), "weight: 48 of 48 are outside"),
        (put("layer/1/weight", np.full((4, 2, 3, 2), 0.5)), "weight: 48 of 48 values do not fit"),
        (put("layer/1/weight", np.zeros((4, 12))), r"weight: shape \(4, 12\), expected a kernel"),
        (put("layer/1/inChannels", 3), "layer/1/inChannels: disagrees"),
        (put("layer/1/kernelSize", np.array([2, 3])), "layer/1/kernelSize: disagrees"),
        (put("layer/1/shape", np.array([4, 2, 6])), r"layer/1/shape: \(4, 2, 6\), but the kernel"),
        (put("layer/1/shape", np.array([], int)), "layer/1/shape"),
        (put("layer/1/neuron/iDecay", np.arange(5)), "layer/1/neuron/iDecay: shape"),
        (put("layer/1/delay", np.full(4, 0.5)), "delay: 4 of 4 values do not fit"),
        (put("layer/1/delay", np.full(4, 63.0)), "delays: 48 of 48 are outside"),
        (put("layer/1/delay", np.full(4, -1.0)), "delays: 48 of 48 are outside"),
        (put("layer/2/weight", np.full((4, 1, 2, 2), 70)), "expected one window"),
        (put("layer/2/shape", np.array([4, 3, 2])), r"layer/2/shape: \(4, 3, 2\), but"),
        (put("layer/3/shape", np.array([13])), r"layer/3/shape: \(13,\) of an image"),
        (put("layer/0/shape", np.array([60])), "layer/1: needs an image"),
        (put("layer/0/shape", np.array([2, 1 << 30, 5])), "at most 4194304"),
        (complex_weights, "layer/1/weight"),
        (drop("layer/0/shape"), "layer/0: .'shape'. missing"),
    ],
)
def test_parts_that_disagree_or_cannot_be_are_named(
    change: Change, message: str, lava_dl: Callable[..., Path]
) -> None:
    with pytest.raises(FormatError, match=f"images.net: .*{message}"):
        read(lava_dl(change))


@pytest.mark.parametrize("count", [150, pytest.param(2000, marks=pytest.mark.slow)])
def test_damage_does_no_harm(count: int, lava_dl: Callable[..., Path]) -> None:
    path = lava_dl(put("layer/1/delay", np.array([0.0, 3, 62, 1])))
    done = subprocess.run(
        [sys.executable, FUZZ, path, "0", str(count)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout)["error"] > 0.1 * count


def input_neurons(**datasets: object) -> Change:
    def change(file: h5py.File) -> None:
        for key, value in {"type": "CUBA", "iDecay": 9, "vDecay": 9, "vThMant": 80}.items():
            file[f"layer/0/neuron/{key}"] = value
        for key, value in datasets.items():
            file[f"layer/0/{key}"] = value

    return change


@pytest.mark.parametrize(("datasets", "weight"), [({}, 64), ({"weight": np.array([34.0])}, 34)])
def test_neurons_at_the_input_hear_one_channel_each(
    datasets: dict[str, object], weight: int, lava_dl: Callable[..., Path]
) -> None:
    net = read(lava_dl(input_neurons(**datasets)))
    assert [p.name for p in net.populations][:2] == ["layer0", "layer1"]
    assert np.array_equal(net.projections[0].matrix(), weight * np.eye(60))


def test_an_absurd_input_of_neurons_is_refused_before_memory_is_taken(
    lava_dl: Callable[..., Path],
) -> None:
    huge = put("layer/0/shape", np.array([1 << 40]))
    with pytest.raises(FormatError, match="at most 4194304"):
        read(lava_dl(input_neurons(), huge))
