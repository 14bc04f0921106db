"""``hetlava yield`` and ``hetlava tune`` as a user calls them."""

import json

import pytest

QUICK = ("--data", "digits", "--limit", 12, "--dies", 3)


@pytest.fixture
def twin(model, digits_network):
    from hetlava.train.model_file import write_model

    write_model(model.with_name("twin.pt"), digits_network)
    return model.with_name("twin.pt")


def test_yield_prints_draws_and_writes(hetlava, model, twin, tmp_path):
    pytest.importorskip("matplotlib")
    out, picture, log = (tmp_path / n for n in ("y.json", "y.png", "y.log"))
    options = ("--json", out, "--figure", picture, "--log", log, "--above", 10)
    done = hetlava("yield", model, twin, *QUICK, "--mismatch", "bss2-uncalibrated", *options)
    assert done.code == 0, done.err
    assert "bss2-sim, bss2-uncalibrated, 3 dies, 12 samples of digits" in done.out
    content = json.loads(out.read_text())
    one, two = content["networks"]
    assert one["name"] == "model" and one["dies"] == two["dies"]
    assert one["statistics"]["n_dies"] == len(one["dies"]) == 3
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert len(log.read_text().splitlines()) == 1 + 2 * 3
    again = hetlava("yield", model, twin, *QUICK, "--mismatch", "bss2-uncalibrated", *options)
    assert again.code == 0 and json.loads(out.read_text()) == content
    assert len(log.read_text().splitlines()) == 1 + 2 * 3


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--target", "loihi2-sim"), "no virtual dies"),
        (("--mismatch", "bss3"), "'bss3' is unknown"),
        (("--set", "tau_mem=-1"), "tau_mem is -1.0"),
        (("--set", "tau_mem=nan"), "not a plain number"),
    ],
)
@pytest.mark.parametrize("command", ["yield", "tune"])
def test_impossible_dies_are_refused(hetlava, model, command, options, words):
    done = hetlava(command, model, *options)
    assert done.code == 2 and words in done.err and "Traceback" not in done.err
    assert [p.name for p in model.parent.iterdir()] == ["model.pt"]


@pytest.mark.slow
def test_tune_trains_on_and_its_network_runs(hetlava, model):
    done = hetlava("tune", model, "--chip-seed", 3, "--data", "digits", "--epochs", 1)
    assert done.code == 0 and "epoch   1" in done.out, done.err
    tuned = model.with_name("model.tuned.pt")
    assert tuned.is_file()
    assert hetlava("yield", tuned, *QUICK).code == 0
