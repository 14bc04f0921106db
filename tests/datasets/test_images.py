"""MNIST and Fashion-MNIST: their files, their labels, and an encoder by name."""

import gzip
import struct
import time
from dataclasses import replace

import numpy as np
import pytest

from hetlava import datasets
from hetlava.datasets import fashion_mnist, images, mnist
from hetlava.datasets.encoders import latency, rate
from hetlava.datasets.images import read_images
from hetlava.errors import DataError, ValidationError

NAMES = {"mnist": mnist, "fashion-mnist": fashion_mnist}
FOLDERS = {"mnist": "mnist", "fashion-mnist": "fashion_mnist"}


def idx(array):
    head = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return gzip.compress(head + array.astype(np.uint8).tobytes())


@pytest.fixture
def small(data_root, monkeypatch, rng):
    """Files of 6 training and 4 test images, and no checksums that they would have to have."""
    for module in NAMES.values():
        monkeypatch.setattr(module, "FILES", replace(module.FILES, sha256={}))
    made = {}
    for folder in FOLDERS.values():
        (data_root / folder).mkdir()
        for part, n in (("train", 6), ("t10k", 4)):
            pixels = rng.integers(0, 256, (n, 28, 28)).astype(np.uint8)
            labels = rng.integers(0, 10, n)
            made[folder, part] = pixels, labels
            (data_root / folder / f"{part}-images-idx3-ubyte.gz").write_bytes(idx(pixels))
            (data_root / folder / f"{part}-labels-idx1-ubyte.gz").write_bytes(idx(labels))
    return made


def test_latency_is_what_a_plain_name_means(small):
    pixels, labels = small["mnist", "train"]
    plain = datasets.load("mnist", "train")
    assert plain == datasets.load("mnist:latency", "train") and plain.name == "mnist:latency"
    expected = latency(pixels.reshape(6, 784))
    assert np.array_equal(plain.times, expected.times)
    assert np.array_equal(plain.channels, expected.channels)
    assert np.array_equal(plain.labels, labels)


@pytest.mark.parametrize("name", NAMES)
def test_rate_and_split_are_chosen_by_name(small, name):
    pixels, labels = small[FOLDERS[name], "t10k"]
    test = datasets.load(f"{name}:rate", "test")
    assert np.array_equal(test.times, rate(pixels.reshape(4, 784), images.DURATION_US).times)
    assert np.array_equal(test.labels, labels)


def test_poisson_is_the_same_every_time_and_differs_between_splits(small, data_root):
    first = datasets.load("mnist:poisson", "train")
    assert datasets.load("mnist:poisson", "train") == first
    folder = data_root / "mnist"
    for kind in ("images-idx3", "labels-idx1"):
        content = (folder / f"train-{kind}-ubyte.gz").read_bytes()
        (folder / f"t10k-{kind}-ubyte.gz").write_bytes(content)
    assert not np.array_equal(datasets.load("mnist:poisson", "test").times, first.times)


@pytest.mark.parametrize("encoder", images.ENCODERS)
def test_no_spike_is_lost_at_the_defaults(small, encoder):
    recordings = datasets.load(f"fashion-mnist:{encoder}", "train")
    default = datasets.defaults(f"fashion-mnist:{encoder}")
    events = recordings.binned(default.dt, default.n_steps)
    lost = recordings.times.size - events.n_events
    # several spikes of a random train may meet in a step, none of the others do
    assert lost <= recordings.times.size * (0.05 if encoder == "poisson" else 0)
    assert events.n_neurons == default.n_channels


def test_an_unknown_encoder_lists_the_known():
    for ask in (lambda n: datasets.load(n, "train"), datasets.defaults):
        with pytest.raises(ValidationError, match="'phase' is unknown; known: latency, rate, p"):
            ask("mnist:phase")
        with pytest.raises(ValidationError, match="'rate' is unknown; digits takes none"):
            ask("digits:rate")
        with pytest.raises(ValidationError, match="encoder '' is unknown"):
            ask("mnist:")


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_data_set_says_what_to_put_where(data_root, name):
    with pytest.raises(DataError) as caught:
        datasets.load(name, "train")
    for part in ("HETLAVA_DATA", str(data_root / FOLDERS[name]), "t10k-labels-idx1-ubyte.gz"):
        assert part in str(caught.value)


def test_a_missing_file_is_named(small, data_root):
    (data_root / "mnist" / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DataError, match="mnist/t10k-labels-idx1-ubyte.gz: no such file"):
        datasets.load("mnist", "test")
    assert datasets.load("mnist", "train").n == 6


@pytest.mark.parametrize("where", ["data/MNIST/raw", "cache/MNIST/raw"])
def test_the_unpacked_files_of_torchvision_are_found(small, data_root, tmp_path, where):
    expected = datasets.load("mnist", "train")
    target = tmp_path / where
    target.mkdir(parents=True)
    for path in (data_root / "mnist").iterdir():
        (target / path.stem).write_bytes(gzip.decompress(path.read_bytes()))
        path.unlink()
    (data_root / "mnist").rmdir()
    assert datasets.load("mnist", "train") == expected


def test_labels_beyond_the_classes_are_named(small, data_root):
    path = data_root / "mnist" / "train-labels-idx1-ubyte.gz"
    path.write_bytes(idx(np.array([1, 2, 3, 10, 4, 5])))
    with pytest.raises(DataError, match="label 3 of train-labels.* is 10, expected 0 .. 9"):
        datasets.load("mnist", "train")


@pytest.mark.parametrize("n", [0, 5, 7])
def test_as_many_labels_as_images_are_needed(small, data_root, n):
    path = data_root / "mnist" / "train-labels-idx1-ubyte.gz"
    path.write_bytes(idx(np.zeros(n)))
    with pytest.raises(DataError, match=f"6 images and {n} labels"):
        datasets.load("mnist", "train")


def test_other_images_than_the_published_are_refused(small, monkeypatch):
    wrong = {"train-images-idx3-ubyte": "0" * 64}
    monkeypatch.setattr(mnist, "FILES", replace(mnist.FILES, sha256=wrong))
    with pytest.raises(DataError, match="train-images.*not the published file"):
        datasets.load("mnist", "train")


COUNTS = {
    "mnist": [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009],
    "fashion-mnist": [1000] * 10,
}


@pytest.mark.data
@pytest.mark.parametrize("name", NAMES)
def test_the_published_test_images_are_all_there(name):
    start = time.perf_counter()
    test = datasets.load(name, "test")
    # a third of a second here; ten times that leaves room for a busy machine
    assert time.perf_counter() - start < 5
    assert np.bincount(test.labels).tolist() == COUNTS[name]
    # every pixel above a fifth of white fires once
    pixels = read_images(NAMES[name].FILES, "test").pixels
    assert test.times.size == np.count_nonzero(pixels > 51)


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_published_training_images_are_all_there(name):
    pixels, labels = read_images(NAMES[name].FILES, "train")
    expected = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert np.bincount(labels).tolist() == (expected if name == "mnist" else [6000] * 10)
    # the mean grey values that the community normalises by
    assert pixels.mean() / 255 == pytest.approx(
        {"mnist": 0.1307, "fashion-mnist": 0.2860}[name], abs=5e-5
    )
