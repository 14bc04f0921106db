"""DVS128 Gesture: 11 hand and arm gestures before an event camera of 128 x 128 pixels.

Channel ``(p * 128 + y) * 128 + x`` is the pixel (x, y) of polarity p (1: brighter), 32768 in all.
Classes 0 .. 9 are the gestures, 10 all others. Two sources under HETLAVA_DATA:

* ``train`` (1176) and ``test`` (288), the official split: the folders ``ibmGestureTrain`` and
  ``ibmGestureTest`` that tonic puts into ``DVSGesture`` (there, or in the cache folder), with
  ``user<n>_<light>/<class>.npy``; recordings come by user, light and class, times in ms;
* ``all``: ``dvs_gesture/dvs-gesture-10.zip``, ten recordings cut to 1.45 s, one each of the classes
  0 .. 9. They belong to no split and their labels were inferred from the pictures: good for demos
  and parity, not for an accuracy.

References
----------
A. Amir et al., "A low power, fully event-based gesture recognition system", CVPR 2017. CC BY 4.0.
"""

import csv
import re
from functools import partial
from pathlib import Path

import numpy as np

from hetlava.arrays import AnyArray, Bool, Int, Int64
from hetlava.datasets.archives import Archive, open_archive
from hetlava.datasets.event_files import FILE_MAX, EventFile, read_files
from hetlava.datasets.places import cache_folder, data_folder
from hetlava.datasets.recordings import Defaults, Recordings, Split, in_time_order
from hetlava.datasets.sensors import Sensor
from hetlava.errors import DataError

SIDE = 128  # [pixel]
DURATION = 1.45  # [s]
DEFAULTS = Defaults(
    dt=5e-3,
    n_steps=300,
    n_channels=2 * SIDE * SIDE,
    n_classes=11,
    splits=("train", "test", "all"),
    sensor=Sensor(2, SIDE, SIDE),
)
ARCHIVE = Path("dvs_gesture") / "dvs-gesture-10.zip"
LISTED = "dvs_gesture/labels.csv"
LISTED_MAX = 1 << 20  # [byte]
FOLDERS = {"train": "ibmGestureTrain", "test": "ibmGestureTest"}
RECORDING = re.compile(r"user([0-9]{1,3})_([a-z_]+)/([0-9]|10)\.npy")
TIME_MAX_US = 60_000_000  # three times the longest recording; later is damage


def load(split: Split) -> Recordings:
    """Return a split, or the ten recordings that belong to none.

    Raises
    ------
    DataError
        If it is missing (the message says what to put where), or damaged.
    """
    indptr, times, channels, labels = _archived() if split == "all" else _official(split)
    times.flags.writeable = channels.flags.writeable = False  # records copy what can be written
    return Recordings(
        name="dvs-gesture",
        split=split,
        n_channels=DEFAULTS.n_channels,
        n_classes=DEFAULTS.n_classes,
        duration=DURATION,
        indptr=indptr,
        times=times,
        channels=channels,
        labels=np.array(labels, np.int64),
    )


def _archived() -> tuple[Int64, Int64, Int, list[int]]:
    data = data_folder()
    if data is None or not (data / ARCHIVE).is_file():
        raise DataError(
            f"dvs-gesture: the ten recordings are not here; set HETLAVA_DATA to a folder that "
            f"holds {ARCHIVE}"
        )
    path = data / ARCHIVE
    with open_archive(path) as archive:
        files = [
            EventFile(
                f"{path}: {name}",
                label,
                archive.size(name),
                partial(archive.read, name, FILE_MAX),
                sha256,
            )
            for name, label, sha256 in _listed(archive)
        ]
        return *read_files(files, SIDE, TIME_MAX_US), [file.label for file in files]


