"""Sweeps: results as they end, restarts, and workers that die.

Functions that go to other processes are of the standard library here, or text that they run: a
test's own module has no name by which another process could import it.
"""

import importlib.util
import json
import os
from functools import partial

import pytest

from hetlava.errors import FormatError, ValidationError, WorkerLostError
from hetlava.sweep import Run, sweep

RUNS = [Run(name=f"run {k}", config={"k": k}) for k in range(5)]


def doubled(made, run):
    return {"doubled": made * run.config["k"]}


def results(runs, folder, function=doubled, **options):
    return {
        run.config["k"]: result["doubled"]
        for run, result in sweep(function, runs, folder, setup=partial(int, "2"), **options)
    }


def test_every_run_has_its_result_and_its_file(tmp_path):
    assert results(RUNS, tmp_path) == {k: 2 * k for k in range(5)}
    assert {path.name for path in tmp_path.iterdir()} == {f"{run.key}.json" for run in RUNS}


def test_a_restart_skips_what_is_done(tmp_path):
    first = results(RUNS[:3], tmp_path)
    calls = []

    def counted(made, run):
        calls.append(run.config["k"])
        return doubled(made, run)

    assert results(RUNS, tmp_path, counted) == {**first, 3: 6, 4: 8}
    assert calls == [3, 4]


def test_a_result_is_on_the_disk_before_it_is_told(tmp_path):
    going = sweep(doubled, RUNS, tmp_path, setup=partial(int, "2"))
    run, _ = next(going)
    assert [path.name for path in tmp_path.iterdir()] == [f"{run.key}.json"]


def test_equal_configurations_are_one_run(tmp_path):
    again = [*RUNS, Run(name="another name", config={"k": 2})]
    assert len(list(sweep(doubled, again, tmp_path, setup=partial(int, "2")))) == 5


def test_the_key_depends_on_every_value_and_not_on_their_order():
    run = Run(name="a", config={"x": 1, "y": [1.5, None]})
    assert run.key == Run(name="b", config={"y": [1.5, None], "x": 1}).key
    assert run.key != Run(name="a", config={"x": 1, "y": [1.5, 0]}).key


def test_a_configuration_that_is_no_number_is_refused():
    with pytest.raises(ValueError, match="JSON"):
        _ = Run(name="a", config={"x": float("nan")}).key


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda content: content[:40], "no result of a run"),
        (lambda content: "[]", "no result of a run"),
        (lambda content: content.replace('"k": 0', '"k": 1'), "of another configuration"),
        (lambda content: content.replace('"version": 1', '"version": 9'), "version 9"),
        (lambda content: content.replace('"result": {', '"other": {'), "holds no result"),
    ],
)
def test_a_file_that_is_not_the_runs_is_refused(tmp_path, damage, message):
    results(RUNS[:1], tmp_path)
    path = tmp_path / f"{RUNS[0].key}.json"
    path.write_text(damage(path.read_text()))
    with pytest.raises(FormatError, match=message) as caught:
        results(RUNS[:1], tmp_path)
    assert str(path) in str(caught.value) and "delete the file" in str(caught.value)


def test_impossible_requests_are_refused(tmp_path):
    with pytest.raises(ValidationError, match="workers is 0"):
        results(RUNS, tmp_path, workers=0)


# Run in a worker: the first to find no mark leaves one and dies, as if for want of memory.
DIES_ONCE = """
import os, pathlib, signal
mark = pathlib.Path({mark!r})
if not mark.exists():
    mark.touch()
    os.kill(os.getpid(), signal.SIGKILL)
"""


class Sent:
    """A function that arrives in another process as what its text evaluates to."""

    def __init__(self, text):
        self.text = text

    def __reduce__(self):
        return eval, (self.text,)


def mortal(code, only):
    """Return a function that doubles, and before that runs ``code`` in the run ``k == only``."""
    answer = "{'doubled': made * run.config['k']}"
    return Sent(f"lambda made, run: run.config['k'] == {only} and exec({code!r}) or {answer}")


def test_a_run_whose_worker_died_is_tried_again(tmp_path):
    (tmp_path / "runs").mkdir()
    function = mortal(DIES_ONCE.format(mark=str(tmp_path / "died")), only=2)
    assert results(RUNS, tmp_path / "runs", function, workers=2) == {k: 2 * k for k in range(5)}
    assert (tmp_path / "died").exists()


def test_workers_that_always_die_are_told_and_finished_runs_kept(tmp_path):
    always = mortal("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", only=4)
    with pytest.raises(WorkerLostError, match="1 runs are missing, the finished ones are kept"):
        results(RUNS, tmp_path, always, workers=2)
    assert {json.loads(path.read_text())["config"]["k"] for path in tmp_path.iterdir()} == {
        *range(4)
    }


@pytest.mark.slow
@pytest.mark.skipif(not importlib.util.find_spec("distributed"), reason="Dask is not installed")
def test_a_dask_worker_that_is_killed_loses_nothing(tmp_path):
    from distributed import Client, LocalCluster

    (tmp_path / "runs").mkdir()
    function = mortal(DIES_ONCE.format(mark=str(tmp_path / "died")), only=1)
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        with Client(cluster) as client:
            before = set(client.run(os.getpid).values())
            found = results(RUNS, tmp_path / "runs", function, dask=cluster.scheduler_address)
            client.wait_for_workers(2, timeout=60)
            after = set(client.run(os.getpid).values())
    assert found == {k: 2 * k for k in range(5)}
    assert (tmp_path / "died").exists()
    assert len(before - after) == 1
    assert results(RUNS, tmp_path / "runs") == found  # all from the files
