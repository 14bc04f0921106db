"""Penalties are read from text and are what they say."""

from types import SimpleNamespace

import pytest
import torch

from hetlava.errors import ValidationError
from hetlava.train.regularisers import Rate, Variance, parse_regulariser

NET = SimpleNamespace(
    dt=1e-3, values=lambda parameter: [torch.tensor([10.0, 20.0]), torch.tensor([5.0, 5.0, 8.0])]
)


def test_texts_stand_for_regularisers():
    assert parse_regulariser("variance:0.01") == Variance(0.01)
    assert parse_regulariser(" rate: 20 Hz, 0.1") == Rate(20.0, 0.1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "unknown"),
        ("l3:1", "regulariser 'l3' is unknown; known, as examples: variance:0.01"),
        ("variance", "0 number"),
        ("variance:1,2", r"2 number\(s\), expected 1"),
        ("variance:nan", "not a plain number"),
        ("variance:0", "above 0"),
        ("rate:20Hz", r"1 number\(s\), expected 2"),
        ("rate:20,1", "no unit"),
        ("rate:0Hz,1", "above 0"),
        ("rate:xHz,1", "not a plain number"),
    ],
)
def test_what_stands_for_nothing_is_refused(text, message):
    with pytest.raises(ValidationError, match=message):
        parse_regulariser(text)


def test_variance_is_that_of_each_layer_in_steps():
    assert float(Variance(0.5).penalty(NET, [])) == 0.5 * (25 + 2)


def test_rates_are_compared_neuron_by_neuron():
    spikes = torch.zeros(2, 2, 100)
    spikes[:, 0, :2] = 1  # 20 Hz, the other neuron is silent

    assert float(Rate(20.0, 0.1).penalty(NET, [spikes])) == pytest.approx(0.1 * (0 + 1) / 2)
