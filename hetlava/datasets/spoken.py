"""Spoken words as spikes of 700 cochlear channels, in the files of SHD and SSC.

A file holds ``spikes/times`` (rows of seconds), ``spikes/units`` (rows of 0 .. 699) and ``labels``.
A channel is a unit. Times are rounded to microseconds; SHD stores them in 16 bits, so that at half
a second they lie 0.5 ms apart. Spikes that do not come in the order of time are put into it.

References
----------
B. Cramer, Y. Stradmann, J. Schemmel and F. Zenke, "The Heidelberg spiking data sets for the
systematic evaluation of spiking neural networks", IEEE TNNLS 33:2744-2757, 2022. CC BY 4.0.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hetlava.arrays import AnyArray, Bool, Int, Int64
from hetlava.datasets.archives import open_archive
from hetlava.datasets.places import cache_folder, data_folder
from hetlava.datasets.recordings import Defaults, Recordings, Split, in_time_order
from hetlava.datasets.sensors import Sensor
from hetlava.datasets.vlen import Bytes, read_rows
from hetlava.errors import DataError, FormatError
from hetlava.export.hdf5 import DAMAGE, Group, opened, opened_content

N_CHANNELS = 700
SENSOR = Sensor(1, 1, N_CHANNELS)
TIME_MAX = 10.0  # [s]; four times the longest recording; later is damage
FILE_MAX = 1 << 30  # [byte] of a file inside an archive, which is unpacked in memory


@dataclass(frozen=True)
class SpokenFiles:
    """Where the files of a data set lie.

    Attributes
    ----------
    name : str
    stem : str
        Of the files: ``shd`` for ``shd_train.h5``.
    folders : tuple of str
        Under HETLAVA_DATA or the cache; the first that holds a file is read.
    archive : str
        A zip under the first folder that may hold the files, read in place; none if empty.
    source : str
        Where the files come from, for the message when they are missing.
    """

    name: str
    stem: str
    folders: tuple[str, ...]
    source: str
    archive: str = ""


def load(files: SpokenFiles, split: Split, defaults: Defaults, duration: float) -> Recordings:
    """Return a split as spikes, in the order of the file.

    Raises
    ------
    DataError
        If its file is missing (the message says what to put where), or damaged.
    """
    name = f"{files.stem}_{split}.h5"
    with _blaming_data(), _found(files, name) as (path, root, content):
        labels = root.array("labels").astype(np.int64)
        indptr, times, channels = _read_spikes(path, root.group("spikes"), content)
    _check_labels(path, labels, indptr.size - 1, defaults.n_classes)
    return Recordings(
        name=files.name,
        split=split,
        n_channels=N_CHANNELS,
        n_classes=defaults.n_classes,
        duration=duration,
        indptr=indptr,
        times=times,
        channels=channels,
        labels=labels,
    )


@contextmanager
def _blaming_data() -> Iterator[None]:
    try:
        yield
    except FormatError as error:
        raise DataError(f"{error}; fetch it again") from error


@contextmanager
def _found(files: SpokenFiles, name: str) -> Iterator[tuple[Path, Group, Bytes]]:
    """Open the file of that name: its path, its root and its bytes."""
    roots = [root for root in (data_folder(), cache_folder()) if root]
    looked = [root / folder for root in roots for folder in files.folders]
    for folder in looked:
        zipped = folder / files.archive
        if files.archive and zipped.is_file():
            with open_archive(zipped) as archive:
                unpacked = archive.read(name, FILE_MAX)
            with opened_content(zipped / name, unpacked) as root:
                yield zipped / name, root, np.frombuffer(unpacked, np.uint8)
            return
        if (folder / name).is_file():
            with opened(folder / name) as root:
                # mapped: the values are copied out of the file once
                content = np.asarray(np.memmap(folder / name, np.uint8, "r"))
                yield folder / name, root, content
            return
    raise DataError(_advice(files, name, looked))


def _advice(files: SpokenFiles, name: str, looked: Sequence[Path]) -> str:
    wanted = f"{files.folders[0]}/{files.archive or name}"
    return (
        f"{files.name}: {name} is not here. Set HETLAVA_DATA to a folder that holds {wanted} "
        f"({files.source}) (looked in the folders {', '.join(map(str, looked))})"
    )


def _read_spikes(path: Path, spikes: Group, content: Bytes) -> tuple[Int64, Int64, Int]:
    rows = {}
    for key in ("units", "times"):
        try:
            rows[key] = read_rows(spikes.dataset(key), content)
        except DAMAGE as error:
            raise FormatError(f"{path}: spikes/{key}: {error}") from error
    units, seconds = rows["units"], rows["times"]
    if not np.array_equal(units.indptr, seconds.indptr):
        n = min(units.indptr.size, seconds.indptr.size)
        first = int(np.argmax(np.append(units.indptr[:n] != seconds.indptr[:n], True))) - 1
        raise FormatError(f"{path}: recording {first} has not as many units as times")
    times = _microseconds(path, seconds.indptr, seconds.values)
    wrong = (units.values < 0) | (units.values >= N_CHANNELS) | (units.values % 1 != 0)
    _require(path, units.indptr, ~wrong, units.values, f"unit outside 0 .. {N_CHANNELS - 1}")
    channels = units.values.astype(np.int32)
    times, channels = in_time_order(units.indptr, times, channels)
    times.flags.writeable = channels.flags.writeable = False  # records copy what can be written
    return units.indptr, times, channels


def _microseconds(path: Path, indptr: Int64, seconds: AnyArray) -> Int64:
    # a NaN fails both comparisons
    possible = (seconds >= 0) & (seconds <= TIME_MAX)
    _require(path, indptr, possible, seconds, f"time outside 0 .. {TIME_MAX:g} s")
    times: Int64 = np.rint(seconds.astype(np.float64) * 1e6).astype(np.int64)
    return times


def _require(path: Path, indptr: Int64, holds: Bool, values: AnyArray, fault: str) -> None:
    if not holds.all():
        k = int(np.argmin(holds))
        recording = int(np.searchsorted(indptr, k, side="right")) - 1
        raise FormatError(
            f"{path}: spike {k - indptr[recording]} of recording {recording}: {values[k]} is a "
            f"{fault}"
        )


def _check_labels(path: Path, labels: Int64, n: int, n_classes: int) -> None:
    if labels.shape != (n,):
        raise DataError(f"{path}: labels of shape {labels.shape}, expected ({n},); fetch it again")
    wrong = np.flatnonzero((labels < 0) | (labels >= n_classes))
    if wrong.size:
        raise DataError(
            f"{path}: label {wrong[0]} is {labels[wrong[0]]}, expected 0 .. {n_classes - 1}"
        )