def _listed(archive: Archive) -> list[tuple[str, int, str]]:
    """Return name, class and sha256 of every recording of the archive."""
    where, content = f"{archive.path}: {LISTED}", archive.read(LISTED, LISTED_MAX)
    try:
        rows = csv.DictReader(content.decode("utf-8").splitlines(), strict=True)
        found = [(row["file"], int(row["label_0based"]), row["sha256"]) for row in rows]
        possible = all(
            0 <= label < DEFAULTS.n_classes and re.fullmatch("[0-9a-f]{64}", sha256)
            for _, label, sha256 in found
        )
    except (ValueError, KeyError, TypeError, csv.Error) as error:
        raise DataError(f"{where}: is damaged ({error}); fetch it again") from error
    if not found or not possible:
        raise DataError(f"{where}: lists nothing, or an impossible class or sha256")
    return [(f"dvs_gesture/{name}", label, sha256) for name, label, sha256 in found]


def _official(split: Split) -> tuple[Int64, Int64, Int, list[int]]:
    data = data_folder()
    roots = [data / "DVSGesture", data / "dvs_gesture"] if data else []
    roots.append(cache_folder() / "DVSGesture")
    for root in roots:
        folder = root / FOLDERS[split]
        if folder.is_dir():
            return _read_folder(folder)
    raise DataError(
        f"dvs-gesture: the official {split} recordings are not here. Fetch them with "
        f'tonic: python -c "from tonic.datasets import DVSGesture; '
        f"DVSGesture('{cache_folder()}', train={split == 'train'})\" (looked for "
        f"{FOLDERS[split]} in {', '.join(map(str, roots))}); ten recordings come with --split all"
    )


def _read_folder(folder: Path) -> tuple[Int64, Int64, Int, list[int]]:
    found = []
    for path in folder.glob("*/*.npy"):
        match = RECORDING.fullmatch(path.relative_to(folder).as_posix())
        if match is None:
            raise DataError(f"{path}: not in tonic's layout user<n>_<light>/<class>.npy")
        found.append((int(match[1]), match[2], int(match[3]), path))
    if not found:
        raise DataError(f"{folder}: holds no recordings; fetch it again")
    found.sort()
    events = [_read_events(path) for *_, path in found]
    indptr = np.cumsum([0, *(times.size for times, _ in events)], dtype=np.int64)
    times = np.concatenate([times for times, _ in events])
    channels = np.concatenate([channels for _, channels in events])
    return indptr, *in_time_order(indptr, times, channels), [label for *_, label, _ in found]


def _read_events(path: Path) -> tuple[Int64, Int]:
    """Return times [us] and channels of a file of rows x, y, p, t [ms]."""
    try:
        # mapped: a file that declares more than it holds is refused before memory is taken
        events: AnyArray = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError, SyntaxError) as error:
        raise DataError(f"{path}: is damaged ({error}); fetch it again") from error
    if events.ndim != 2 or events.shape[1] != 4 or events.dtype.kind not in "iuf":
        raise DataError(f"{path}: {events.dtype} of shape {events.shape}, expected rows x, y, p, t")
    x, y, p = (
        _whole(path, np.asarray(events[:, column]), what, limit)
        for column, (what, limit) in enumerate((("x", SIDE - 1), ("y", SIDE - 1), ("polarity", 1)))
    )
    milliseconds = np.asarray(events[:, 3], np.float64)
    _check(path, milliseconds, (milliseconds >= 0) & (milliseconds <= TIME_MAX_US / 1e3), "time")
    times = np.rint(milliseconds * 1e3).astype(np.int64)
    return times, ((p * SIDE + y) * SIDE + x).astype(np.int32)


def _whole(path: Path, values: AnyArray, what: str, limit: int) -> Int64:
    _check(path, values, (values >= 0) & (values <= limit) & (values % 1 == 0), what)
    whole: Int64 = values.astype(np.int64)
    return whole


def _check(path: Path, values: AnyArray, possible: Bool, what: str) -> None:
    if not possible.all():
        k = int(np.argmin(possible))
        raise DataError(
            f"{path}: event {k} has the impossible {what} {values[k]}; the recording is damaged, "
            "fetch it again"
        )
