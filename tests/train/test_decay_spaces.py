"""Time constants learned as logarithms, decays and logits: equal decays, right gradients, clips."""

import numpy as np
import pytest
import torch

from hetlava.declarations import CLIPS, Clip
from hetlava.train.building import adam, draw, library
from hetlava.train.config import TrainConfig
from hetlava.train.decay_spaces import InSpace, log_range
from hetlava.train.log_tau import EulerWord, LogTau

SPACES = ("log-tau", "decay", "logit")
KINDS = (LogTau, EulerWord)


def module_of(tau, kind, space, clip=CLIPS["chip"], *, shared=False):
    bounds = log_range(clip, 1.0, kind)
    log_tau = torch.tensor(np.log(tau)).clamp(*bounds)
    return InSpace(log_tau, kind, space, bounds, shared=shared)


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("space", SPACES)
def test_every_space_begins_with_the_same_decays(rng, space, kind, shared):
    tau = rng.uniform(1.5, 300, 50)

    module = module_of(tau, kind, space, shared=shared)

    # float64 through a logarithm of a logarithm, of decays down to 4095 / 4096
    assert np.allclose(module.steps(module.start).numpy(), tau, rtol=1e-9)
    expected = kind(torch.zeros(50))(torch.tensor(np.log(tau)))
    assert torch.allclose(module(module.start), expected, rtol=1e-9)


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("space", SPACES)
def test_gradients_are_those_of_finite_differences(rng, space, kind, shared):
    module = module_of(rng.uniform(3, 60, 6), kind, space, shared=shared)
    p = module.start.double().requires_grad_()

    assert torch.autograd.gradcheck(module, (p,), eps=1e-7, atol=1e-3, rtol=1e-5)
    assert torch.autograd.gradcheck(module.steps, (p,), eps=1e-7, atol=1e-3, rtol=1e-5)


@pytest.mark.parametrize("learn", ["layer", "neuron"])
@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("trainer", ["norse", pytest.param("slayer", marks=pytest.mark.lava)])
def test_no_step_leaves_the_clip(trainer, space, learn):
    pytest.importorskip("norse")
    asked = TrainConfig(
        dataset="none",
        dt=1e-3,
        n_steps=20,
        trainer=trainer,
        learn_tau=learn,
        space=(space,),
        clip=("code2021", "tau_syn=3ms,30ms"),
    )
    net = library(asked).make(asked, 5, *draw(asked.heterogeneity, (40, 3), 1))
    for step in (0.0, 1e3, -2e3):
        with torch.no_grad():
            for p in net.log_taus():
                p.add_(step)
        net.project()
        for taus in net.taus():
            # norse takes 1 - dt / tau for the decay; decays are then rounded to 1 / 4096
            decay = 1 - 1e-3 / taus.mem if trainer == "norse" else np.exp(-1e-3 / taus.mem)
            half = 0.5 / 4096 + 1e-7
            assert decay.min() >= 2 / np.e - half and decay.max() <= 0.995 + half
            word = 1 - (1 - 1e-3 / taus.syn if trainer == "norse" else np.exp(-1e-3 / taus.syn))
            low, high = (1 / n if trainer == "norse" else 1 - np.exp(-1 / n) for n in (30, 3))
            assert word.min() >= low - half and word.max() <= high + half


def test_a_shared_value_moves_though_both_ends_of_the_clip_are_met():
    clip = Clip(of="value", low=5.0, high=50.0)
    module = module_of(np.array([1.0, 10.0, 400.0]), LogTau, "log-tau", clip, shared=True)

    assert module.steps(module.start).tolist() == pytest.approx([5, 10, 50])
    assert module.steps(torch.full((1,), np.log(2.0))).tolist() == pytest.approx([10, 20, 50])


def test_each_parameter_learns_at_its_own_rate():
    pytest.importorskip("norse")
    asked = TrainConfig(
        dataset="none",
        dt=1e-3,
        n_steps=20,
        trainer="norse",
        hidden=(7,),
        threshold="uniform:1V,2V",
        learn=("threshold=neuron", "rest=layer"),
        lr_of=("tau_syn=0.5", "threshold=0.25"),
        lr=0.125,
    )
    net = library(asked).make(asked, 5, *draw(asked.heterogeneity, (7, 3), 1))

    groups = {g["lr"]: [p.numel() for p in g["params"]] for g in adam(net, asked).param_groups[:4]}

    assert groups == {0.125: [35, 21], 0.01: [7, 3], 0.5: [7, 3], 0.25: [7, 3]}
    rest = adam(net, asked).param_groups[4]
    assert rest["lr"] == 0.125 and [p.numel() for p in rest["params"]] == [1, 1]
