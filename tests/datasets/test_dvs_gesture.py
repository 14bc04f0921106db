"""DVS128 Gesture: ten recordings without a split, and the official folders of tonic."""

import hashlib
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

from hetlava import datasets
from hetlava.errors import DataError, ValidationError


def events(seed, n=20):
    """A recording of 5-byte events whose channels and times follow from its seed."""
    k = np.arange(n)
    t = 70_000 * k + seed
    columns = ((k + seed) % 128, 6 * k, (k % 2) << 7 | t >> 16, t >> 8 & 255, t & 255)
    return np.stack(columns, axis=1).astype(np.uint8).tobytes()


RECORDINGS = {"1.bs2": events(0), "2.bs2": events(5)}


def listed(recordings=RECORDINGS):
    rows = ["file,label_0based,name,sha256"]
    for k, (name, raw) in enumerate(recordings.items()):
        rows.append(f"{name},{k},gesture,{hashlib.sha256(raw).hexdigest()}")
    return "\n".join(rows)


def zipped(root, recordings=RECORDINGS, labels=None):
    path = root / "dvs_gesture" / "dvs-gesture-10.zip"
    path.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("dvs_gesture/labels.csv", listed() if labels is None else labels)
        for name, raw in recordings.items():
            file.writestr(f"dvs_gesture/{name}", raw)
    return path


ROWS = np.array([[3, 4, 1, 0.0], [127, 0, 0, 5.0], [0, 127, 1, 5.0], [1, 2, 1, 6200.0]])


def put(folder, name, rows=ROWS):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, rows)
    return path


def test_the_ten_recordings_belong_to_no_split(data_root):
    zipped(data_root)
    found = datasets.load("dvs-gesture", "all")
    assert found.labels.tolist() == [0, 1] and np.diff(found.indptr).tolist() == [20, 20]
    k = np.arange(20)
    assert found.times[20:].tolist() == (70_000 * k + 5).tolist()
    assert found.channels[20:].tolist() == (k % 2 * 16384 + 6 * k * 128 + k + 5).tolist()
    for split in ("train", "test"):
        with pytest.raises(DataError, match="tonic.*come with --split all"):
            datasets.load("dvs-gesture", split)


def test_without_the_archive_the_message_says_where_to_put_it(data_root, monkeypatch):
    with pytest.raises(DataError, match="dvs_gesture/dvs-gesture-10.zip"):
        datasets.load("dvs-gesture", "all")
    monkeypatch.delenv("HETLAVA_DATA")
    with pytest.raises(DataError, match="HETLAVA_DATA"):
        datasets.load("dvs-gesture", "all")


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        ("", "lists nothing"),
        ("file,label\n1.bs2,0", "label_0based"),
        (listed().replace(",1,", ",11,"), "impossible class"),
        (listed().replace(",1,", ",x,"), "damaged"),
        (listed()[:-1], "sha256"),
        (listed() + "\n3.bs2", "damaged"),
        (listed().replace("2.bs2", "9.bs2"), "9.bs2 is missing"),
        (listed({"1.bs2": events(1)}), "1.bs2: is not what the manifest lists"),
    ],
)
def test_a_damaged_list_is_named(data_root, labels, reason):
    zipped(data_root, labels=labels)
    with pytest.raises(DataError, match=reason):
        datasets.load("dvs-gesture", "all")


def test_official_recordings_come_by_user_light_and_class(data_root):
    folder = data_root / "DVSGesture" / "ibmGestureTrain"
    for user, label in ((10, 0), (9, 10), (9, 2)):
        put(folder, f"user{user:02d}_led/{label}.npy", ROWS + [0, 0, 0, user])
    put(folder, "user09_fluorescent/5.npy")
    found = datasets.load("dvs-gesture", "train")
    assert found.labels.tolist() == [5, 2, 10, 0]
    assert found.times[found.indptr[:-1]].tolist() == [0, 9000, 9000, 10000]


