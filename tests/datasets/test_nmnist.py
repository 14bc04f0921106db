"""N-MNIST from an archive and from a folder: order, labels, and damage that is named."""

import csv
import hashlib
import io
import os
import shutil
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hetlava import datasets
from hetlava.datasets.nmnist import read_folder, read_zip
from hetlava.errors import DataError


def content(seed):
    """A recording of 20 events whose channels and times follow from its seed."""
    k = np.arange(20)
    t = 1000 * k + seed
    columns = ((k + seed) % 34, k, (k + seed) % 2 << 7 | t >> 16, t >> 8 & 255, t & 255)
    return np.stack(columns, axis=1).astype(np.uint8).tobytes()


RECORDINGS = {
    "NMNIST/Train/5/00001.bin": content(1),
    "NMNIST/Train/0/00002.bin": content(2),
    "NMNIST/Train/5/00010.bin": content(10),
    "NMNIST/Test/7/60001.bin": content(3),
}


def manifest(recordings):
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(["path", "sha256"])
    for name, raw in recordings.items():
        rows.writerow([name, hashlib.sha256(raw).hexdigest()])
    return text.getvalue()


@pytest.fixture
def root(tmp_path, monkeypatch):
    """An empty folder that HETLAVA_DATA names, and an empty cache beside it."""
    data = tmp_path / "data"
    data.mkdir()
    monkeypatch.setenv("HETLAVA_DATA", str(data))
    monkeypatch.setenv("HETLAVA_CACHE", str(tmp_path / "cache"))
    return data


def zipped(root, recordings=RECORDINGS, listed=None):
    path = root / "nmnist" / "nmnist-1100.zip"
    path.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, raw in recordings.items():
            file.writestr(name, raw)
        if listed != "":
            file.writestr("NMNIST/manifest.csv", listed or manifest(recordings))
    return path


def unpacked(folder, recordings=RECORDINGS):
    for name, raw in recordings.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(raw)
    return folder


def test_recordings_come_in_the_order_of_their_numbers(root):
    zipped(root)
    train = datasets.load("nmnist", "train")
    assert train.labels.tolist() == [5, 0, 5]
    assert train.times[train.indptr[:-1]].tolist() == [1, 2, 10]
    assert datasets.load("nmnist", "test").labels.tolist() == [7]


def test_a_channel_is_polarity_then_row_then_column(root):
    zipped(root)
    train = datasets.load("nmnist", "train")
    k = np.arange(20)
    expected = (k + 1) % 2 * 1156 + k * 34 + (k + 1) % 34
    assert train.channels[:20].tolist() == expected.tolist()


@pytest.mark.parametrize("where", ["data", "data/nmnist", "cache"])
def test_a_folder_in_any_of_its_places_gives_what_the_archive_gives(root, tmp_path, where):
    path = zipped(root)
    expected = read_zip(path, "train")
    path.unlink()
    unpacked(tmp_path / where)
    assert datasets.load("nmnist", "train") == expected


def test_the_archive_goes_before_a_folder_and_is_not_unpacked(root):
    zipped(root)
    unpacked(root, {"NMNIST/Train/9/00003.bin": content(1)})
    before = sorted(root.rglob("*"))
    assert datasets.load("nmnist", "train").labels.tolist() == [5, 0, 5]
    assert sorted(root.rglob("*")) == before


def test_a_missing_data_set_says_what_to_put_where(root, tmp_path):
    with pytest.raises(DataError) as caught:
        datasets.load("nmnist", "train")
    for part in ("HETLAVA_DATA", "nmnist-1100.zip", str(tmp_path / "cache"), "tonic.datasets"):
        assert part in str(caught.value)


def test_without_hetlava_data_the_cache_is_looked_in(root, tmp_path, monkeypatch):
    monkeypatch.delenv("HETLAVA_DATA")
    unpacked(tmp_path / "cache")
    assert datasets.load("nmnist", "test").n == 1


def test_a_data_folder_that_is_none_is_named(root, monkeypatch):
    monkeypatch.setenv("HETLAVA_DATA", str(root / "nowhere"))
    with pytest.raises(DataError, match="nowhere: no such folder"):
        datasets.load("nmnist", "train")


def test_a_folder_without_the_split_is_named(root):
    unpacked(root, {"NMNIST/Train/9/00003.bin": content(1)})
    with pytest.raises(DataError, match="NMNIST/Test holds no recordings"):
        datasets.load("nmnist", "test")


NAME = "NMNIST/Train/0/00002.bin"
DAMAGED = {
    "cut": (content(2)[:-1], "no multiple of 5"),
    "emptied": (b"", "is empty"),
    "outside": (content(2)[:-5] + bytes([34, 0, 0, 255, 255]), "outside the 34 x 34"),
    "out_of_order": (content(2)[:-5] + bytes([3, 0, 0, 0, 0]), "earlier than the one before"),
    "too_late": (content(2)[:-5] + bytes([3, 0, 127, 0, 0]), "later than"),
}


@pytest.mark.parametrize("case", DAMAGED)
@pytest.mark.parametrize("place", ["zip", "folder"])
def test_a_damaged_recording_is_named_not_skipped(root, place, case):
    raw, reason = DAMAGED[case]
    (zipped if place == "zip" else unpacked)(root, {**RECORDINGS, NAME: raw})
    with pytest.raises(DataError, match=f"{NAME}: .*{reason}"):
        datasets.load("nmnist", "train")


def test_a_recording_that_differs_from_the_manifest_is_named(root):
    zipped(root, {**RECORDINGS, NAME: content(4)}, listed=manifest(RECORDINGS))
    with pytest.raises(DataError, match=f"{NAME}: .*sha256"):
        datasets.load("nmnist", "train")


