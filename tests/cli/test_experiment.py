"""``hetlava experiment`` and ``hetlava sweep`` as a user calls them."""

import json

import pytest

pytest.importorskip("norse")


@pytest.mark.timeout(900)  # the first to run compiles, on a machine that may be busy
def test_a_sweep_prints_writes_and_goes_on_where_it_was(hetlava, tmp_path):
    out = tmp_path / "sweep"
    grid = ("--norse", "interval", "--set", "epochs=1", "--set", "n_steps=8,12",
            "--set", "hidden=4", "--out", out)  # fmt: skip
    first = hetlava("sweep", *grid)
    assert first.code == 0, first.err
    assert "epochs=1, n_steps=12, hidden=4" in first.out and "fitted to the test" not in first.err

    again = hetlava("sweep", *grid, "--seeds", 2)

    assert again.code == 0, again.err
    content = json.loads((out / "results.json").read_text())
    assert [len(row["runs"]) for row in content["rows"]] == [2, 2]
    assert len(list((out / "runs").iterdir())) == len(content["runs"]) == 4
    assert "| epochs=1, n_steps=8, hidden=4 |" in (out / "table.md").read_text()


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (("experiment", "none"), "experiment 'none' is unknown; known: robust-learning"),
        (("experiment", "robust-learning", "--data", "cifar"), "none of this experiment's"),
        (("experiment", "robust-learning", "--scale", "huge"), "expected small or paper"),
        (("experiment", "robust-learning", "--part", "all"), "part 'all' is unknown"),
        (("experiment", "robust-learning", "--data", "shd"), "no setting of scale small"),
        (("sweep",), "name one data set"),
        (("sweep", "--slayer", "digits", "--set", "lr"), "expected a field and values"),
        (("sweep", "--slayer", "digits", "--set", "lr=0"), "lr is 0.0, expected above 0"),
    ],
)
def test_bad_input_is_one_line_and_code_2(hetlava, tmp_path, monkeypatch, command, message):
    monkeypatch.chdir(tmp_path)
    done = hetlava(*command)
    assert done.code == 2
    assert message in done.err and done.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
