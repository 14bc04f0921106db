"""Runs Lava in a process of its own, so that whatever happens in it ends in a result or an error.

Lava's runtime waits for ever when one of its processes dies, and hides why it died. Here a forked
child runs it and watches its processes; the caller watches the child, and ends the whole family.
"""

import multiprocessing
import os
import signal
import time
import traceback
from collections.abc import Callable, Iterable
from mmap import mmap
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from tempfile import TemporaryFile
from typing import IO, Any

import numpy as np

from hetlava.arrays import AnyArray, Int64
from hetlava.errors import HetlavaError, TargetError

PATIENCE = 120.0  # [s] without a finished step; compiling a large graph is one step
POLL = 0.02  # [s] between looks at Lava's processes, each of which costs it a millisecond
FAREWELL = 10.0  # [s] that a family gets to end by itself
LOOK = 0.5  # [s] between looks at the child
LOG_TAIL = 2000  # characters of Lava's own output in an error

Outcome = HetlavaError | str | None


def shared(shape: tuple[int, ...], dtype: type[np.generic]) -> AnyArray:
    """Return a zeroed array in memory that forked processes share."""
    n_bytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
    return np.frombuffer(mmap(-1, max(n_bytes, 1)), dtype, int(np.prod(shape))).reshape(shape)


def supervise(work: Callable[[], None], steps_done: Int64, patience: float = PATIENCE) -> None:
    """Run ``work`` in a forked child until it returns, fails, or finishes no step for too long.

    Parameters
    ----------
    work : callable
        Leaves its results in :func:`shared` arrays.
    steps_done : (k,) int64, shared
        Any change of it is progress.
    patience : float
        Longest time [s] without progress.

    Raises
    ------
    HetlavaError
        As raised by ``work``.
    TargetError
        If the work failed otherwise, with the traceback and the end of what it printed; if it
        died or made no progress.
    """
    context = multiprocessing.get_context("fork")
    reader, writer = context.Pipe(duplex=False)
    with TemporaryFile() as log:
        child = context.Process(target=_child, args=(work, writer, log.fileno()))
        child.start()
        writer.close()
        try:
            outcome = _outcome(child, reader, steps_done, patience)
            if outcome is None:
                child.join(FAREWELL)
        finally:
            _end(child)
            reader.close()
        if isinstance(outcome, HetlavaError):
            raise outcome
        if outcome is not None:
            raise TargetError(f"{outcome}{_tail(log)}")


def run_graphs(roots: Iterable[Any], n_steps: int) -> None:
    """Run the process graph of each root for ``n_steps`` with Lava's bit-accurate models.

    Raises
    ------
    TargetError
        If one of Lava's processes fails, with its traceback.
    """
    from lava.magma.core.run_conditions import RunSteps
    from lava.magma.core.run_configs import Loihi2SimCfg
    from lava.magma.runtime.mgmt_token_enums import MGMT_RESPONSE, enum_equal

    for root in roots:
        root.create_runtime(run_cfg=Loihi2SimCfg(select_tag="fixed_pt"))
        root.run(RunSteps(num_steps=n_steps, blocking=False))
        ports = root.runtime.service_to_runtime
        while not all(p.probe() and enum_equal(p.peek(), MGMT_RESPONSE.DONE) for p in ports):
            _raise_failures(root.runtime._messaging_infrastructure.actors)
            time.sleep(POLL)
        root.wait()
        root.stop()


def _raise_failures(actors: Iterable[Any]) -> None:
    for actor in actors:
        if actor.exception:
            raise TargetError(f"a Lava process failed:\n{actor.exception[1]}")
        if actor.exitcode:
            raise TargetError(f"a Lava process died with exit code {actor.exitcode}")


def _child(work: Callable[[], None], writer: Connection, log: int) -> None:
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.dup2(log, 1)
    os.dup2(log, 2)
    outcome: Outcome = None
    try:
        work()
    except HetlavaError as error:
        outcome = error
    except BaseException:
        outcome = f"Lava failed:\n{traceback.format_exc()}"
    writer.send(outcome)


def _outcome(child: BaseProcess, reader: Connection, steps_done: Int64, patience: float) -> Outcome:
    seen, since = steps_done.copy(), time.monotonic()
    while not reader.poll(min(LOOK, patience)):
        if not np.array_equal(seen, steps_done):
            seen, since = steps_done.copy(), time.monotonic()
        elif time.monotonic() - since > patience:
            return f"Lava finished no step for {patience:g} s after step {seen.max()}"
        if child.exitcode is not None and not reader.poll():
            return f"the process that ran Lava died with exit code {child.exitcode}"
    try:
        outcome: Outcome = reader.recv()
    except EOFError:
        child.join(FAREWELL)
        return f"the process that ran Lava died with exit code {child.exitcode}"
    return outcome


def _end(child: BaseProcess) -> None:
    # terminated before killed: the tracker of shared memory ignores the first and cleans up
    for signum in (signal.SIGTERM, signal.SIGKILL):
        _signal_family(child, signum)
        child.join(FAREWELL)
        if child.exitcode is not None:
            return


def _signal_family(child: BaseProcess, signum: int) -> None:
    if child.pid is None:
        return
    try:
        os.killpg(child.pid, signum)
    except (ProcessLookupError, PermissionError):
        if child.exitcode is None:
            os.kill(child.pid, signum)


def _tail(log: IO[bytes]) -> str:
    log.seek(0)
    text = log.read().decode(errors="replace").strip()
    return f"\nIt printed:\n{text[-LOG_TAIL:]}" if text else ""
