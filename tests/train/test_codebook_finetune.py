"""Fine-tuning with shared decays: what it trains on is what the chip gets, and it helps."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from hetlava.chips import LOIHI1
from hetlava.errors import FormatError, UnsupportedError, ValidationError
from hetlava.hardware.core_sharing import Sharing, quantise_sharing
from hetlava.sim import engine
from hetlava.train.batches import dense
from hetlava.train.codebook_finetune import FineTuning, finetune, pairs_of
from hetlava.train.config import TrainConfig
from hetlava.train.fit import fit
from hetlava.train.log_tau import LogTau
from hetlava.train.rebuild import config_of, rebuild
from hetlava.train.shared_words import SharedWords, share_words

pytestmark = pytest.mark.lava

SLAYER = TrainConfig(
    dataset="bars", dt=1e-3, n_steps=25, hidden=(10,), epochs=3, batch=8, seed=5, device="cpu"
)
NORSE = replace(SLAYER, trainer="norse", recurrent=True, readout="mean")
K = 3


def shared(net, k=K):
    return quantise_sharing(net, LOIHI1, None, Sharing(k=k))


@pytest.fixture(params=[SLAYER, NORSE, replace(NORSE, readout="spike-count", recurrent=False)])
def trained(request, bars):
    return fit(request.param, bars[0])


def test_what_is_trained_has_the_spikes_of_the_chip(bars):
    net = fit(SLAYER, bars[0])
    quantised, spikes = shared(net), bars[1].binned(SLAYER.dt, SLAYER.n_steps)
    trainable = rebuild(net, SLAYER)
    share_words(trainable, [pairs_of(net, quantised, p.name) for p in net.populations])
    with torch.no_grad():
        layers = trainable(dense(spikes, np.arange(bars[1].n)))
    for layer, on_chip in zip(layers, engine.run(quantised, spikes).spikes, strict=True):
        assert on_chip.n_events
        assert torch.equal(layer, dense(on_chip, np.arange(bars[1].n)))


def test_sharing_again_after_it_loses_nothing(trained, bars):
    tuned = finetune(trained, shared(trained), bars[0], FineTuning(epochs=2))
    again = shared(tuned)
    for p in tuned.populations:
        words = pairs_of(tuned, again, p.name)
        assert len(words.syn) <= K
        plain = pairs_of(tuned, quantise_sharing(tuned, LOIHI1, None, Sharing(k=99)), p.name)
        assert all(np.array_equal(a, b) for a, b in zip(words, plain, strict=True))
    for row in again.provenance["budget"]:
        if row["kind"] == "population" and tuned.discretisation == "exponential":
            # float32 logarithms of the words' time constants
            assert row["tau_mem"]["worst"] < 1e-2 and row["tau_syn"]["worst"] < 1e-2


def test_weights_and_words_are_trained_and_sharers_stay(trained, bars):
    before = shared(trained)
    tuned = finetune(trained, before, bars[0], FineTuning(epochs=2, rate=2.0))
    after = shared(tuned)
    moved = False
    for p in tuned.populations:
        old, new = pairs_of(trained, before, p.name), pairs_of(tuned, after, p.name)
        moved = moved or not np.array_equal(old.mem, new.mem)
        # two words may have become one, none has become two
        groups = {*zip(old.assignment.tolist(), new.assignment.tolist(), strict=True)}
        assert len(groups) == len(old.mem)
    assert moved
    pairs = zip(trained.projections, tuned.projections, strict=True)
    assert all(not np.array_equal(a.weights, b.weights) for a, b in pairs)


def test_gradients_of_sharers_add_up_in_their_word():
    words = SharedWords(LogTau, 2, np.array([0, 1, 0], np.int32))
    p = torch.tensor([2.0, 3.0], dtype=torch.float64, requires_grad=True)
    upstream = torch.tensor([1.0, 10.0, 100.0], dtype=torch.float64)
    (words(p) * upstream).sum().backward()
    step = 1e-6
    for k in range(2):
        moved = p.detach().clone()
        moved[k] += step
        difference = ((words(moved) - words(p.detach())) * upstream).sum() / step
        # a one-sided difference of a smooth function
        assert float(p.grad[k]) == pytest.approx(float(difference), rel=1e-5)


def test_a_stopped_run_goes_on_to_the_same_bits(bars, tmp_path):
    net = fit(SLAYER, bars[0])
    path = tmp_path / "tuning.ckpt"
    whole = finetune(net, shared(net), bars[0], FineTuning(epochs=3))

    def stop(metrics):
        if metrics.epoch == 2:
            raise KeyboardInterrupt

    tuning = FineTuning(epochs=3, checkpoint=path)
    with pytest.raises(KeyboardInterrupt):
        finetune(net, shared(net), bars[0], tuning, on_epoch=stop)
    resumed = finetune(net, shared(net), bars[0], replace(tuning, resume=True))
    assert all(a == b for a, b in zip(whole.populations, resumed.populations, strict=True))
    assert all(a == b for a, b in zip(whole.projections, resumed.projections, strict=True))


def test_a_checkpoint_of_other_sharers_is_refused(bars, tmp_path):
    net = fit(SLAYER, bars[0])
    tuning = FineTuning(epochs=1, checkpoint=tmp_path / "tuning.ckpt")
    finetune(net, shared(net), bars[0], tuning)
    book = shared(net)
    population = book.populations[0]
    registers = population.registers
    turned = replace(registers, dv=np.roll(registers.dv, 1), du=np.roll(registers.du, 1))
    other = replace(
        book, populations=(replace(population, registers=turned), *book.populations[1:])
    )
    with pytest.raises(FormatError, match="other neurons share words"):
        finetune(net, other, bars[0], replace(tuning, resume=True))


def test_networks_that_hetlava_did_not_train_are_refused(bars):
    net = fit(SLAYER, bars[0])
    with pytest.raises(UnsupportedError, match="does not say how it was trained"):
        finetune(replace(net, metadata={}), shared(net), bars[0], FineTuning(epochs=1))
    odd = {**net.metadata, "config": {**net.metadata["config"], "colour": "red"}}
    with pytest.raises(UnsupportedError, match="colour"):
        config_of(replace(net, metadata=odd))
    weights = net.projections[0].weights + 0.001  # off the grid that training writes
    first = replace(net.projections[0], weights=weights)
    with pytest.raises(UnsupportedError, match="weights input -> hidden1"):
        rebuild(replace(net, projections=(first, *net.projections[1:])), SLAYER)


@pytest.mark.parametrize(
    ("asked", "message"),
    [({"epochs": 0}, "0 epochs"), ({"epochs": 1, "rate": 0.0}, "expected above 0")],
)
def test_impossible_runs_are_refused(asked, message):
    with pytest.raises(ValidationError, match=message):
        FineTuning(**asked)
