"""Files of 5-byte events: equal to tonic's reader, and strict where that is not."""

import hashlib
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetlava.datasets import event_files
from hetlava.datasets.event_files import EventFile, decode, read_files
from hetlava.errors import DataError

SIDE = 34


def packed(*events):
    """The bytes of events (x, y, p, t)."""
    return b"".join(bytes([x, y, p << 7 | t >> 16, t >> 8 & 255, t & 255]) for x, y, p, t in events)


def filed(content, name="a.bin", label=0, sha256=None):
    return EventFile(name, label, len(content), lambda: content, sha256)


FIELDS = st.tuples(
    st.integers(0, 255),
    st.one_of(st.integers(0, 255), st.just(240)),
    st.integers(0, 1),
    st.integers(0, (1 << 23) - 1),
)
CONTENTS = st.lists(st.lists(FIELDS, max_size=40).map(lambda e: packed(*e)), max_size=5)


@given(CONTENTS)
def test_recordings_decode_as_tonic_decodes_each(contents):
    read_mnist_file = pytest.importorskip("tonic.io").read_mnist_file
    dtype = np.dtype([("x", int), ("y", int), ("t", int), ("p", int)])
    events = decode(contents)
    assert events.bounds.size == len(contents) + 1
    for k, content in enumerate(contents):
        expected = read_mnist_file(io.BytesIO(content), dtype, is_stream=True)
        part = slice(events.bounds[k], events.bounds[k + 1])
        for field in "xytp":
            assert np.array_equal(getattr(events, field)[part], expected[field])


GOOD = st.lists(
    st.tuples(
        st.integers(0, SIDE - 1), st.integers(0, SIDE - 1), st.integers(0, 1), st.integers(0, 10**6)
    ),
    min_size=1,
    max_size=20,
).map(lambda events: sorted(events, key=lambda e: e[3]))


@given(st.lists(GOOD, max_size=5), st.integers(1, 3))
def test_what_was_packed_is_read(recordings, block):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(event_files, "BLOCK", block)
        indptr, times, channels = read_files([filed(packed(*r)) for r in recordings], SIDE)
    flat = [event for recording in recordings for event in recording]
    assert indptr.tolist() == np.cumsum([0, *map(len, recordings)]).tolist()
    assert times.tolist() == [t for _, _, _, t in flat]
    assert channels.tolist() == [p * 1156 + y * 34 + x for x, y, p, _ in flat]


DAMAGED = {
    "an_empty_file": (b"", "is empty"),
    "half_an_event": (packed((1, 1, 0, 5))[:4], "has 4 bytes, no multiple of 5"),
    "x_outside": (packed((1, 1, 0, 5), (34, 1, 0, 6)), r"event 1 \(x 34, y 1, 6 us\) lies outside"),
    "y_outside": (packed((1, 200, 1, 5)), r"event 0 \(x 1, y 200, 5 us\) lies outside"),
    "time_that_falls": (packed((1, 1, 0, 5), (1, 1, 0, 4)), "event 1 .* earlier than the one"),
    "time_too_late": (packed((1, 1, 0, 1_000_001)), "event 0 .* later than 1000000 us"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_a_damaged_recording_among_good_ones_is_named(case):
    content, reason = DAMAGED[case]
    good = packed((0, 0, 0, 9), (33, 33, 1, 10))
    files = [filed(good, "first"), filed(content, "second"), filed(good, "third")]
    with pytest.raises(DataError, match=f"second: .*{reason}.*fetch it again"):
        read_files(files, SIDE)


def test_a_file_above_the_limit_is_not_read():
    def never():
        pytest.fail("the file was read")

    with pytest.raises(DataError, match="huge: has 1099511627775 bytes, at most"):
        read_files([EventFile("huge", 0, (1 << 40) - 1, never)], SIDE)


def test_a_file_that_shrinks_while_it_is_read_is_named():
    content = packed((0, 0, 0, 9))
    with pytest.raises(DataError, match="cut: 5 of 10 bytes"):
        read_files([EventFile("cut", 0, 10, lambda: content)], SIDE)


def test_a_recording_is_compared_with_its_checksum():
    content = packed((0, 0, 0, 9))
    right = hashlib.sha256(content).hexdigest()
    assert read_files([filed(content, sha256=right)], SIDE)[1].tolist() == [9]
    with pytest.raises(DataError, match=r"other: .*manifest"):
        read_files([filed(packed((0, 0, 0, 8)), "other", sha256=right)], SIDE)
