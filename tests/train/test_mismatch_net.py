"""Training on virtual dies: a new one in every batch, none of those that are counted from 0."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from hetlava.errors import ValidationError
from hetlava.hardware.mismatch_presets import PRESETS
from hetlava.sim import floating
from hetlava.train.batches import dense
from hetlava.train.config import TrainConfig
from hetlava.train.fit import binned, build, fit
from hetlava.train.mismatch_net import FIRST_DIE, MismatchNet

pytestmark = pytest.mark.lava


def config(**asked):
    return TrainConfig(
        **{"dataset": "bars", "dt": 1e-3, "n_steps": 20, "hidden": (16,), "epochs": 1, **asked}
    )


@pytest.fixture(params=["slayer", "norse"])
def made(request, bars):
    pytest.importorskip(request.param if request.param == "norse" else "lava")
    asked = config(trainer=request.param, recurrent=request.param == "norse")
    data = binned(bars[0], asked)
    net = MismatchNet(build(asked, data, 3), PRESETS["bss2-uncalibrated"])
    return net, dense(data.spikes, np.arange(20)), data.spikes.samples(0, 20)


def rng_of(seed):
    return torch.Generator().manual_seed(seed)


def test_batches_meet_dies_and_tests_the_network_itself(made):
    net, x, _ = made
    one, same, other = (net(x, 0.0, rng_of(s))[0] for s in (1, 1, 2))
    assert torch.equal(one, same) and not torch.equal(one, other)
    assert all(torch.equal(a, b) for a, b in zip(net(x), net.inner(x), strict=True))


def test_without_mismatch_a_die_is_the_network(made):
    net, x, events = made
    # no range of the chip is left by the time constants of this network, nothing is rounded
    still = MismatchNet(net.inner, replace(PRESETS["ideal"], weight_bits=0))
    expected = floating.run(net.to_network(20, {}), events)
    for y, spikes in zip(still.on_die(x, 0), expected.spikes, strict=True):
        differing = (y.detach().numpy().transpose(2, 0, 1) > 0) != spikes.to_dense()
        # float32 against float64 at a threshold
        assert differing.mean() < 1e-3


def test_gradients_reach_weights_and_time_constants(made):
    net, x, _ = made
    sum(y.sum() for y in net(x, 0.0, rng_of(1))).backward()
    for parameter in (*net.weights(), *net.log_taus()):
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0


def test_training_dies_are_none_that_a_user_counts(made, monkeypatch):
    net, x, _ = made
    seeds = []
    on_die = MismatchNet.on_die
    monkeypatch.setattr(
        MismatchNet, "on_die", lambda self, x, s, *a: seeds.append(s) or on_die(self, x, s, *a)
    )
    rng = rng_of(0)
    for _ in range(3):
        net(x, 0.0, rng)
    assert len(set(seeds)) == 3 and min(seeds) >= FIRST_DIE


def test_equal_runs_give_equal_weights_and_say_what_they_met(bars):
    asked = config(mismatch="bss2-calibrated", mismatch_changes=("tau_mem=0.2",))
    one, same = (fit(asked, *bars) for _ in range(2))
    plain = fit(replace(asked, mismatch="", mismatch_changes=()), *bars)
    assert one == same and one.projections != plain.projections
    assert one.metadata["config"]["mismatch_changes"] == ["tau_mem=0.2"]


def test_impossible_mismatch_is_refused_before_training():
    with pytest.raises(ValidationError, match="mismatch 'x' is unknown"):
        config(mismatch="x")
    with pytest.raises(ValidationError, match="but no mismatch"):
        config(mismatch_changes=("tau_mem=0.2",))
