"""Runs a foreign program with a limit on its silence, and ends it with all that it started."""

import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

POLL = 0.02  # [s] between looks
FAREWELL = 1.0  # [s] that a family gets to end by itself
TAIL = 2000  # characters of a program's own words in an error


@dataclass(frozen=True, kw_only=True)
class Output:
    """How a program ended, and what it said.

    Attributes
    ----------
    code : int
        Exit code, negative for a signal.
    timed_out : bool
        Whether it was ended for its silence.
    stdout, stderr : str
    """

    code: int
    timed_out: bool
    stdout: str
    stderr: str

    def said(self) -> str:
        """Return the end of what it printed, for an error message."""
        text = "\n".join(part.strip() for part in (self.stdout, self.stderr) if part.strip())
        return f"\nIt printed:\n{text[-TAIL:]}" if text else ""


def run_family(
    command: list[str], *, folder: Path | None, patience: float, farewell: float = FAREWELL
) -> Output:
    """Run a program in a process group of its own, until it ends or says nothing for too long.

    Whatever happens, an interruption included, no process of the group is left.

    Parameters
    ----------
    folder : path or None
        Where it runs; None for where this process does.
    patience : float
        Longest time [s] without a word.
    farewell : float
        Time [s] that it gets to end by itself before it is killed.

    Raises
    ------
    OSError
        If it cannot be started.
    """
    with TemporaryFile() as stdout, TemporaryFile() as stderr:
        child = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
        )
        try:
            in_time = _wait(child, (stdout, stderr), patience)
        finally:
            _end(child, farewell)
        return Output(
            code=child.returncode, timed_out=not in_time, stdout=_text(stdout), stderr=_text(stderr)
        )


def _wait(child: subprocess.Popen[bytes], logs: tuple[IO[bytes], ...], patience: float) -> bool:
    said, since = 0, time.monotonic()
    while child.poll() is None:
        time.sleep(POLL)
        size = sum(os.fstat(log.fileno()).st_size for log in logs)
        if size != said:
            said, since = size, time.monotonic()
        elif time.monotonic() - since > patience:
            return False
    return True


def _end(child: subprocess.Popen[bytes], farewell: float) -> None:
    # terminated before killed: the tracker of shared memory ignores the first and cleans up
    _signal(child, signal.SIGTERM)
    since = time.monotonic()
    while time.monotonic() - since < farewell:
        child.poll()
        # also true of dead members that nobody has reaped yet, hence the limit
        if not _signal(child, 0):
            break
        time.sleep(POLL)
    _signal(child, signal.SIGKILL)
    child.wait()


def _signal(child: subprocess.Popen[bytes], signum: int) -> bool:
    """Send a signal to the group; whether there still is one."""
    try:
        os.killpg(child.pid, signum)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _text(log: IO[bytes]) -> str:
    log.seek(0)
    return log.read().decode(errors="replace")
