"""Recordings on disk."""

import numpy as np
import pytest

from hetlava.errors import DataError, FormatError
from hetlava.recording_file import read_recording, write_recording
from hetlava.sim import reference


@pytest.mark.parametrize("probes", [(), ("u", "v"), ("v",)])
def test_reading_gives_what_was_written(tmp_path, random_network, rng, probes):
    net, inputs = random_network(rng)
    recording = reference.run(net, inputs, probes=probes)
    write_recording(tmp_path / "r.npz", recording)
    assert read_recording(tmp_path / "r.npz") == recording


def test_a_missing_recording_is_named(tmp_path):
    with pytest.raises(DataError, match="none.npz: no such file"):
        read_recording(tmp_path / "none.npz")


def test_damaged_recordings_are_refused(tmp_path, random_network, rng):
    path = tmp_path / "r.npz"
    net, inputs = random_network(rng)
    write_recording(path, reference.run(net, inputs))
    whole = path.read_bytes()
    for damaged in (
        b"",
        b"no zip",
        whole[: len(whole) // 2],
        whole[:100] + b"x" * 50 + whole[150:],
    ):
        path.write_bytes(damaged)
        with pytest.raises(FormatError, match="r.npz"):
            read_recording(path)


def test_pickled_arrays_are_refused(tmp_path):
    path = tmp_path / "bomb.npz"
    np.savez(path, header=np.array([{"format": "x"}], dtype=object))
    with pytest.raises(FormatError, match="bomb.npz"):
        read_recording(path)
