"""``hetlava run`` on a virtual die, and ``hetlava calibrate``."""

import pytest

from hetlava.recording_file import read_recording

RUN = ("--target", "bss2-sim", "--data", "digits", "--limit", 10)


def test_run_takes_a_die_and_its_calibration(hetlava, model, tmp_path):
    made = hetlava("calibrate", model, "--chip-seed", 3, "--out", tmp_path / "cal.h5")
    assert made.code in (0, 1) and "Calibration of brainscales2, virtual 3" in made.out, made.err
    out = tmp_path / "out.npz"
    options = (*RUN, "--chip-seed", 3, "--calibration", tmp_path / "cal.h5")
    done = hetlava("run", model, *options, "--trials", 2, "--out", out)
    assert done.code == 0 and "bss2-sim (simulated)" in done.out, done.err
    recording = read_recording(out)
    assert recording.scores.shape[0] == 20 and recording.details["calibrated"] == "from a file"
    other = hetlava("run", model, *RUN, "--chip-seed", 4, "--calibration", tmp_path / "cal.h5")
    assert other.code == 2 and "is of chip 'virtual 3" in other.err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((*RUN, "--mismatch", "bss3"), "'bss3' is unknown"),
        ((*RUN, "--set", "leak=nan"), "not a plain number"),
        ((*RUN, "--calibration", "none.h5"), "none.h5: no such file"),
        ((*RUN, "--resume"), "leave out --resume"),
        (("--chip-seed", 3, "--trials", 2), "--chip-seed, --trials: only targets with virtual"),
    ],
)
def test_impossible_runs_are_refused(hetlava, model, options, words):
    done = hetlava("run", model, *options)
    assert done.code == 2 and words in done.err and "Traceback" not in done.err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--mismatch", "bss3"), "'bss3' is unknown"),
        (("--set", "leak=0.1"), "but no mismatch"),
        (("--mismatch", "ideal", "--set", "leak=-1"), "leak is -1.0"),
    ],
)
def test_impossible_training_on_dies_is_refused(hetlava, tmp_path, options, words):
    done = hetlava("train", "--slayer", "digits", "--out", tmp_path / "m.pt", *options)
    assert done.code == 2 and words in done.err and "Traceback" not in done.err
    assert not list(tmp_path.iterdir())
