"""Archives from strangers: what is read, and what is refused before it is."""

import stat
import struct
import warnings
import zipfile

import pytest

from hetlava.datasets import archives
from hetlava.datasets.archives import open_archive
from hetlava.errors import DataError


@pytest.fixture
def zipped(tmp_path):
    """``zipped({name: content})`` writes a zip; a name may be a ZipInfo."""

    def write(members, method=zipfile.ZIP_DEFLATED):
        path = tmp_path / "archive.zip"
        with zipfile.ZipFile(path, "w", method) as file, warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of doubled names
            for name, content in members:
                file.writestr(name, content)
        return path

    return write


def linked():
    info = zipfile.ZipInfo("a/link")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


def named(name):
    """A member whose stored name is exactly this, whatever zipfile thinks of it."""
    info = zipfile.ZipInfo("x")
    info.filename = name
    return info


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_member_is_read_as_it_was_written(zipped, method):
    path = zipped([("a/", b""), ("a/b", b"content"), ("empty", b"")], method)
    with open_archive(path) as archive:
        assert set(archive.members) == {"a/b", "empty"}
        assert archive.read("a/b", 7) == b"content" and archive.read("empty", 0) == b""


HOSTILE = {
    "climbing": ("a/../../b", "climbs out"),
    "climbing_at_once": ("../b", "climbs out"),
    "climbing_the_windows_way": ("a\\..\\..\\b", "climbs out"),
    "absolute": ("/etc/b", "absolute"),
    "a_drive": ("C:b", "absolute"),
    "a_share": ("\\\\host\\share\\b", "absolute"),
    "a_backslash": ("a\\b", "backslash"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_path_that_leaves_the_archive_is_named_and_refused(zipped, case):
    name, reason = HOSTILE[case]
    path = zipped([("good", b"1"), (named(name), b"2")])
    with pytest.raises(DataError) as caught, open_archive(path):
        pytest.fail("the archive was opened")
    assert repr(name) in str(caught.value) and reason in str(caught.value)


def test_a_link_is_refused(zipped):
    with (
        pytest.raises(DataError, match="'a/link' is a link"),
        open_archive(zipped([(linked(), b"/etc/passwd")])),
    ):
        pytest.fail("the archive was opened")


def test_a_doubled_member_is_refused(zipped):
    with (
        pytest.raises(DataError, match="'a' is there twice"),
        open_archive(zipped([("a", b"1"), ("a", b"2")])),
    ):
        pytest.fail("the archive was opened")


def test_an_unknown_packing_is_refused(zipped):
    with (
        pytest.raises(DataError, match="'a' is packed in an unknown way"),
        open_archive(zipped([("a", b"1")], zipfile.ZIP_BZIP2)),
    ):
        pytest.fail("the archive was opened")


def patched(path, field, value):
    """Overwrite a 16 or 32-bit field of the first entry of the central directory."""
    raw = bytearray(path.read_bytes())
    start = raw.index(b"PK\x01\x02")
    offset, form = {"flags": (8, "<H"), "size": (24, "<I")}[field]
    struct.pack_into(form, raw, start + offset, value)
    path.write_bytes(raw)
    return path


def test_an_encrypted_member_is_refused(zipped):
    path = patched(zipped([("a", b"1")]), "flags", 1)
    with pytest.raises(DataError, match="'a' is encrypted"), open_archive(path):
        pytest.fail("the archive was opened")


def test_a_member_above_the_limit_is_not_unpacked(zipped):
    path = zipped([("bomb", b"\0" * (5 << 20))])
    assert path.stat().st_size < 10_000
    with open_archive(path) as archive:
        with pytest.raises(DataError, match="bomb declares 5242880 bytes, at most 1000"):
            archive.read("bomb", 1000)


def test_a_member_that_unpacks_to_more_than_it_declares_is_refused(zipped):
    path = patched(zipped([("bomb", b"\0" * (5 << 20))]), "size", 1000)
    with open_archive(path) as archive, pytest.raises(DataError, match="bomb is damaged"):
        archive.read("bomb", 1000)


def test_a_member_that_unpacks_to_less_than_it_declares_is_refused(zipped):
    path = patched(zipped([("short", b"abc")]), "size", 1000)
    with open_archive(path) as archive, pytest.raises(DataError, match="short"):
        archive.read("short", 1000)


def test_an_archive_that_declares_too_much_in_all_is_refused(zipped, monkeypatch):
    monkeypatch.setattr(archives, "TOTAL_MAX", 100)
    with (
        pytest.raises(DataError, match="declares 120 bytes unpacked, at most 100"),
        open_archive(zipped([("a", b"1" * 60), ("b", b"2" * 60)])),
    ):
        pytest.fail("the archive was opened")


def test_an_archive_of_too_many_members_is_refused(zipped, monkeypatch):
    monkeypatch.setattr(archives, "MEMBERS_MAX", 1)
    with (
        pytest.raises(DataError, match="2 members, at most 1"),
        open_archive(zipped([("a", b""), ("b", b"")])),
    ):
        pytest.fail("the archive was opened")


@pytest.mark.parametrize("keep", [0, 10, 0.5, 0.9])
def test_a_truncated_archive_is_named(zipped, keep):
    path = zipped([("a", bytes(range(256)) * 40)])
    raw = path.read_bytes()
    path.write_bytes(raw[: int(keep if keep >= 1 else keep * len(raw))])
    with pytest.raises(DataError, match=r"archive\.zip: no zip archive"), open_archive(path):
        pytest.fail("the archive was opened")


def test_a_flipped_bit_is_found(zipped):
    path = zipped([("a", bytes(range(256)))], zipfile.ZIP_STORED)
    raw = bytearray(path.read_bytes())
    raw[100] ^= 1
    path.write_bytes(raw)
    with open_archive(path) as archive, pytest.raises(DataError, match="a is damaged"):
        archive.read("a", 1000)


def test_a_broken_stream_is_found(zipped):
    path = zipped([("a", bytes(range(256)) * 4)])
    raw = bytearray(path.read_bytes())
    raw[31:60] = b"\xff" * 29  # behind the header of 30 bytes and the name of one
    path.write_bytes(raw)
    with open_archive(path) as archive, pytest.raises(DataError, match="a is damaged"):
        archive.read("a", 10_000)


def test_a_missing_member_is_named(zipped):
    with open_archive(zipped([("a", b"")])) as archive:
        with pytest.raises(DataError, match="b is missing"):
            archive.read("b", 10)
