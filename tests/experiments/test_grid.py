"""Grids of configurations, as they are written."""

import pytest

from hetlava.errors import ValidationError
from hetlava.experiments.grid import axis, grid_rows, value_of
from hetlava.train.config import config_for


@pytest.fixture
def config():
    return config_for("digits")


def test_a_grid_is_every_combination_with_every_seed(config):
    rows = grid_rows(config, ["lr=0.01,0.003", "hidden=16,8+4"], 2)
    assert [row.label for row in rows] == [
        "lr=0.01, hidden=16", "lr=0.01, hidden=8+4", "lr=0.003, hidden=16", "lr=0.003, hidden=8+4",
    ]  # fmt: skip
    last = rows[-1].trials
    assert [t.config.seed for t in last] == [0, 1]
    assert (last[0].config.lr, last[0].config.hidden) == (0.003, (8, 4))


def test_distributions_stand_apart_by_semicolons():
    assert axis("tau-mem=gamma:20ms,shape=3; constant:20ms") == (
        "tau_mem",
        ("gamma:20ms,shape=3", "constant:20ms"),
    )


def test_swept_layers_of_images_get_the_image_of_the_data():
    rows = grid_rows(config_for("digits"), ["hidden=16,4c3+2p+8"], 1)

    assert [row.trials[0].config.hidden for row in rows] == [(16,), ("4c3", "2p", 8)]
    assert [row.trials[0].config.image for row in rows] == [None, (1, 8, 8)]


def test_nothing_swept_is_the_preset(config):
    assert grid_rows(config, [], 1)[0].trials[0].config == config


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lr", "expected a field and values"),
        ("lr=", "expected a field and values"),
        ("seed=1,2", "seed is unknown"),
        ("rate=1", "rate is unknown; known: dt, n_steps, hidden"),
        ("lr=fast", "'fast' is no float"),
        ("epochs=1.5", "'1.5' is no int"),
        ("qat=maybe", "'maybe' is no bool"),
        ("lr=-1", "lr is -1.0, expected above 0"),
        ("tau_mem=gamma:20ms", "key 'shape' is missing"),
    ],
)
def test_impossible_values_are_refused(config, text, message):
    with pytest.raises(ValidationError, match=message):
        grid_rows(config, [text], 1)


def test_a_field_set_twice_is_refused(config):
    with pytest.raises(ValidationError, match="set twice"):
        grid_rows(config, ["lr=0.01", "lr=0.02"], 1)


def test_values_have_the_types_of_their_fields():
    assert value_of("dt", "0.001") == 0.001
    assert value_of("recurrent", "true") is True
    assert value_of("regularise", "variance:0.1+rate:20Hz") == ("variance:0.1", "rate:20Hz")
