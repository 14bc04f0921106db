"""Files: written whole, or the old one stays and nothing else is left."""

import errno

import pytest

from hetlava.errors import DataError, FormatError
from hetlava.files import replacing


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "model.net"
    path.write_text("old")
    return path


def alone(path):
    return [p.name for p in path.parent.iterdir()] == [path.name]


def test_a_file_is_replaced_when_the_block_succeeds(path):
    with replacing(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new" and alone(path)


def test_a_file_is_made_where_there_was_none(tmp_path):
    with replacing(tmp_path / "new") as temporary:
        temporary.write_bytes(b"1")
    assert (tmp_path / "new").read_bytes() == b"1"


@pytest.mark.parametrize("error", [RuntimeError("half"), KeyboardInterrupt(), FormatError("bad")])
def test_the_old_file_stays_when_the_block_fails(path, error):
    with pytest.raises(type(error)), replacing(path) as temporary:
        temporary.write_text("half a")
        raise error
    assert path.read_text() == "old" and alone(path)


def test_a_full_disk_leaves_the_old_file_and_says_so(path):
    with pytest.raises(DataError, match="model.net: not written, the old file stays: .*No space"):
        with replacing(path) as temporary:
            temporary.write_text("half a")
            raise OSError(errno.ENOSPC, "No space left on device")
    assert path.read_text() == "old" and alone(path)


def test_a_really_full_device_leaves_the_old_file(path):
    with pytest.raises(DataError, match="the old file stays"), replacing(path) as temporary:
        temporary.write_text("half a")
        with open("/dev/full", "w") as full:
            full.write("x" * 100_000)
    assert path.read_text() == "old" and alone(path)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(DataError, match="nowhere does not exist; make it first"):
        with replacing(tmp_path / "nowhere" / "model.net"):
            pytest.fail("the block was entered")


def test_a_folder_in_the_way_is_named(tmp_path):
    (tmp_path / "model.net" / "full").mkdir(parents=True)
    with pytest.raises(DataError, match="model.net: not written"):
        with replacing(tmp_path / "model.net") as temporary:
            temporary.write_text("new")
    assert [p.name for p in tmp_path.iterdir()] == ["model.net"]
