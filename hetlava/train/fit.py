"""Training: recordings in, a float network out, whichever library steps the neurons."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

import numba
import numpy as np
import torch

from hetlava.datasets.recordings import Recordings
from hetlava.errors import ValidationError
from hetlava.heterogeneity import parse
from hetlava.network import Network, Plain
from hetlava.train.batches import Labelled, shuffled
from hetlava.train.checkpoint import read_checkpoint, restore, write_checkpoint
from hetlava.train.config import TrainConfig
from hetlava.train.log_tau import Taus
from hetlava.train.loop import OnBatch, Tally, epoch_rng, evaluate, learning_rates, train_epoch
from hetlava.train.metrics import EpochMetrics
from hetlava.train.nets import TrainableNet

SPREAD = 0.5  # of the free voltage before training, in thresholds
INIT_BATCH = 128  # samples that the first weights are scaled on

# strings, so that a library is loaded when it is asked for
LIBRARIES: Mapping[str, str] = MappingProxyType(
    {"slayer": "hetlava.train.slayer", "norse": "hetlava.train.norse"}
)


class Library(Protocol):
    """What a trainer's module offers."""

    def make(self, config: TrainConfig, n_inputs: int, taus: list[Taus]) -> TrainableNet:
        """Return a network without weights."""
        ...

    def versions(self) -> dict[str, Plain]:
        """Return the versions of what it is built from."""
        ...


OnEpoch = Callable[[EpochMetrics], None]


def fit(
    config: TrainConfig,
    train: Recordings,
    test: Recordings | None = None,
    *,
    checkpoint: Path | None = None,
    resume: bool = False,
    on_batch: OnBatch = lambda done, n_batches: None,
    on_epoch: OnEpoch = lambda metrics: None,
) -> Network:
    """Train a network; on one kind of CPU, equal calls give equal bits.

    Parameters
    ----------
    test : Recordings, optional
        Classified after every epoch; nothing of it enters the training.
    checkpoint : Path, optional
        Written before the first and after every epoch.
    resume : bool
        Go on from ``checkpoint``; the result is that of a run that was never stopped.
    on_batch : function of (batches done, batches of the epoch)
    on_epoch : function of EpochMetrics

    Raises
    ------
    ValidationError
        If an option or a distribution is impossible, or the checkpoint is of another run.
    TrainingError
        If the loss or a gradient is not finite; the last checkpoint stays.
    DataError, FormatError
        If the checkpoint cannot be written or read.
    MissingPackageError
        If lava-dl or norse, whichever is asked for, is not installed.
    """
    with threads(config.threads):
        return _fit(config, train, test, checkpoint, resume, on_batch, on_epoch)


def _fit(
    config: TrainConfig,
    train: Recordings,
    test: Recordings | None,
    checkpoint: Path | None,
    resume: bool,
    on_batch: OnBatch,
    on_epoch: OnEpoch,
) -> Network:
    data = binned(train, config)
    held_out = None if test is None else binned(test, config)
    net = build(config, data, train.n_classes).to(choose_device(config.device))
    run_epochs(net, config, (data, held_out), (checkpoint, resume), on_batch, on_epoch)
    return net.to_network(config.n_steps, _provenance(config))


def run_epochs(
    net: TrainableNet,
    config: TrainConfig,
    data: tuple[Labelled, Labelled | None],
    checkpoint: tuple[Path | None, bool] = (None, False),
    on_batch: OnBatch = lambda done, n_batches: None,
    on_epoch: OnEpoch = lambda metrics: None,
) -> None:
    """Train a network in place, from where its checkpoint is if it is to resume.

    Parameters
    ----------
    data : (Labelled, Labelled or None)
        What is learned from, and what is classified after every epoch.
    checkpoint : (Path or None, bool)
        Where it is written, and whether to go on from it.

    Raises
    ------
    ValidationError, TrainingError, DataError, FormatError
        As :func:`fit`.
    """
    path, resume = checkpoint
    optimiser, done = _optimiser(net, config), 0
    if resume:
        if path is None:
            raise ValidationError("resume needs the path of a checkpoint")
        saved = read_checkpoint(path, config)
        restore(path, saved, net, optimiser)
        done = saved.epoch
    elif path is not None:
        write_checkpoint(path, config, 0, net, optimiser)
    for epoch in range(done, config.epochs):
        start = time.perf_counter()
        tally = train_epoch(net, optimiser, data[0], config, epoch, on_batch)
        tested = None if data[1] is None else evaluate(net, data[1])
        if path is not None:
            write_checkpoint(path, config, epoch + 1, net, optimiser)
        on_epoch(_metrics(config, epoch, net, tally, tested, time.perf_counter() - start))


