"""Cached results: equal to computed ones, made once, and never trusted when damaged."""

import os

import pytest

from hetlava.datasets.cache import Cache
from hetlava.errors import DataError

TRAINS = [[(100, 1), (2500, 4)], [], [(700, 0), (800, 0)]]


@pytest.fixture
def made(recordings_of):
    return recordings_of(TRAINS, [0, 1, 2])


def files(folder):
    return sorted(folder.glob("*.npz"))


def test_what_was_binned_once_is_read(made, tmp_path, monkeypatch):
    cache = Cache(tmp_path / "new")
    first = cache.binned(made, 1e-3, 10)
    monkeypatch.setattr(type(made), "binned", lambda *_: pytest.fail("binned again"))

    second = cache.binned(made, 1e-3, 10)

    assert first == second
    assert second.index.flags.writeable is False


def test_other_steps_other_spikes_other_files(made, recordings_of, tmp_path):
    cache = Cache(tmp_path)
    other = recordings_of([*TRAINS[:2], [(700, 0), (801, 0)]], [0, 1, 2])

    cache.binned(made, 1e-3, 10)
    cache.binned(made, 2e-3, 10)
    cache.binned(made, 1e-3, 11)
    cache.binned(other, 1e-3, 10)

    assert len(files(tmp_path)) == 4
    assert cache.binned(other, 1e-3, 10) == other.binned(1e-3, 10)


@pytest.mark.parametrize("damage", [lambda b: b[:50], lambda b: b"", lambda b: b[:-90] + b"x" * 90])
def test_a_damaged_file_is_made_anew(made, tmp_path, damage):
    cache = Cache(tmp_path)
    cache.binned(made, 1e-3, 10)
    (path,) = files(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(damage(whole))

    assert cache.binned(made, 1e-3, 10) == made.binned(1e-3, 10)
    assert len(path.read_bytes()) == len(whole)


def test_a_full_cache_drops_what_was_used_the_longest_ago(made, tmp_path):
    cache = Cache(tmp_path)
    cache.binned(made, 1e-3, 10)
    (first,) = files(tmp_path)
    cache.binned(made, 2e-3, 10)
    (second,) = set(files(tmp_path)) - {first}
    stranger = tmp_path / "other.npz"
    stranger.write_bytes(b"0" * 10_000)
    os.utime(second, (1, 1))

    small = Cache(tmp_path, first.stat().st_size + second.stat().st_size + 200)
    small.binned(made, 3e-3, 10)

    assert not second.exists()
    assert first.exists()
    assert stranger.exists()


def test_what_is_larger_than_the_cache_is_not_kept(made, tmp_path):
    assert Cache(tmp_path, 10).binned(made, 1e-3, 10) == made.binned(1e-3, 10)
    assert not files(tmp_path)


def test_a_folder_that_cannot_be_is_refused(made, tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(DataError, match="no cache can be kept there"):
        Cache(tmp_path / "file").binned(made, 1e-3, 10)