@pytest.mark.parametrize("where", ["data/DVSGesture", "data/dvs_gesture", "cache/DVSGesture"])
def test_official_events_become_microseconds_and_channels(data_root, tmp_path, where):
    put(tmp_path / where / "ibmGestureTest", "user24_led/7.npy")
    found = datasets.load("dvs-gesture", "test")
    assert found.times.tolist() == [0, 5000, 5000, 6_200_000]
    assert found.channels.tolist() == [16384 + 4 * 128 + 3, 127, 16384 + 127 * 128, 16384 + 257]
    assert (found.n_channels, found.n_classes) == (32768, 11)


def test_official_events_out_of_order_are_put_in_order(data_root):
    put(data_root / "DVSGesture" / "ibmGestureTest", "user24_led/7.npy", ROWS[::-1])
    assert datasets.load("dvs-gesture", "test").times.tolist() == [0, 5000, 5000, 6_200_000]


def with_value(row, column, value):
    rows = ROWS.copy()
    rows[row, column] = value
    return rows


DAMAGED = {
    "x": (with_value(1, 0, 128), "event 1 has the impossible x 128"),
    "y": (with_value(2, 1, -1), "event 2 has the impossible y -1"),
    "half_a_pixel": (with_value(2, 1, 0.5), "event 2 has the impossible y 0.5"),
    "polarity": (with_value(0, 2, 2), "event 0 has the impossible polarity 2"),
    "a_nan": (with_value(3, 3, np.nan), "event 3 has the impossible time nan"),
    "before_the_start": (with_value(0, 3, -1), "event 0 has the impossible time -1"),
    "much_later": (with_value(3, 3, 1e6), "event 3 has the impossible time 1000000"),
    "three_columns": (ROWS[:, :3], r"shape \(4, 3\), expected rows"),
    "texts": (ROWS.astype("U8"), "expected rows x, y, p, t"),
    "objects": (ROWS.astype(object), "is damaged"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_a_damaged_official_recording_is_named(data_root, case):
    rows, reason = DAMAGED[case]
    put(data_root / "DVSGesture" / "ibmGestureTrain", "user01_led/0.npy", rows)
    with pytest.raises(DataError, match=rf"user01_led/0\.npy: .*{reason}"):
        datasets.load("dvs-gesture", "train")


@pytest.mark.parametrize("raw", [b"", b"hello", b"\x93NUMPY\x01\x00\xff\xff{"])
def test_a_file_that_is_no_array_is_named(data_root, raw):
    path = put(data_root / "DVSGesture" / "ibmGestureTrain", "user01_led/0.npy")
    for content in (raw, path.read_bytes()[:-1]):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"user01_led/0\.npy: is damaged"):
            datasets.load("dvs-gesture", "train")


def test_an_array_that_declares_more_than_it_holds_takes_no_memory(data_root):
    path = put(data_root / "DVSGesture" / "ibmGestureTrain", "user01_led/0.npy")
    path.write_bytes(path.read_bytes().replace(b"(4, 4), }      ", b"(999999999, 4)}"))
    with pytest.raises(DataError, match="is damaged"):
        datasets.load("dvs-gesture", "train")


def test_a_file_of_another_layout_is_named(data_root):
    folder = data_root / "DVSGesture" / "ibmGestureTrain"
    put(folder, "user01_led/11.npy")
    with pytest.raises(DataError, match=r"user01_led/11\.npy: not in tonic's layout"):
        datasets.load("dvs-gesture", "train")


def test_an_empty_folder_is_named(data_root):
    (data_root / "DVSGesture" / "ibmGestureTrain").mkdir(parents=True)
    with pytest.raises(DataError, match="ibmGestureTrain: holds no recordings"):
        datasets.load("dvs-gesture", "train")


def test_there_is_no_other_split():
    with pytest.raises(ValidationError, match="'valid' is unknown; known: train, test, all"):
        datasets.load("dvs-gesture", "valid")


@pytest.mark.data
def test_the_ten_recordings_are_all_there():
    assert (Path(os.environ["HETLAVA_DATA"]) / "dvs_gesture" / "dvs-gesture-10.zip").is_file()
    found = datasets.load("dvs-gesture", "all")
    assert found.labels.tolist() == list(range(10))
    assert np.diff(found.indptr).tolist()[:3] == [63471, 84260, 113063]
    assert (found.times.size, found.times.max()) == (1_206_710, 1_449_997)
    default = datasets.defaults("dvs-gesture")
    assert found.times.max() < default.dt * default.n_steps * 1e6
