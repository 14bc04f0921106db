"""``hetlava train --config``, ``--print-config``, and what ``inspect`` shows of the training."""

import pytest

pytest.importorskip("norse")
pytest.importorskip("sklearn")

SPEC = """
trainer = "norse"
dataset = "digits"
hidden = [12]
batch = 256
n_steps = 15
epochs = 1

[heterogeneity.threshold]
distribution = "uniform:0.5V,1.5V"
learn = "neuron"
"""


@pytest.fixture
def spec(tmp_path):
    path = tmp_path / "spec.toml"
    path.write_text(SPEC)
    return path


def test_a_run_is_printed_as_the_file_that_asks_for_it(hetlava, spec):
    once = hetlava("train", "--config", spec, "--rest", "-0.25V", "--seed", 4, "--print-config")
    spec.write_text(once.out)
    again = hetlava("train", "--config", spec, "--print-config")

    assert once.code == again.code == 0, once.err + again.err
    assert once.out == again.out
    assert "seed = 4\n" in once.out and "distribution = -0.25\n" in once.out
    assert 'learn = "neuron"' in once.out


def test_a_wrong_file_is_named_and_nothing_is_trained(hetlava, spec, tmp_path):
    spec.write_text(SPEC + "lern = 'layer'\n")
    outcome = hetlava("train", "--config", spec, "--out", tmp_path / "model.pt")

    assert outcome.code == 2 and "Traceback" not in outcome.err
    assert "heterogeneity.threshold: key 'lern' is unknown; did you mean learn" in outcome.err
    assert not (tmp_path / "model.pt").exists()


def test_inspect_shows_parameters_before_and_after(hetlava, spec, tmp_path):
    pytest.importorskip("matplotlib")
    model, picture = tmp_path / "model.pt", tmp_path / "taus.png"
    assert hetlava("train", "--config", spec, "--out", model).code == 0

    shown = hetlava("inspect", model, "--figure", picture)

    assert shown.code == 0, shown.err
    assert "Membrane time constants before and after, in ms" in shown.out
    assert "Thresholds before and after, in V" in shown.out
    assert "Resting potentials" not in shown.out
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_figure_is_of_a_trained_model(hetlava, model, tmp_path):
    picture = tmp_path / "taus.png"
    for what, message in ((model, "does not keep its neurons"), ("digits", "is no model.pt")):
        outcome = hetlava("inspect", what, "--figure", picture)
        assert outcome.code == 2 and message in outcome.err
    assert not picture.exists()
