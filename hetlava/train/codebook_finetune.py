"""Fine-tuning with the codebook in the loop: weights and shared decay words trained together.

A network that was trained with a decay for every neuron loses by sharing. Here it is trained on
with the words that it was given: every forward pass has the rounded words and weights that the
chip will hold, the backward pass goes straight through the rounding, and the gradients of all
neurons that share a word add up in it. Who shares with whom stays.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from hetlava.datasets.recordings import Recordings
from hetlava.declaration_text import by_parameter, written
from hetlava.declarations import TIMES
from hetlava.errors import ValidationError
from hetlava.network import Network, Plain
from hetlava.quantised import QuantisedNetwork
from hetlava.train.config import TrainConfig
from hetlava.train.fit import OnEpoch, binned, choose_device, run_epochs, threads
from hetlava.train.loop import OnBatch
from hetlava.train.rebuild import config_of, rebuild
from hetlava.train.regularisers import L2, parse_regulariser
from hetlava.train.shared_words import Pairs, settle, share_words
from hetlava.units import format_number

RATE = 0.25  # of the rates that the network was trained with, to begin with


@dataclass(frozen=True, kw_only=True)
class FineTuning:
    """How long and how fast.

    Attributes
    ----------
    epochs : int
    rate : float
        Learning rates to begin with, in those of the network's training; they halve twice.
    checkpoint : Path or None
        Written before the first and after every epoch.
    resume : bool
        Go on from it.
    """

    epochs: int
    rate: float = RATE
    checkpoint: Path | None = None
    resume: bool = False

    def __post_init__(self) -> None:
        if self.epochs < 1:
            raise ValidationError(f"fine-tuning for {self.epochs} epochs, expected at least 1")
        if not 0 < self.rate < 1e3:
            raise ValidationError(f"fine-tuning at {self.rate} of the rates, expected above 0")


def finetune(
    net: Network,
    shared: QuantisedNetwork,
    train: Recordings,
    tuning: FineTuning,
    *,
    test: Recordings | None = None,
    on_batch: OnBatch = lambda done, n_batches: None,
    on_epoch: OnEpoch = lambda metrics: None,
) -> Network:
    """Train a network on with the decay words that its neurons share.

    Parameters
    ----------
    net : Network
        As one of hetlava's trainers wrote it.
    shared : QuantisedNetwork
        The same network in registers, with its decays shared: who shares, and the first words.
    train : Recordings
        What to train on.
    test : Recordings, optional
        Classified after every epoch; nothing of it enters the training.

    Returns
    -------
    Network
        With as many distinct pairs of time constants as ``shared`` at most, each that of a word:
        sharing again loses nothing.

    Raises
    ------
    UnsupportedError
        If the network was not written by a trainer.
    ValidationError
        If ``shared`` is of another network, or a checkpoint of another run.
    TrainingError
        If the loss or a gradient is not finite.
    """
    config = tuned_config(config_of(net), tuning)
    pairs = [pairs_of(net, shared, p.name) for p in net.populations]
    with threads(config.threads):
        trainable = rebuild(net, config)
        share_words(trainable, pairs)
        held_out = None if test is None else binned(test, config)
        run_epochs(
            trainable.to(choose_device(config.device)),
            config,
            (binned(train, config), held_out),
            (tuning.checkpoint, tuning.resume),
            on_batch,
            on_epoch,
        )
        settle(trainable)
        note: dict[str, Plain] = {"epochs": tuning.epochs, "rate": tuning.rate}
        metadata = {**net.metadata, "finetuned with shared decays": note}
        return trainable.to_network(net.n_steps, metadata)


def tuned_config(config: TrainConfig, tuning: FineTuning) -> TrainConfig:
    """Return the training run that fine-tuning is: slower, shorter, otherwise the same.

    Shared words are learned as logarithms, whatever time constants were learned as.
    """
    rates = {
        name: format_number(float(rate) * tuning.rate)
        for name, rate in by_parameter("lr_of", config.lr_of).items()
        if config.heterogeneity[name].space in ("log-tau", "linear")
    }
    # words begin elsewhere than the time constants that such a penalty held where they were
    kept = [text for text in config.regularise if not _holds_taus(text)]
    return replace(
        config,
        epochs=tuning.epochs,
        lr=config.lr * tuning.rate,
        lr_tau=config.lr_tau * tuning.rate,
        lr_of=written(rates),
        regularise=tuple(kept),
        half_life=max(tuning.epochs / 2, 1.0),
    )


def _holds_taus(text: str) -> bool:
    penalty = parse_regulariser(text)
    return isinstance(penalty, L2) and penalty.parameter in TIMES


def pairs_of(net: Network, shared: QuantisedNetwork, name: str) -> Pairs:
    """Return the pairs of a population in ``shared``, sorted, and the pair of each neuron."""
    registers, n = shared.population(name).cuba, net.population(name).neurons.n
    if registers.n != n or shared.dt != net.dt:
        raise ValidationError(f"{name}: the shared network has other neurons or another dt")
    words = np.stack([registers.du + shared.digital.du_offset, registers.dv], axis=1)
    table, rows = np.unique(words, axis=0, return_inverse=True)
    return Pairs(
        table[:, 0].astype(np.int32), table[:, 1].astype(np.int32), rows.ravel().astype(np.int32)
    )
