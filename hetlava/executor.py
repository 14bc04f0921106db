"""One map over samples, dies and seeds: in this process, in others, or on a Dask cluster.

Everything goes through the interface of :class:`concurrent.futures.Executor`, which the standard
library, joblib (loky) and Dask share.
"""

import uuid
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    wait,
)
from contextlib import closing
from typing import Any, TypeVar

from hetlava.errors import ValidationError, WorkerLostError
from hetlava.worker_pools import Task, opened

Made = TypeVar("Made")
Item = TypeVar("Item")
Result = TypeVar("Result")


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
    WorkerLostError
        If a worker dies.
    TargetError
        If no scheduler answers at the address.

    Examples
    --------
    >>> list(map_over(pow, [1, 2, 3], setup=lambda: 2))
    [2, 4, 8]
    """
    _check(workers, dask, executor)
    return _results(_map(function, items, setup, (workers, dask, executor), _first))


def map_as_finished(
    function: Callable[[Made, Item], Result],
    items: Iterable[Item],
    *,
    setup: Callable[[], Made],
    workers: int = 1,
    dask: str | None = None,
    executor: Executor | None = None,
) -> Generator[tuple[Item, Result], None, None]:
    """Yield every item with its result as soon as it is there, in any order.

    Parameters and errors are those of :func:`map_over`. When a worker dies, what was finished
    before is yielded before the error is raised.

    Examples
    --------
    >>> dict(map_as_finished(pow, [1, 2, 3], setup=lambda: 2))
    {1: 2, 2: 4, 3: 8}
    """
    _check(workers, dask, executor)
    return _map(function, items, setup, (workers, dask, executor), _finished)


def _check(workers: int, dask: str | None, executor: Executor | None) -> None:
    if workers < 1:
        raise ValidationError(f"workers is {workers}, expected at least 1")
    if (workers > 1) + (dask is not None) + (executor is not None) > 1:
        raise ValidationError("one of workers, a Dask address and an executor, not several")


def _results(
    pairs: Generator[tuple[Item, Result], None, None],
) -> Generator[Result, None, None]:
    with closing(pairs):
        for _, result in pairs:
            yield result


Waiting = dict["Future[Any]", Any]  # items that were sent out, in their order


def _first(waiting: Waiting) -> "list[Future[Any]]":
    return [next(iter(waiting))]


def _finished(waiting: Waiting) -> "list[Future[Any]]":
    done = wait(waiting, return_when=FIRST_COMPLETED).done
    # results before errors, which end the map
    return sorted(done, key=lambda future: future.cancelled() or future.exception() is not None)


def _map(
    function: Callable[[Made, Item], Result],
    items: Iterable[Item],
    setup: Callable[[], Made],
    where: tuple[int, str | None, Executor | None],
    take: "Callable[[Waiting], list[Future[Any]]]",
) -> Generator[tuple[Item, Result], None, None]:
    if where == (1, None, None):
        made = setup()
        for item in items:
            yield item, function(made, item)
        return
    task = Task(uuid.uuid4().hex, setup, function)
    with opened(*where, task) as pool:
        waiting: Waiting = {}
        try:
            for item in items:
                waiting[pool.submit(item)] = item
                if len(waiting) >= pool.room:
                    yield from _taken(waiting, take)
            while waiting:
                yield from _taken(waiting, take)
        except (BrokenExecutor, CancelledError) as error:
            raise WorkerLostError(
                f"a worker process died (killed, or out of memory); run with fewer workers: {error}"
            ) from error
        finally:
            for future in waiting:
                future.cancel()


def _taken(
    waiting: Waiting, take: "Callable[[Waiting], list[Future[Any]]]"
) -> Iterator[tuple[Any, Any]]:
    for future in take(waiting):
        yield waiting.pop(future), future.result()
