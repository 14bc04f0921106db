"""Spoken words in SHD's file format: cochlea-digits, SHD and SSC, whole or damaged."""

import io
import os
import time
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

from hetlava import datasets
from hetlava.errors import DataError

TIMES = [[0.001, 0.25, 0.25, 1.0], [], [0.5]]
UNITS = [[3, 699, 0, 5], [], [7]]
LABELS = [2, 0, 9]


def content(times=TIMES, units=UNITS, labels=LABELS, *, dtype="<f2", unit="<u2", leave_out=()):
    """The bytes of a file in SHD's layout."""
    image = io.BytesIO()
    with h5py.File(image, "w") as file:
        for key, rows, kind in (("times", times, dtype), ("units", units, unit)):
            if f"spikes/{key}" not in leave_out:
                kind = np.dtype(kind)
                made = file.create_dataset(f"spikes/{key}", (len(rows),), h5py.vlen_dtype(kind))
                for k, row in enumerate(rows):
                    made[k] = np.array(row, kind)
        if "labels" not in leave_out:
            file["labels"] = np.array(labels, np.uint16)
    return image.getvalue()


PLACES = {
    "cochlea-digits": ("fsdd_cochlea/fsdd_{}.h5", ("train", "test"), 10),
    "shd": ("shd/shd_{}.h5", ("train", "test"), 20),
    "ssc": ("ssc/ssc_{}.h5", ("train", "valid", "test"), 35),
}


def put(root, name, split, raw):
    path = root / PLACES[name][0].format(split)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(raw)
    return path


@pytest.mark.parametrize("name", PLACES)
def test_every_official_split_is_read_from_its_file(data_root, name):
    _, splits, n_classes = PLACES[name]
    assert datasets.defaults(name).splits == splits
    for k, split in enumerate(splits):
        put(data_root, name, split, content(labels=[k, k, k]))
    for k, split in enumerate(splits):
        found = datasets.load(name, split)
        assert (found.name, found.split, found.labels.tolist()) == (name, split, [k] * 3)
        assert (found.n_channels, found.n_classes) == (700, n_classes)


@pytest.mark.parametrize("dtype", ["<f2", "<f4", ">f8"])
@pytest.mark.parametrize("unit", ["<u2", "<i8", "<f4"])
def test_times_become_microseconds_and_units_channels(data_root, dtype, unit):
    put(data_root, "shd", "train", content(dtype=dtype, unit=unit))
    found = datasets.load("shd", "train")
    assert found.indptr.tolist() == [0, 4, 4, 5]
    exact = np.array([0.001, 0.25, 0.25, 1.0, 0.5], dtype).astype(float)
    assert found.times.tolist() == np.rint(1e6 * exact).astype(int).tolist()
    assert found.channels.tolist() == [3, 699, 0, 5, 7]


def test_spikes_out_of_order_are_put_in_order(data_root):
    times, units = [[0.5, 0.25, 0.5, 0.125], [0.75, 0.5]], [[1, 2, 3, 4], [5, 6]]
    put(data_root, "shd", "test", content(times, units, [0, 1]))
    found = datasets.load("shd", "test")
    assert found.times.tolist() == [125000, 250000, 500000, 500000, 500000, 750000]
    assert found.channels.tolist() == [4, 2, 1, 3, 6, 5]


@pytest.mark.parametrize("where", ["data/SHD", "cache/SHD", "cache/shd"])
def test_tonics_folders_are_looked_in(data_root, tmp_path, where):
    (tmp_path / where).mkdir(parents=True)
    (tmp_path / where / "shd_train.h5").write_bytes(content())
    assert datasets.load("shd", "train").n == 3


def test_the_archive_gives_what_its_files_give_and_is_not_unpacked(data_root):
    path = put(data_root, "cochlea-digits", "train", content())
    expected = datasets.load("cochlea-digits", "train")
    path.unlink()
    with zipfile.ZipFile(path.parent / "fsdd-cochlea-h5.zip", "w") as file:
        file.writestr("fsdd_train.h5", content())
    assert datasets.load("cochlea-digits", "train") == expected
    assert [p.name for p in path.parent.iterdir()] == ["fsdd-cochlea-h5.zip"]


@pytest.mark.parametrize("name", PLACES)
def test_a_missing_file_says_where_to_put_it(data_root, name):
    with pytest.raises(DataError) as caught:
        datasets.load(name, "test")
    for part in ("HETLAVA_DATA", f"{name}: ", PLACES[name][0].split("/")[0], str(data_root)):
        assert part in str(caught.value)


def test_the_cochlea_digits_never_stand_in_for_shd(data_root):
    put(data_root, "cochlea-digits", "train", content())
    with pytest.raises(DataError, match="shd: shd_train.h5 is not here"):
        datasets.load("shd", "train")


