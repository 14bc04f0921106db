"""Recordings on disk: one ``.npz`` of plain arrays, no pickle."""

import json
import zipfile
import zlib
from pathlib import Path

import numpy as np

from hetlava.arrays import AnyArray
from hetlava.errors import FormatError
from hetlava.events import Events
from hetlava.files import replacing, to_read
from hetlava.recording import PROBES, Recording

FORMAT = "hetlava recording 1"
# what numpy, zipfile and our own checks raise on bytes that are no recording
DAMAGE = (zipfile.BadZipFile, zlib.error, KeyError, ValueError, TypeError, EOFError, OSError)
BYTES_MAX = 1 << 34  # an array that declares more is refused before it is read


def write_recording(path: Path, recording: Recording) -> None:
    """Write a recording; ``read_recording`` gives an equal one.

    Raises
    ------
    DataError
        If the file cannot be written; an old one stays.
    """
    header = {
        "format": FORMAT,
        "target": recording.target,
        "provenance": recording.provenance,
        "names": list(recording.names),
        "seconds": recording.seconds,
        "details": dict(recording.details),
        "shapes": [[e.n_samples, e.n_steps, e.n_neurons] for e in recording.spikes],
    }
    arrays: dict[str, AnyArray] = {
        "header": np.frombuffer(json.dumps(header).encode(), np.uint8),
        "scores": recording.scores,
        "synops": recording.synops,
    }
    for i, events in enumerate(recording.spikes):
        arrays[f"indptr_{i}"], arrays[f"index_{i}"] = events.indptr, events.index
        if events.values is not None:
            arrays[f"values_{i}"] = events.values
    for probe in PROBES:
        traces: tuple[AnyArray, ...] = getattr(recording, probe)
        arrays |= {f"{probe}_{i}": trace for i, trace in enumerate(traces)}
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]


def read_recording(path: Path) -> Recording:
    """Read what ``write_recording`` wrote.

    Raises
    ------
    DataError
        If the file is missing.
    FormatError
        If it is no recording, damaged, or declares arrays above the limit.
    """
    to_read(path)
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
        if size > BYTES_MAX:
            raise ValueError(f"it declares {size} bytes, the limit is {BYTES_MAX}")
        with np.load(path, allow_pickle=False) as arrays:
            return _recording(dict(arrays))
    except DAMAGE as error:
        raise FormatError(f"{path}: is no recording, or damaged: {error}") from error


def _recording(arrays: dict[str, AnyArray]) -> Recording:
    header = json.loads(arrays["header"].tobytes())
    if header["format"] != FORMAT:
        raise ValueError(f"format {header['format']!r}, expected {FORMAT!r}")
    n = len(header["names"])
    spikes = tuple(
        Events(
            n_samples=shape[0],
            n_steps=shape[1],
            n_neurons=shape[2],
            indptr=arrays[f"indptr_{i}"],
            index=arrays[f"index_{i}"],
            values=arrays.get(f"values_{i}"),
        )
        for i, shape in enumerate(header["shapes"])
    )
    traces = {
        probe: tuple(arrays[f"{probe}_{i}"] for i in range(n)) if f"{probe}_0" in arrays else ()
        for probe in PROBES
    }
    return Recording(
        target=header["target"],
        provenance=header["provenance"],
        names=tuple(header["names"]),
        spikes=spikes,
        scores=arrays["scores"],
        seconds=header["seconds"],
        synops=arrays["synops"],
        details=header["details"],
        u=traces["u"],
        v=traces["v"],
    )
