"""``hetlava export --finetune``: training with shared decays from the command line."""

import pytest

from hetlava.export.net_hdf5 import read

pytestmark = pytest.mark.lava


@pytest.fixture
def trained(tmp_path):
    """A small network that was trained a little on digits."""
    from hetlava.datasets import load
    from hetlava.train.config import config_for
    from hetlava.train.fit import fit
    from hetlava.train.model_file import write_model

    config = config_for("digits", hidden=(12,), epochs=2, device="cpu")
    write_model(tmp_path / "model.pt", fit(config, load("digits", "train")))
    return tmp_path / "model.pt"


def test_export_trains_with_the_codebook_and_verify_finds_what_it_wrote(hetlava, trained):
    options = ["--target", "loihi1", "--codebook", 2]
    outcome = hetlava("export", trained, *options, "--finetune", 2)
    assert outcome.code == 0, outcome.err
    assert "shared decays" in outcome.out and "fine-tuned" in outcome.out
    registers = read(trained.with_suffix(".net")).population("hidden1").registers
    assert len({*zip(registers.du.tolist(), registers.dv.tolist(), strict=True)}) <= 2
    tuned = trained.with_name("model-finetuned.pt")
    # the drop is that of rounding alone: the words of the file are those of the chip
    checked = hetlava("verify", tuned, "--data", "digits", *options, "--max-drop", 1)
    assert checked.code == 0, checked.err + checked.out
    # and this one what fine-tuning, sharing and rounding cost together
    lost = hetlava("verify", trained, "--data", "digits", "--net", trained.with_suffix(".net"))
    assert "integers" in lost.out and lost.code in (0, 1)
    refused = hetlava("verify", trained, "--net", trained.with_suffix(".net"), *options)
    assert refused.code == 2 and "--net takes no options of rounding" in refused.err
    again = hetlava("export", trained, *options, "--finetune", 2, "--resume")
    assert again.code == 0 and "2/2" in again.out


def test_export_weighs_neurons_by_what_it_measures_on_the_training_samples(hetlava, trained):
    pairs = {}
    for weights in ("none", "spikes", "loss"):
        options = ["--codebook", 3, "--codebook-weights", weights]
        outcome = hetlava("export", trained, "--target", "loihi1", *options)
        assert outcome.code == 0, outcome.err
        net = read(trained.with_suffix(".net"))
        assert bool(net.provenance["codebook"]["weights"]) == (weights != "none")
        pairs[weights] = net.population("hidden1").registers.dv.tolist()
    assert pairs["none"] != pairs["loss"]


def test_export_makes_up_for_truncation_with_and_without_a_codebook(hetlava, trained):
    hetlava("export", trained, "--target", "loihi2")
    plain = read(trained.with_suffix(".net")).population("hidden1").registers
    hetlava("export", trained, "--target", "loihi2", "--make-up-leak")
    made_up = read(trained.with_suffix(".net")).population("hidden1").registers
    assert (made_up.dv <= plain.dv).all() and (made_up.dv < plain.dv).any()
    outcome = hetlava("export", trained, "--codebook", 4, "--make-up-leak", "--data", "digits")
    assert outcome.code == 0, outcome.err


def test_more_pairs_than_a_core_holds_are_told_with_the_source(hetlava, model):
    outcome = hetlava("export", model, "--target", "loihi1", "--codebook", 32)
    assert outcome.code == 0 and "more than the 31 of a core of loihi1" in outcome.out
    assert "validate_core allows 32, build_core asserts < 32" in " ".join(outcome.out.split())


def test_export_folds_thresholds(hetlava, model):
    outcome = hetlava("export", model, "--target", "loihi2", "--fold-thresholds")
    assert outcome.code == 0, outcome.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--finetune", 2], "add --codebook"),
        (["--resume"], "--resume belongs to --finetune"),
        (["--codebook", 2, "--finetune", 0], "0 epochs, expected at least 1"),
        (["--data", "digits"], "--data belongs to --format lava, --finetune"),
        (["--codebook-weights", "loss"], "add --codebook"),
        (["--codebook", 2, "--codebook-weights", "fame"], "known: none, spikes, loss"),
        (["--make-up-leak"], "does not say its data set"),
        (["--codebook", 2, "--finetune", 1, "--fold-thresholds"], "fold thresholds later"),
        (["--codebook", 2, "--finetune", 1], "does not say how it was trained"),
    ],
)
def test_impossible_fine_tuning_is_refused(hetlava, model, options, message):
    outcome = hetlava("export", model, "--target", "loihi1", *options)
    assert outcome.code == 2 and message in outcome.err
    assert not model.with_suffix(".net").exists()
