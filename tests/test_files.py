"""Files: written whole, or the old one stays and nothing else is left."""

import errno
import os

import pytest

from hetlava.errors import DataError, FormatError
from hetlava.files import replacing, to_read, to_write


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
    with pytest.raises(DataError, match="model.net: is a folder"):
        with replacing(tmp_path / "model.net"):
            pytest.fail("the block was entered")
    assert [p.name for p in tmp_path.iterdir()] == ["model.net"]


def test_a_pipe_or_device_is_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DataError, match="pipe: is a device or a pipe"):
        with replacing(tmp_path / "pipe"):
            pytest.fail("the block was entered")
    assert (tmp_path / "pipe").is_fifo()
    with pytest.raises(DataError, match="pipe: is no file"):
        to_read(tmp_path / "pipe")


def test_a_link_stays_and_leads_to_the_new_file(path, tmp_path_factory):
    link = tmp_path_factory.mktemp("links") / "link"
    link.symlink_to(path)
    with replacing(link) as temporary:
        temporary.write_text("new")
    assert link.is_symlink() and path.read_text() == "new" and alone(path)


@pytest.mark.parametrize("name", ["x" * 300, "round/x"])
def test_names_that_no_file_can_have_are_refused(tmp_path, name):
    (tmp_path / "round").symlink_to("round")
    for use in (to_write, to_read):
        with pytest.raises(DataError, match=name):
            use(tmp_path / name)


def test_a_file_with_the_longest_name_is_written(tmp_path):
    with replacing(tmp_path / ("x" * 255)) as temporary:
        temporary.write_text("new")
    assert [len(p.name) for p in tmp_path.iterdir()] == [255]


def test_a_folder_is_not_read_as_a_file(tmp_path):
    with pytest.raises(DataError, match="is a folder; name a file"):
        to_read(tmp_path)
