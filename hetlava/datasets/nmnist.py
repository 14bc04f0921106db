"""N-MNIST: MNIST digits seen by an event camera that moves in three saccades of 100 ms.

Channel ``p * 1156 + y * 34 + x`` is the pixel (x, y) of polarity p (1: brighter), 2312 in all.
Recordings come in the order of MNIST, which is that of the file names. Two sources, the first
that is there:

* ``nmnist/nmnist-1100.zip`` under HETLAVA_DATA: the first 1000 training and 100 test recordings,
  read in place;
* a folder ``NMNIST/Train/<label>/<number>.bin`` as tonic makes it (60000 and 10000 recordings, or
  the archive above unpacked), under HETLAVA_DATA, its ``nmnist`` folder, or the cache folder.

Where there is a ``manifest.csv`` (always in the archive), every recording is compared with it.

References
----------
G. Orchard, A. Jayawant, G. Cohen and N. Thakor, "Converting static image datasets to spiking
neuromorphic datasets using saccades", Frontiers in Neuroscience 9:437, 2015. CC BY-SA 4.0.
"""

import csv
import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import numpy as np

from hetlava.datasets.archives import open_archive
from hetlava.datasets.event_files import FILE_MAX, EventFile, read_files
from hetlava.datasets.places import cache_folder, data_folder
from hetlava.datasets.recordings import Defaults, Recordings, Split
from hetlava.datasets.sensors import Sensor
from hetlava.errors import DataError

SIDE = 34  # [pixel]
DEFAULTS = Defaults(
    dt=3e-3, n_steps=100, n_channels=2 * SIDE * SIDE, n_classes=10, sensor=Sensor(2, SIDE, SIDE)
)
DURATION = 0.3  # [s]
ARCHIVE = Path("nmnist") / "nmnist-1100.zip"
FOLDER = "NMNIST"
MANIFEST = f"{FOLDER}/manifest.csv"
MANIFEST_MAX = 32 << 20  # [byte]
PARTS: Mapping[Split, str] = {"train": "Train", "test": "Test"}
RECORDING = re.compile(rf"{FOLDER}/(Train|Test)/([0-9])/([0-9]{{1,9}})\.bin")


def load(split: Split) -> Recordings:
    """Return a split of N-MNIST from the first source that is there.

    Raises
    ------
    DataError
        If there is none (the message says what to put where), or if the archive, a recording or
        the manifest is damaged (the message names it).
    """
    data = data_folder()
    if data and (data / ARCHIVE).is_file():
        return read_zip(data / ARCHIVE, split)
    roots = [data / "nmnist", data] if data else []
    roots.append(cache_folder())
    for root in roots:
        if (root / FOLDER).is_dir():
            return read_folder(root, split)
    raise DataError(_advice(roots))


def read_zip(path: Path, split: Split) -> Recordings:
    """Return a split from an archive that holds ``NMNIST/`` and its manifest; unpacks nothing."""
    with open_archive(path) as archive:
        manifest = _manifest(archive.read(MANIFEST, MANIFEST_MAX), f"{path}: {MANIFEST}")
        sizes = {name: archive.size(name) for name in archive.members if name.endswith(".bin")}
        read = partial(archive.read, limit=FILE_MAX)
        return _recordings(f"{path}: ", sizes, read, manifest, split)


def read_folder(root: Path, split: Split) -> Recordings:
    """Return a split from the folder ``root/NMNIST`` in tonic's layout."""
    listed = root / MANIFEST
    try:
        manifest = _manifest(listed.read_bytes(), str(listed)) if listed.is_file() else None
        paths = (root / FOLDER / PARTS[split]).glob("*/*.bin")
        sizes = {path.relative_to(root).as_posix(): path.stat().st_size for path in paths}
        return _recordings(
            f"{root}/", sizes, lambda name: (root / name).read_bytes(), manifest, split
        )
    except DataError:
        raise
    except OSError as error:
        raise DataError(f"{error.filename}: cannot be read: {error.strerror}") from error


def _recordings(
    place: str,
    sizes: Mapping[str, int],
    read: Callable[[str], bytes],
    manifest: Mapping[str, str] | None,
    split: Split,
) -> Recordings:
    if manifest is not None:
        _check_listed(place, sizes, manifest, split)
    files = [
        EventFile(place + name, label, sizes[name], partial(read, name), (manifest or {}).get(name))
        for _, name, label in sorted(_of_split(place, sizes, split))
    ]
    if not files:
        raise DataError(f"{place}{FOLDER}/{PARTS[split]} holds no recordings; fetch it again")
    indptr, times, channels = read_files(files, SIDE)
    return Recordings(
        name="nmnist",
        split=split,
        n_channels=DEFAULTS.n_channels,
        n_classes=DEFAULTS.n_classes,
        duration=DURATION,
        indptr=indptr,
        times=times,
        channels=channels,
        labels=np.array([file.label for file in files], np.int64),
    )


def _of_split(place: str, names: Mapping[str, int], split: Split) -> Iterator[tuple[int, str, int]]:
    """Yield (number, name, label) of the recordings of a split, refusing strange names."""
    for name in names:
        match = RECORDING.fullmatch(name)
        if match is None:
            raise DataError(
                f"{place}{name}: not in N-MNIST's layout {FOLDER}/Train/<label>/<number>.bin"
            )
        if match[1] == PARTS[split]:
            yield int(match[3]), name, int(match[2])


def _manifest(content: bytes, where: str) -> dict[str, str]:
    """Return the sha256 of every recording by its path."""
    try:
        rows = csv.DictReader(content.decode("utf-8").splitlines(), strict=True)
        listed = {row["path"]: row["sha256"].lower() for row in rows}
    except (ValueError, KeyError, AttributeError, csv.Error) as error:
        raise DataError(f"{where}: no list of path and sha256 ({error}); fetch it again") from error
    if not listed:
        raise DataError(f"{where}: lists no recordings; fetch it again")
    if not all(re.fullmatch("[0-9a-f]{64}", checksum) for checksum in listed.values()):
        raise DataError(f"{where}: a sha256 is not one; fetch it again")
    return listed


def _check_listed(
    place: str, sizes: Mapping[str, int], manifest: Mapping[str, str], split: Split
) -> None:
    part = f"{FOLDER}/{PARTS[split]}/"
    there = {name for name in sizes if name.startswith(part)}
    listed = {name for name in manifest if name.startswith(part)}
    for names, fault in (
        (listed - there, "is in the manifest, but missing"),
        (there - listed, "is not in the manifest"),
    ):
        if names:
            raise DataError(f"{place}{min(names)}: {fault}; fetch the recordings again")


def _advice(roots: list[Path]) -> str:
    cache = roots[-1]
    looked = ", ".join(str(root / FOLDER) for root in roots)
    return (
        f"N-MNIST is not here. Either set HETLAVA_DATA to a folder that holds {ARCHIVE}, or fetch "
        f'all of it (about 1.2 GB) with tonic: python -c "from tonic.datasets import NMNIST; '
        f"[NMNIST('{cache}', train=t) for t in (True, False)]\" "
        f"(looked for the folders {looked})"
    )
