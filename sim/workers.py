"""Threads that work on parts of a run, and stay for the next: to start them takes as long as it.

Compiled loops do not hear of Ctrl-C. They work in threads of their own, so that the one that waits
hears it, and tells them to stop.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import cache
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="hetlava")


if hasattr(os, "register_at_fork"):
    # a fork has the pools, but not their threads
    os.register_at_fork(after_in_child=_pool.cache_clear)


def in_threads(
    run: Callable[[T], R], work: Sequence[T], threads: int, stop: Callable[[], None] | None = None
) -> list[R]:
    """Return what ``run`` makes of every piece of work, some at a time, in the order of the work.

    Where one raises, or the waiting is interrupted, ``stop`` is called, and the error is raised
    when no thread works any more.
    """
    futures: list[Future[R]] = []
    try:
        for piece in work:
            futures.append(_pool(threads).submit(run, piece))
        return [future.result() for future in futures]
    except BaseException:
        if stop is not None:
            stop()
        for future in futures:
            future.cancel()
        wait(futures)
        raise
