"""Where a map runs: in new processes, on an executor of the caller's, or on a Dask cluster."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

from hetlava.errors import MissingPackageError, TargetError, WorkerLostError

AHEAD = 2  # items that wait for each worker, so that none stands idle and memory stays bounded
DASK_TIMEOUT = 10  # [s] to reach a scheduler


def threads_each(workers: int) -> int:
    """Return how many threads each of so many processes may use to keep every processor busy."""
    usable = getattr(os, "sched_getaffinity", None)  # not on macOS and Windows
    available = len(usable(0)) if usable else os.cpu_count() or 1
    return max(1, available // workers)


@dataclass(frozen=True)
class Task:
    """What every worker needs once."""

    key: str
    setup: Callable[[], Any]
    function: Callable[[Any, Any], Any]


class Pool(NamedTuple):
    """How an item is sent out, and how many may be out at once."""

    submit: Callable[[Any], "Future[Any]"]
    room: int


# What the setup of the map that runs now gave in this worker. Threads of a Dask worker share it.
_made: dict[str, Any] = {}
_making = threading.Lock()


def _work(task: Task, item: Any) -> Any:
    with _making:
        if task.key not in _made:
            _made.clear()
            _made[task.key] = task.setup()
        made = _made[task.key]
    return task.function(made, item)


def _forget() -> None:
    _made.clear()


# The task of a worker process, which is sent to it once instead of with every item.
_task: list[Task] = []


def _start_worker(task: Task) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; one answers
    _task[:] = [task]


def _work_in_process(item: Any) -> Any:
    return _work(_task[0], item)


@contextmanager
def opened(workers: int, dask: str | None, executor: Executor | None, task: Task) -> Iterator[Pool]:
    """Give what was asked for, ready to work on items of ``task``.

    Raises
    ------
    MissingPackageError
        If Dask is not installed.
    TargetError
        If no scheduler answers at the address.
    WorkerLostError
        If a Dask worker dies again and again, or the cluster is lost.
    """
    if dask is not None:
        with _dask_client(dask) as client:
            # once to every worker, rather than with every item
            shared = client.scatter(task, broadcast=True, hash=False)
            pool = client.get_executor(pure=False)
            slots = sum(client.nthreads().values())
            yield Pool(lambda item: pool.submit(_work, shared, item), AHEAD * max(1, slots))
            client.run(_forget)
    elif executor is not None:
        size = getattr(executor, "_max_workers", threads_each(1))
        yield Pool(lambda item: executor.submit(_work, task, item), AHEAD * size)
    else:
        with _processes(workers, task) as processes:
            yield Pool(lambda item: processes.submit(_work_in_process, item), AHEAD * workers)


@contextmanager
def _processes(workers: int, task: Task) -> Iterator[Executor]:
    """Give a pool of new processes, which are ended at once when the block fails."""
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    before = set(multiprocessing.active_children())
    # spawned: a fork would copy threads of numba and torch in the midst of what they do
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, context, _start_worker, (task,))
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        for child in set(multiprocessing.active_children()) - before:
            child.terminate()
        raise
    pool.shutdown(cancel_futures=True)


@contextmanager
def _dask_client(address: str) -> Iterator[Any]:
    try:
        import distributed
        from distributed.comm.core import CommClosedError
    except ImportError as error:
        raise MissingPackageError(
            "Dask is not installed; install it with: pip install hetlava[scale]"
        ) from error
    try:
        new_client: Any = distributed.Client  # it has no types
        client = new_client(address, timeout=DASK_TIMEOUT, set_as_default=False)
    except (OSError, ValueError) as error:
        raise TargetError(f"no Dask scheduler answers at {address!r}: {error}") from error
    try:
        with client:
            yield client
    except (distributed.KilledWorker, CommClosedError) as error:
        raise WorkerLostError(f"a Dask worker at {address!r} died or was lost: {error}") from error
