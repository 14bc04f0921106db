"""Idx files: read whole and exact, or refused by name."""

import gzip
import hashlib
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from hetlava.datasets import idx
from hetlava.datasets.idx import read_idx
from hetlava.errors import DataError


def written(array):
    head = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return head + array.tobytes()


IMAGES = np.arange(3 * 28 * 28, dtype=np.uint32).astype(np.uint8).reshape(3, 28, 28)


@given(array=arrays(np.uint8, array_shapes(max_dims=4)), packed=st.booleans())
def test_an_array_is_read_as_it_was_written(tmp_path_factory, array, packed):
    path = tmp_path_factory.mktemp("idx") / "a"
    path.write_bytes(gzip.compress(written(array)) if packed else written(array))
    assert np.array_equal(read_idx(path, (None,) * array.ndim), array)


DAMAGED = {
    "empty": (b"", "0 bytes are no idx file"),
    "head_only": (written(IMAGES)[:15], "15 bytes are no idx file"),
    "cut": (written(IMAGES)[:-1], "declares .* 2368 bytes, and has 2367"),
    "longer": (written(IMAGES) + b"\0", "and has 2369"),
    "labels": (written(IMAGES.ravel()), "begins with 00000801"),
    "floats": (b"\0\0\x0d\x03" + written(IMAGES)[4:], "begins with 00000d03"),
    "text": (b"<html>" * 99, "begins with 3c68746d"),
    "of_another_size": (written(IMAGES[:, :, :27]), r"declares \(3, 28, 27\)"),
    "that_declares_too_much": (b"\0\0\x08\x03" + b"\xff" * 12, "4294967295"),
}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("case", DAMAGED)
def test_a_file_that_is_none_is_named(tmp_path, case, packed):
    raw, reason = DAMAGED[case]
    path = tmp_path / "images"
    path.write_bytes(gzip.compress(raw) if packed else raw)
    with pytest.raises(DataError, match=f"images: .*{reason}"):
        read_idx(path, (None, 28, 28))


@pytest.mark.parametrize("keep", [3, 12, -9, -1])
def test_a_truncated_gzip_is_named(tmp_path, keep):
    path = tmp_path / "images.gz"
    path.write_bytes(gzip.compress(written(IMAGES))[:keep])
    with pytest.raises(DataError, match=r"images\.gz: is damaged"):
        read_idx(path, (None, 28, 28))


def test_a_gzip_with_any_byte_changed_is_refused_or_read_right(tmp_path):
    path, whole = tmp_path / "images.gz", gzip.compress(written(IMAGES), mtime=0)
    refused = 0
    for k in range(len(whole)):
        path.write_bytes(whole[:k] + bytes([whole[k] ^ 0x55]) + whole[k + 1 :])
        try:
            assert np.array_equal(read_idx(path, (None, 28, 28)), IMAGES)
        except DataError:
            refused += 1
    # only the time, the flags of the packer and the system's name may differ unnoticed
    assert refused >= len(whole) - 6


def test_a_bomb_is_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(idx, "CONTENT_MAX", 1 << 20)
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(bytes(64 << 20)))
    tracemalloc.start()
    with pytest.raises(DataError, match="more than 1048576 bytes"):
        read_idx(path, (None,))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20


def test_the_checksum_is_of_what_is_unpacked(tmp_path):
    path, raw = tmp_path / "images.gz", written(IMAGES)
    for level in (1, 9):
        path.write_bytes(gzip.compress(raw, level))
        assert read_idx(path, (3, 28, 28), hashlib.sha256(raw).hexdigest()).shape == (3, 28, 28)
    with pytest.raises(DataError, match="not the published file"):
        read_idx(path, (3, 28, 28), "0" * 64)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(DataError, match="gone: cannot be read: No such file"):
        read_idx(tmp_path / "gone", (None,))
