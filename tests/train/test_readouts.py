"""What a trainer calls an output is what a recording scores, and it can always be learned."""

import numpy as np
import pytest
import torch

from hetlava.events import from_dense
from hetlava.recording import score
from hetlava.train.readouts import LOGIT, LOGIT_VOLTAGE, READOUTS, logits


@pytest.mark.parametrize("name", READOUTS)
def test_log_odds_are_the_scores_of_a_recording(rng, name):
    v = rng.normal(size=(7, 5, 3))
    v[0] = 0
    spikes = from_dense(v > 1)
    is_count = name == "spike-count"
    output = torch.tensor((v > 1) * 1.0 if is_count else v).permute(1, 2, 0)

    found = logits(READOUTS[name], output, 4.0).numpy()

    unit = LOGIT if is_count else LOGIT_VOLTAGE / 4
    # a mean may be summed in another order
    assert np.allclose(found, unit * score(READOUTS[name], spikes, v), rtol=1e-14, atol=1e-15)


def gradient(v, direction):
    v = torch.tensor(v, requires_grad=True)
    (direction * logits("max-voltage", v[None, None], LOGIT_VOLTAGE)).sum().backward()
    return v.grad.tolist()


def test_the_gradient_of_a_maximum_goes_to_its_step():
    assert gradient([0.0, 2.0, 1.0], 1.0) == [0, 1, 0]


def test_a_voltage_that_only_falls_is_raised_where_something_arrived_but_never_lowered():
    falling = [0.0, 0.0, -1.0, -2.0]

    assert gradient(falling, -1.0) == [0, 0, -1, 0]
    assert gradient(falling, 1.0) == [0, 0, 0, 0]
