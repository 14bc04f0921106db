"""An experiment from its plan to its folder, and the task on which time constants matter."""

import json
from dataclasses import replace

import pytest

pytest.importorskip("norse")

from hetlava.experiments import robust_learning
from hetlava.experiments.experiment import Results, run_rows
from hetlava.experiments.plans import Options, Row, of_part, seeded
from hetlava.experiments.results import write_results, write_tables
from hetlava.experiments.settings import base_trial
from hetlava.experiments.trials import Trial
from hetlava.train.config import TrainConfig


def tiny_rows(outcomes):
    """A row, and one more that depends on what came of it."""
    config = TrainConfig(dataset="interval", dt=4e-3, n_steps=30, hidden=(4,), epochs=1,
                         trainer="norse", readout="last")  # fmt: skip
    base = Trial(config=config, n_train=24, n_test=12)
    rows = [Row(part="tiny", label="first", trials=seeded(base, 2))]
    if all(trial in outcomes for trial in rows[0].trials):
        later = replace(base, scale=2.0)
        rows.append(Row(part="tiny", label="then", trials=seeded(later, 1)))
    return rows


def test_a_plan_is_run_to_its_end_and_not_twice(tmp_path):
    told = []
    outcomes = run_rows(tiny_rows, tmp_path / "out", on_trial=lambda run, _: told.append(run.name))
    assert len(outcomes) == 3
    assert told == ["first, seed 0", "first, seed 1", "then, seed 0"]

    files = {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "runs").iterdir()}
    assert run_rows(tiny_rows, tmp_path / "out") == outcomes
    assert {path: path.stat().st_mtime_ns for path in files} == files


def test_a_result_holds_configurations_outcomes_and_statistics(tmp_path):
    outcomes = run_rows(tiny_rows, tmp_path)
    results = Results(Options(dataset="interval"), tiny_rows(outcomes), outcomes)
    write_tables(tmp_path, "tiny", results, [])

    content = json.loads((tmp_path / "results.json").read_text())

    assert (content["format"], content["version"]) == ("hetlava.experiment", 1)
    assert [len(row["runs"]) for row in content["rows"]] == [2, 1]
    run = content["runs"][content["rows"][1]["runs"][0]]
    assert run["config"]["scale"] == 2.0 and set(run["accuracies"]) == {"1"}
    assert run["taus"][0]["mem_after"]["n"] == 4


@pytest.mark.slow
@pytest.mark.timeout(900)  # 80 s of CPU, on a machine that may be busy
def test_learning_time_constants_tells_intervals_apart(tmp_path):
    """The one task of the experiments on which it makes a difference that three seeds can show."""
    options = Options(dataset="interval", parts=("main",))
    named = {"HomStd", "HomHet"}

    def two_rows(outcomes):
        return [row for row in robust_learning.plan(options, {}) if row.label in named]

    outcomes = run_rows(two_rows, tmp_path)

    mean = {
        row.label: sum(outcomes[trial].accuracy() for trial in row.trials) / 3
        for row in of_part(two_rows(outcomes), "main")
    }
    assert base_trial(options).config.recurrent is False
    assert mean["HomHet"] - mean["HomStd"] >= 0.05


@pytest.mark.slow
def test_an_experiment_leaves_tables_and_figures(tmp_path):
    pytest.importorskip("matplotlib")
    options = Options(dataset="interval", seeds=1, parts=("main",), epochs=1)
    outcomes = run_rows(lambda done: robust_learning.plan(options, done), tmp_path)
    rows = robust_learning.plan(options, outcomes)
    write_results(tmp_path, "robust-learning", robust_learning, Results(options, rows, outcomes))
    assert {path.name for path in tmp_path.iterdir()} == {
        "runs", "checkpoints", "results.json", "table.md",
        "accuracies.png", "accuracies.svg", "taus.png", "taus.svg",
    }  # fmt: skip
