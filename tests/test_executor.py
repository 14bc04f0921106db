"""The map over samples, dies and seeds.

Functions that go to other processes are of the standard library here: a test's own module has no
name by which another process could import it.
"""

import importlib.util
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count, islice
from tempfile import mkdtemp

import pytest

from hetlava.errors import TargetError, ValidationError, WorkerLostError
from hetlava.executor import map_as_finished, map_over
from hetlava.worker_pools import AHEAD, threads_each

TWO = partial(int, "2")
POWERS = [2**k for k in range(20)]


def has(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_the_order_of_the_items(workers):
    assert list(map_over(pow, range(20), setup=TWO, workers=workers)) == POWERS


def test_results_come_as_they_finish_each_with_its_item():
    later = threading.Event()
    with ThreadPoolExecutor(2) as threads:
        waits = {"slow": later.wait, "quick": later.is_set}
        found = map_as_finished(dict.__getitem__, waits, setup=lambda: waits, executor=threads)
        assert {item for item, _ in found} == {"slow", "quick"}
        calls = map_as_finished(_call, waits, setup=lambda: waits, executor=threads)
        assert next(calls) == ("quick", False)
        later.set()
        assert next(calls) == ("slow", True)


def _call(functions, name):
    return functions[name]()


def test_what_finished_before_a_worker_died_is_given_first():
    found = map_as_finished(os.kill, [0, 0, signal.SIGKILL], setup=os.getpid, workers=2)
    done = [next(found), next(found)]
    assert done == [(0, None), (0, None)]
    with pytest.raises(WorkerLostError):
        next(found)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_worker_sets_up_once(tmp_path, workers):
    made = map_over(os.path.join, map(str, range(20)), setup=partial(mkdtemp, dir=tmp_path),
                    workers=workers)  # fmt: skip
    assert [os.path.basename(path) for path in made] == [str(k) for k in range(20)]
    assert 1 <= len(list(tmp_path.iterdir())) <= workers


def test_workers_are_other_processes():
    pids = set(map_over(max, [0] * 8, setup=os.getpid, workers=2))
    assert os.getpid() not in pids and 1 <= len(pids) <= 2


def test_items_are_drawn_no_further_than_workers_need():
    drawn = count()
    with ThreadPoolExecutor(3) as threads:
        found = map_over(pow, drawn, setup=TWO, executor=threads)
        assert list(islice(found, 4)) == POWERS[:4]
        found.close()
    assert next(drawn) <= 4 + 3 * AHEAD


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_in_a_worker_is_the_callers(workers):
    with pytest.raises(ZeroDivisionError):
        list(map_over(divmod, [1, 0], setup=TWO, workers=workers))
    with pytest.raises(ValueError, match="'x'"):
        list(map_over(pow, [1], setup=partial(int, "x"), workers=workers))


def test_a_worker_that_dies_is_told():
    with pytest.raises(TargetError, match="worker process died"):
        list(map_over(os.kill, [signal.SIGKILL], setup=os.getpid, workers=2))


def test_impossible_requests_are_refused():
    with pytest.raises(ValidationError, match="workers is 0"):
        map_over(pow, [1], setup=TWO, workers=0)
    with pytest.raises(ValidationError, match="not several"):
        map_over(pow, [1], setup=TWO, workers=2, dask="tcp://host:8786")


def test_threads_are_shared_between_workers():
    assert threads_each(1) >= threads_each(2) >= 1
    assert threads_each(10**6) == 1


def test_an_interrupted_map_ends_its_processes():
    code = (
        "from functools import partial\n"
        "from hetlava.executor import map_over\n"
        "wait = 'import time; print(flush=True); time.sleep(600)'\n"
        "list(map_over(divmod, 'ab', setup=partial(exec, wait), workers=2))\n"
    )
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline() == child.stdout.readline() == b"\n"  # both are at work
    child.send_signal(signal.SIGINT)
    child.communicate(timeout=60)  # would take 600 s if one of them were waited for
    assert child.returncode != 0


@pytest.mark.slow
@pytest.mark.skipif(not has("joblib"), reason="joblib is not installed")
def test_joblibs_executor_gives_the_same():
    from joblib.externals.loky import get_reusable_executor

    loky = get_reusable_executor(max_workers=2)
    assert list(map_over(lambda a, b: a**b, range(20), setup=TWO, executor=loky)) == POWERS
    loky.shutdown()


@pytest.mark.slow
@pytest.mark.skipif(not has("distributed"), reason="Dask is not installed")
def test_a_dask_cluster_gives_the_same(tmp_path):
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        address = cluster.scheduler_address
        assert list(map_over(pow, range(20), setup=TWO, dask=address)) == POWERS
        made = map_over(
            os.path.join, "abcdefgh", setup=partial(mkdtemp, dir=tmp_path), dask=address
        )
        assert [os.path.basename(path) for path in made] == list("abcdefgh")
        assert 1 <= len(list(tmp_path.iterdir())) <= 2
        with pytest.raises(ZeroDivisionError):
            list(map_over(divmod, [0], setup=TWO, dask=address))


@pytest.mark.slow
@pytest.mark.skipif(not has("distributed"), reason="Dask is not installed")
def test_a_scheduler_that_is_not_there_is_told(monkeypatch):
    monkeypatch.setattr("hetlava.worker_pools.DASK_TIMEOUT", 0.2)
    with pytest.raises(TargetError, match="no Dask scheduler answers"):
        list(map_over(pow, [1], setup=TWO, dask="tcp://host.invalid:9"))
