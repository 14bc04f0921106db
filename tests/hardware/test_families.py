"""A foreign program ends by itself or is ended, and leaves nobody behind."""

import os
import sys
import time
from pathlib import Path

import pytest

from hetlava.hardware import families
from hetlava.hardware.families import run_family


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def stays(pid: int) -> bool:
    """Whether a process lives on; one that nobody reaped yet does not."""
    since = time.monotonic()
    while time.monotonic() - since < 10:
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return False
        if stat.rsplit(")", 1)[1].split()[0] == "Z":
            return False
        time.sleep(0.05)
    return True


PARENT = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = os.fork()
if child:
    print(child, flush=True)
    {then}
time.sleep(600)
"""


def test_words_and_code_of_a_program_come_back(tmp_path: Path) -> None:
    code = "import os, sys; print(os.getcwd()); print('bad', file=sys.stderr); sys.exit(3)"
    done = run_family(python(code), folder=tmp_path, patience=30)
    assert (done.code, done.timed_out) == (3, False)
    assert done.stdout.strip() == str(tmp_path)
    assert done.said() == f"\nIt printed:\n{tmp_path}\nbad"


def test_a_silent_program_is_ended_with_its_children_even_if_they_resist() -> None:
    done = run_family(python(PARENT.format(then="")), folder=None, patience=0.5)
    assert done.timed_out and done.code == -9
    assert not stays(int(done.stdout))


def test_children_that_a_program_leaves_behind_are_ended() -> None:
    done = run_family(python(PARENT.format(then="sys.exit(0)")), folder=None, patience=30)
    assert (done.code, done.timed_out) == (0, False)
    assert not stays(int(done.stdout))


def test_words_keep_a_slow_program_alive() -> None:
    code = "import time\nfor k in range(8): print(k, flush=True); time.sleep(0.2)"
    done = run_family(python(code), folder=None, patience=1.0)
    assert (done.code, done.timed_out) == (0, False)


def test_an_interruption_ends_the_program_too(monkeypatch: pytest.MonkeyPatch) -> None:
    started = []

    def interrupted(child, logs, patience) -> bool:
        started.append(child.pid)
        raise KeyboardInterrupt

    monkeypatch.setattr(families, "_wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_family(python("import time; time.sleep(600)"), folder=None, patience=30)
    assert not stays(started[0])


def test_a_program_that_is_not_there_is_an_error_of_the_system() -> None:
    before = time.monotonic()
    with pytest.raises(FileNotFoundError):
        run_family([os.devnull + "-no"], folder=None, patience=30)
    assert time.monotonic() - before < 5