NAN = float("nan")
DAMAGED = {
    "a_nan": (content([[0.0, NAN], [], [1.0]], [[0, 1], [], [2]]), "spike 1 of recording 0: nan"),
    "a_negative_time": (content([[0.5], [], [-1.0]], [[0], [], [2]]), "spike 0 of recording 2: -1"),
    "an_endless_time": (content([[0.5], [], [np.inf]], [[0], [], [2]]), "recording 2: inf is a ti"),
    "a_time_of_hours": (content([[9e3], [], [1.0]], [[0], [], [2]]), "outside 0 .. 10 s"),
    "a_unit_too_many": (content(units=[[3, 700, 0, 5], [], [7]]), "spike 1 of recording 0: 700"),
    "a_negative_unit": (
        content(units=[[3, -1, 0, 5], [], [7]], unit="<i4"),
        "spike 1 of recording 0: -1",
    ),
    "half_a_unit": (
        content(units=[[3, 0.5, 0, 5], [], [7]], unit="<f4"),
        "spike 1 of recording 0: 0.5",
    ),
    "a_unit_that_is_none": (content(units=[[3, NAN, 0, 5], [], [7]], unit="<f4"), "nan is a unit"),
    "fewer_units": (content(units=[[3, 0, 5], [1], [7]]), "recording 0 has not as many units"),
    "fewer_rows": (content(times=TIMES[:2]), "recording 2 has not as many units"),
    "a_label_too_many": (content(labels=[1, 20, 3]), r"label 1 is 20, expected 0 \.\. 1?9"),
    "fewer_labels": (content(labels=[1, 2]), r"labels of shape \(2,\), expected \(3,\)"),
    "no_labels": (content(leave_out=["labels"]), "labels: missing"),
    "no_times": (content(leave_out=["spikes/times"]), "spikes/times: missing"),
    "no_spikes": (content(leave_out=["spikes/times", "spikes/units"]), "spikes: missing"),
    "nothing": (b"", "empty|damaged"),
    "a_page": (b"<html>not found</html>" * 100, "not an HDF5 file|damaged"),
    "a_part": (content()[:3000], "damaged|outside"),
}


@pytest.mark.parametrize("case", DAMAGED)
@pytest.mark.parametrize("place", ["file", "archive"])
def test_a_damaged_file_is_named(data_root, case, place):
    raw, reason = DAMAGED[case]
    if place == "file":
        put(data_root, "shd", "train", raw)
    else:
        (data_root / "fsdd_cochlea").mkdir()
        with zipfile.ZipFile(data_root / "fsdd_cochlea" / "fsdd-cochlea-h5.zip", "w") as file:
            file.writestr("fsdd_train.h5", raw)
    name = "shd" if place == "file" else "cochlea-digits"
    with pytest.raises(DataError, match=rf"_train\.h5: .*({reason})"):
        datasets.load(name, "train")


@pytest.fixture(scope="module")
def recorded():
    return Path(os.environ["HETLAVA_DATA"]) / "fsdd_cochlea" / "fsdd-cochlea-h5.zip"


@pytest.mark.data
def test_the_recorded_digits_are_all_there(recorded):
    start = time.perf_counter()
    train, test = (datasets.load("cochlea-digits", split) for split in ("train", "test"))
    # a second and a half here; this leaves room for a busy machine
    assert time.perf_counter() - start < 15
    assert np.bincount(train.labels).tolist() == [270] * 10
    assert np.bincount(test.labels).tolist() == [30] * 10
    sizes = np.diff(train.indptr), np.diff(test.indptr)
    assert (min(map(np.min, sizes)), max(map(np.max, sizes))) == (445, 8763)
    assert sum(map(np.sum, sizes)) == 12_179_017


@pytest.mark.data
def test_recorded_digits_are_those_that_h5py_reads(recorded):
    test = datasets.load("cochlea-digits", "test")
    with (
        zipfile.ZipFile(recorded) as archive,
        h5py.File(io.BytesIO(archive.read("fsdd_test.h5"))) as file,
    ):
        times, units = file["spikes/times"][:], file["spikes/units"][:]
        assert np.array_equal(test.labels, file["labels"][:])
    assert np.array_equal(np.diff(test.indptr), [len(row) for row in times])
    seconds = np.concatenate(times).astype(np.float64)
    assert np.array_equal(test.times, np.rint(1e6 * seconds))
    assert np.array_equal(test.channels, np.concatenate(units))


@pytest.mark.data
def test_the_defaults_keep_nearly_all_recorded_spikes(recorded):
    default = datasets.defaults("cochlea-digits")
    test = datasets.load("cochlea-digits", "test")
    # the longest words go on, almost silently, for another second
    assert np.mean(test.times >= default.dt * default.n_steps * 1e6) < 0.005


@pytest.mark.data
def test_a_linear_readout_of_the_recorded_digits_is_as_good_as_published(recorded):
    counts, labels = [], []
    for split in ("train", "test"):
        found = datasets.load("cochlea-digits", split)
        sample = np.repeat(np.arange(found.n), np.diff(found.indptr))
        last = found.times[found.indptr[1:] - 1][sample]
        row = sample * 560 + found.times * 8 // (last + 1) * 70 + found.channels // 10
        counts.append(np.bincount(row, minlength=found.n * 560).reshape(found.n, 560))
        labels.append(found.labels)
    mean = counts[0].mean(axis=0)
    x, y = counts[0] - mean, np.eye(10)[labels[0]]
    weights = np.linalg.solve(x.T @ x + 1e4 * np.eye(560), x.T @ (y - 0.1))
    predicted = np.argmax((counts[1] - mean) @ weights, axis=1)
    # ridge regression on 8 parts of the word x 70 channels is said to reach 73 %
    assert np.mean(predicted == labels[1]) > 0.7
