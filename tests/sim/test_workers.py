import os
import subprocess
import sys
import threading
import time

import pytest

from hetlava.sim.workers import in_threads

FORK = """
import os
from hetlava.sim.workers import in_threads

in_threads(abs, [-1, -2], 2)
child = os.fork()
if child == 0:
    os._exit(sum(in_threads(abs, [-3, -4], 2)))
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_results_come_in_the_order_of_the_work():
    def slow_first(k: int) -> int:
        time.sleep(0.02 * (k == 0))
        return k

    assert in_threads(slow_first, range(5), 2) == [0, 1, 2, 3, 4]


def test_threads_stay_for_the_next_run():
    first, second = (set(in_threads(lambda _: threading.get_ident(), range(8), 1)) for _ in "ab")
    assert first == second and threading.get_ident() not in first


def test_an_error_stops_the_rest_and_is_raised_when_no_thread_works_any_more():
    told, working = threading.Event(), threading.Event()

    def work(k: int) -> None:
        if k:
            working.wait(5)
            raise ValueError(k)
        working.set()
        assert told.wait(5)
        time.sleep(0.05)
        working.clear()

    with pytest.raises(ValueError, match="1"):
        in_threads(work, [1, 0], 2, told.set)
    assert told.is_set() and not working.is_set()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_fork_has_threads_of_its_own():
    command = [sys.executable, "-W", "ignore", "-c", FORK]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.stdout == "7\n", done.stderr
