"""One map over samples, dies and seeds: in this process, in others, or on a Dask cluster.

Everything goes through the interface of :class:`concurrent.futures.Executor`, which the standard
library, joblib (loky) and Dask share.
"""

import os
import signal
import threading
import uuid
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from hetlava.errors import MissingPackageError, TargetError, ValidationError

Made = TypeVar("Made")
Item = TypeVar("Item")
Result = TypeVar("Result")

AHEAD = 2  # items that wait for each worker, so that none stands idle and memory stays bounded
DASK_TIMEOUT = 10  # [s] to reach a scheduler


def map_over(
    function: Callable[[Made, Item], Result],
    items: Iterable[Item],
    *,
    setup: Callable[[], Made],
    workers: int = 1,
    dask: str | None = None,
    executor: Executor | None = None,
) -> Generator[Result, None, None]:
    """Yield ``function(setup(), item)`` for every item, in the order of the items.

    ``setup`` is called once in every worker, for what is dear to make or to send: a prepared
    network, a loaded data set. Items are drawn from the iterable as workers become free, so that
    neither they nor the results need to fit in memory together. ``close()`` ends it early.

    The results do not depend on the number of workers as long as ``function`` depends on nothing
    but its arguments: an item that needs random numbers carries their seed, as in
    ``np.random.default_rng([seed, die])``.

    Parameters
    ----------
    function, setup : callable
        Called in the workers. With more than one they must be picklable: functions of a module,
        or :func:`functools.partial` of one.
    items : iterable
    workers : int
        Processes to run in; 1 calls the function in this one. They import the program's main
        file, in which a call must stand under ``if __name__ == "__main__":``.
    dask : str, optional
        Address of a Dask scheduler that runs the items instead, such as ``tcp://host:8786``.
    executor : concurrent.futures.Executor, optional
        An executor of the caller's, which stays open: joblib's
        ``joblib.externals.loky.get_reusable_executor()``, ``Client.get_executor()``, threads.

    Raises
    ------
    ValidationError
        If ``workers`` is below 1, or more than one kind of executor is asked for.
    MissingPackageError
        If Dask is not installed.
    TargetError
        If a worker dies, or no scheduler answers at the address.

    Examples
    --------
    >>> list(map_over(pow, [1, 2, 3], setup=lambda: 2))
    [2, 4, 8]
    """
    if workers < 1:
        raise ValidationError(f"workers is {workers}, expected at least 1")
    if (workers > 1) + (dask is not None) + (executor is not None) > 1:
        raise ValidationError("one of workers, a Dask address and an executor, not several")
    if workers == 1 and dask is None and executor is None:
        return _map_here(function, items, setup)
    return _map_elsewhere(function, items, setup, workers, dask, executor)


def threads_each(workers: int) -> int:
    """Return how many threads each of so many processes may use to keep every processor busy."""
    usable = getattr(os, "sched_getaffinity", None)  # not on macOS and Windows
    available = len(usable(0)) if usable else os.cpu_count() or 1
    return max(1, available // workers)


def _map_here(
    function: Callable[[Made, Item], Result], items: Iterable[Item], setup: Callable[[], Made]
) -> Generator[Result, None, None]:
    made = setup()
    for item in items:
        yield function(made, item)


def _map_elsewhere(
    function: Callable[[Made, Item], Result],
    items: Iterable[Item],
    setup: Callable[[], Made],
    workers: int,
    dask: str | None,
    executor: Executor | None,
) -> Generator[Result, None, None]:
    task = _Task(uuid.uuid4().hex, setup, function)
    with _opened(workers, dask, executor, task) as pool:
        waiting: deque[Future[Result]] = deque()
        try:
            for item in items:
                waiting.append(pool.submit(item))
                if len(waiting) >= pool.room:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenExecutor as error:
            raise TargetError(
                f"a worker process died (killed, or out of memory); run with fewer workers: {error}"
            ) from error
        finally:
            for future in waiting:
                future.cancel()


@dataclass(frozen=True)
class _Task:
    """What every worker needs once."""

    key: str
    setup: Callable[[], Any]
    function: Callable[[Any, Any], Any]


class _Pool(NamedTuple):
    submit: Callable[[Any], "Future[Any]"]
    room: int


# What the setup of the map that runs now gave in this worker. Threads of a Dask worker share it.
_made: dict[str, Any] = {}
_making = threading.Lock()


def _work(task: _Task, item: Any) -> Any:
    with _making:
        if task.key not in _made:
            _made.clear()
            _made[task.key] = task.setup()
        made = _made[task.key]
    return task.function(made, item)


def _forget() -> None:
    _made.clear()


# The task of a worker process, which is sent to it once instead of with every item.
_task: list[_Task] = []


def _start_worker(task: _Task) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; one answers
    _task[:] = [task]


def _work_in_process(item: Any) -> Any:
    return _work(_task[0], item)


@contextmanager
def _opened(
    workers: int, dask: str | None, executor: Executor | None, task: _Task
) -> Iterator[_Pool]:
    if dask is not None:
        with _dask_client(dask) as client:
            # once to every worker, rather than with every item
            shared = client.scatter(task, broadcast=True, hash=False)
            pool = client.get_executor(pure=False)
            slots = sum(client.nthreads().values())
            yield _Pool(lambda item: pool.submit(_work, shared, item), AHEAD * max(1, slots))
            client.run(_forget)
    elif executor is not None:
        size = getattr(executor, "_max_workers", threads_each(1))
        yield _Pool(lambda item: executor.submit(_work, task, item), AHEAD * size)
    else:
        with _processes(workers, task) as processes:
            yield _Pool(lambda item: processes.submit(_work_in_process, item), AHEAD * workers)


@contextmanager
def _processes(workers: int, task: _Task) -> Iterator[Executor]:
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
        raise TargetError(f"a Dask worker at {address!r} died or was lost: {error}") from error
