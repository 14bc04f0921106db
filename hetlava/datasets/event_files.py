"""Event-camera recordings in files of 5-byte events, the format of N-MNIST and N-Caltech101.

An event is x, y (one byte each), then big-endian 24 bits: polarity (1 bit), time [us] (23 bits).
A mark with y = 240 is no event: it adds 2**13 us to its own time and to all that follow.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from hetlava.arrays import Bool, Int, Int64
from hetlava.errors import DataError

EVENT_BYTES = 5
MARK_ROW = 240  # y of an overflow mark
MARK_US = 1 << 13
TIME_MAX_US = 1_000_000  # three times the longest recording; later is damage
FILE_MAX = 4 << 20  # [byte]; the largest recording has 40 kB
BLOCK = 500  # files decoded at once

Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class EventFile:
    """A recording to be read: where it lies (for messages), its label, size, bytes, checksum."""

    name: str
    label: int
    n_bytes: int
    read: Callable[[], bytes]
    sha256: str | None = None


class Decoded(NamedTuple):
    """Events of recordings laid end to end; those of recording i: ``bounds[i] : bounds[i+1]``."""

    bounds: Int64
    x: Bytes
    y: Bytes
    p: Bytes
    t: Int64


def read_files(
    files: Sequence[EventFile], side: int, time_max: int = TIME_MAX_US
) -> tuple[Int64, Int64, Int]:
    """Return ``indptr``, ``times`` [us] and ``channels`` (p, y, x) of square recordings.

    Parameters
    ----------
    side : int
        Pixels in a row and in a column.
    time_max : int
        What lies later is damage [us].

    Raises
    ------
    DataError
        Naming the first recording that is damaged and its fault.
    """
    for file in files:
        _check_size(file)
    n_events = sum(file.n_bytes for file in files) // EVENT_BYTES
    indptr = np.zeros(len(files) + 1, np.int64)
    times, channels = np.empty(n_events, np.int64), np.empty(n_events, np.int32)
    end = 0
    for start in range(0, len(files), BLOCK):
        block = files[start : start + BLOCK]
        events = decode([_content(file) for file in block])
        _check_events(block, events, side, time_max)
        stop = end + events.t.size
        times[end:stop] = events.t
        channels[end:stop] = (events.p.astype(np.int32) * side + events.y) * side + events.x
        indptr[start : start + len(block) + 1] = end + events.bounds
        end = stop
    times.flags.writeable = channels.flags.writeable = False  # records copy what can be written
    return indptr, times[:end], channels[:end]


def decode(contents: Sequence[bytes]) -> Decoded:
    """Decode recordings whose sizes are whole numbers of events."""
    raw = np.frombuffer(b"".join(contents), np.uint8).reshape(-1, EVENT_BYTES)
    sizes = [len(content) // EVENT_BYTES for content in contents]
    bounds = np.cumsum([0, *sizes], dtype=np.int64)
    x, y, p = raw[:, 0], raw[:, 1], raw[:, 2] >> np.uint8(7)
    t = (raw[:, 2] & 0x7F).astype(np.int64) << 16
    t |= (raw[:, 3].astype(np.int64) << 8) | raw[:, 4]
    marks = y == MARK_ROW
    if not marks.any():
        return Decoded(bounds, x, y, p, t)
    before = np.concatenate([[0], np.cumsum(marks)])
    t += MARK_US * (before[1:] - np.repeat(before[bounds[:-1]], sizes))
    return Decoded(bounds - before[bounds], x[~marks], y[~marks], p[~marks], t[~marks])


def _check_size(file: EventFile) -> None:
    n = file.n_bytes
    fault = ""
    if n == 0:
        fault = "is empty"
    elif n > FILE_MAX:
        fault = f"has {n} bytes, at most {FILE_MAX} are read"
    elif n % EVENT_BYTES:
        fault = f"has {n} bytes, no multiple of {EVENT_BYTES}"
    if fault:
        raise DataError(f"{file.name}: {fault}; the recording is damaged, fetch it again")


def _content(file: EventFile) -> bytes:
    content = file.read()
    if len(content) != file.n_bytes:
        raise DataError(f"{file.name}: {len(content)} of {file.n_bytes} bytes could be read")
    if file.sha256 and hashlib.sha256(content).hexdigest() != file.sha256:
        raise DataError(f"{file.name}: is not what the manifest lists (sha256); fetch it again")
    return content


def _check_events(files: Sequence[EventFile], events: Decoded, side: int, time_max: int) -> None:
    earlier = np.diff(events.t, prepend=0) < 0
    starts = events.bounds[:-1]
    earlier[starts[starts < earlier.size]] = False
    faults: tuple[tuple[Bool, str], ...] = (
        ((events.x >= side) | (events.y >= side), f"lies outside the {side} x {side} pixels"),
        (events.t > time_max, f"is later than {time_max} us"),
        (earlier, "is earlier than the one before"),
    )
    for wrong, fault in faults:
        if wrong.any():
            k = int(np.argmax(wrong))
            which = int(np.searchsorted(events.bounds, k, side="right")) - 1
            raise DataError(
                f"{files[which].name}: event {k - events.bounds[which]} (x {events.x[k]}, "
                f"y {events.y[k]}, {events.t[k]} us) {fault}; "
                "the recording is damaged, fetch it again"
            )