def test_a_recording_missing_from_archive_or_manifest_is_named(root):
    fewer = {name: raw for name, raw in RECORDINGS.items() if name != NAME}
    zipped(root, fewer, listed=manifest(RECORDINGS))
    with pytest.raises(DataError, match=f"{NAME}: is in the manifest, but missing"):
        datasets.load("nmnist", "train")
    zipped(root, RECORDINGS, listed=manifest(fewer))
    with pytest.raises(DataError, match=f"{NAME}: is not in the manifest"):
        datasets.load("nmnist", "train")


def test_a_manifest_beside_a_folder_is_heeded(root):
    unpacked(root, {**RECORDINGS, NAME: content(4)})
    (root / "NMNIST" / "manifest.csv").write_text(manifest(RECORDINGS))
    with pytest.raises(DataError, match=f"{NAME}: .*sha256"):
        datasets.load("nmnist", "train")


@pytest.mark.parametrize(
    "listed", ["", b"\xff", "name,checksum\na,b\n", "path,sha256\nNMNIST/Train/0/1.bin\n", "path"]
)
def test_a_damaged_manifest_is_named(root, listed):
    zipped(root, listed=listed)
    with pytest.raises(DataError, match=r"manifest\.csv"):
        datasets.load("nmnist", "train")


def test_a_manifest_with_what_is_no_checksum_is_named(root):
    zipped(root, listed=f"path,sha256\n{NAME},123\n")
    with pytest.raises(DataError, match=r"manifest\.csv: a sha256 is not one"):
        datasets.load("nmnist", "train")


def test_an_archive_that_climbs_out_is_refused_before_it_is_read(root):
    zipped(root, {**RECORDINGS, "NMNIST/../../evil.bin": b"12345"})
    with pytest.raises(DataError, match=r"'NMNIST/\.\./\.\./evil\.bin' climbs out"):
        datasets.load("nmnist", "train")


def test_a_recording_of_another_layout_is_named(root):
    unpacked(root, {"NMNIST/Train/x/00001.bin": content(1)})
    with pytest.raises(DataError, match=r"Train/x/00001\.bin: not in N-MNIST's layout"):
        datasets.load("nmnist", "train")


def test_what_is_no_archive_is_named(root):
    path = zipped(root)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(DataError, match=r"nmnist-1100\.zip: no zip archive"):
        datasets.load("nmnist", "train")


def test_an_archive_with_random_damage_is_refused_or_read_right(root, rng):
    path = zipped(root)
    whole, expected = path.read_bytes(), read_zip(path, "train")
    refused = 0
    for _ in range(300):
        raw = bytearray(whole)
        for k in rng.integers(0, len(raw), rng.integers(1, 4)):
            raw[k] = rng.integers(0, 256)
        path.write_bytes(raw)
        try:
            assert read_zip(path, "train") == expected
        except DataError:
            refused += 1
    assert refused > 200


def test_a_recording_that_cannot_be_read_is_named(root):
    unpacked(root)
    path = root / NAME
    path.unlink()
    path.symlink_to(root / "gone")
    with pytest.raises(DataError, match="00002.bin: cannot be read"):
        datasets.load("nmnist", "train")


@pytest.fixture(scope="module")
def recorded():
    return Path(os.environ["HETLAVA_DATA"]) / "nmnist" / "nmnist-1100.zip"


@pytest.mark.data
def test_the_recorded_digits_are_all_there(recorded):
    start = time.perf_counter()
    train, test = (read_zip(recorded, split) for split in ("train", "test"))
    # a third of a second here; ten times that leaves room for a busy machine
    assert time.perf_counter() - start < 6
    assert np.bincount(train.labels).tolist() == [97, 116, 99, 93, 105, 92, 94, 117, 87, 100]
    assert np.bincount(test.labels).tolist() == [8, 14, 8, 11, 14, 7, 10, 15, 2, 11]
    assert train.times.size + test.times.size == 4_518_827
    assert (train.times.max(), test.times.max()) == (315_109, 336_040)


@pytest.mark.data
def test_recorded_digits_are_equal_to_tonics(recorded):
    read_mnist_file = pytest.importorskip("tonic.io").read_mnist_file
    dtype = np.dtype([("x", int), ("y", int), ("t", int), ("p", int)])
    test = read_zip(recorded, "test")
    with zipfile.ZipFile(recorded) as file:
        names = [name for name in file.namelist() if "/Test/" in name]
        for k, name in enumerate(sorted(names, key=lambda name: name[-9:])):
            events = read_mnist_file(io.BytesIO(file.read(name)), dtype, is_stream=True)
            part = slice(test.indptr[k], test.indptr[k + 1])
            channels = events["p"] * 1156 + events["y"] * 34 + events["x"]
            assert np.array_equal(test.channels[part], channels)
            assert np.array_equal(test.times[part], events["t"])
            assert test.labels[k] == int(name.split("/")[2])


@pytest.mark.data
def test_the_unpacked_archive_gives_the_same(recorded, tmp_path):
    shutil.unpack_archive(recorded, tmp_path)
    assert read_folder(tmp_path, "test") == read_zip(recorded, "test")
    (tmp_path / "NMNIST" / "manifest.csv").unlink()
    assert read_folder(tmp_path, "test") == read_zip(recorded, "test")


@pytest.mark.data
def test_the_defaults_keep_nearly_all_recorded_spikes(recorded):
    default = datasets.defaults("nmnist")
    test = read_zip(recorded, "test")
    late = np.mean(test.times >= default.dt * default.n_steps * 1e6)
    # the recordings end between 297 and 336 ms, and the digits rest after 300
    assert late < 0.05
    events = test.binned(default.dt, default.n_steps)
    assert events.n_neurons == default.n_channels
    assert replace(test, duration=1.0).binned(default.dt, default.n_steps) == events