@contextmanager
def threads(n: int) -> Iterator[None]:
    """Let PyTorch and the compiled loops use ``n`` threads inside the ``with`` block."""
    before = torch.get_num_threads(), numba.get_num_threads()
    torch.set_num_threads(n)
    numba.set_num_threads(min(n, before[1]))
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        numba.set_num_threads(before[1])


def build(config: TrainConfig, data: Labelled, n_classes: int) -> TrainableNet:
    """Return the untrained network: time constants drawn, weights scaled on a batch of the data."""
    mem, syn = parse(config.tau_mem), parse(config.tau_syn)
    rng = np.random.default_rng(config.seed)
    sizes = (*config.hidden, n_classes)
    taus = [Taus(mem.sample(n, rng), syn.sample(n, rng)) for n in sizes]
    net = library(config).make(config, data.spikes.n_neurons, taus)
    first = epoch_rng(config.seed, -1)
    x, _ = next(shuffled(data, min(INIT_BATCH, data.spikes.n_samples), first))
    net.project()
    net.initialise(x, SPREAD, first)
    return net


def library(config: TrainConfig) -> Library:
    """Return the module that makes the networks of a trainer."""
    module: Library = import_module(LIBRARIES[config.trainer])
    return module


def choose_device(asked: str) -> torch.device:
    """Return the device to train on.

    Raises
    ------
    ValidationError
        If CUDA is asked for and there is none.
    """
    if asked == "cuda" and not torch.cuda.is_available():
        raise ValidationError("device cuda: PyTorch finds no CUDA device; use --device cpu")
    name = "cuda" if asked != "cpu" and torch.cuda.is_available() else "cpu"
    return torch.device(name)


def binned(recordings: Recordings, config: TrainConfig) -> Labelled:
    """Return the spikes of recordings in the steps of a training run.

    Raises
    ------
    ValidationError
        If there are none.
    """
    if recordings.n == 0:
        raise ValidationError(f"{recordings.name}: there is no {recordings.split} recording")
    return Labelled(recordings.binned(config.dt, config.n_steps), recordings.labels)


def _optimiser(net: TrainableNet, config: TrainConfig) -> torch.optim.Optimizer:
    lr, lr_tau = learning_rates(config, 0)
    groups = [{"params": net.weights(), "lr": lr}, {"params": net.log_taus(), "lr": lr_tau}]
    return torch.optim.Adam([g for g in groups if g["params"]])


def _metrics(
    config: TrainConfig,
    epoch: int,
    net: TrainableNet,
    tally: Tally,
    tested: Tally | None,
    seconds: float,
) -> EpochMetrics:
    taus = net.taus()
    return EpochMetrics(
        epoch=epoch + 1,
        loss=tally.loss / tally.n,
        train_accuracy=tally.accuracy,
        test_accuracy=None if tested is None else tested.accuracy,
        lr=learning_rates(config, epoch)[0],
        rates=tally.rates,
        tau_mem=tuple(float(t.mem.mean()) for t in taus),
        tau_syn=tuple(float(t.syn.mean()) for t in taus),
        seconds=seconds,
    )


def _provenance(config: TrainConfig) -> dict[str, Plain]:
    return {
        "trainer": config.trainer,
        "dataset": config.dataset,
        "config": {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(config).items()},
        "versions": {"torch": str(torch.__version__), **library(config).versions()},
    }
