"""Training: recordings in, a float network out, whichever library steps the neurons."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

import numba
import torch

from hetlava.datasets import defaults
from hetlava.datasets.augmenting import parse_augmentation
from hetlava.datasets.cache import Cache
from hetlava.datasets.recordings import Recordings
from hetlava.errors import ValidationError
from hetlava.hardware.mismatch_presets import find_mismatch
from hetlava.network import Network, Plain
from hetlava.train.batches import Labelled
from hetlava.train.building import adam, build, library, trained_network
from hetlava.train.checkpoint import read_checkpoint, restore, write_checkpoint
from hetlava.train.config import TrainConfig
from hetlava.train.distributed import ALONE, Team
from hetlava.train.graded import check_config, for_levels
from hetlava.train.loading import Loader
from hetlava.train.loop import OnBatch, Tally, evaluate, fade, train_epoch
from hetlava.train.metrics import EpochMetrics
from hetlava.train.nets import TrainableNet

OnEpoch = Callable[[EpochMetrics], None]


def fit(
    config: TrainConfig,
    train: Recordings,
    test: Recordings | None = None,
    *,
    start: Network | Path | None = None,
    checkpoint: Path | None = None,
    resume: bool = False,
    on_batch: OnBatch = lambda done, n_batches: None,
    on_epoch: OnEpoch = lambda metrics: None,
    on_start: Callable[[Network], None] = lambda network: None,
    team: Team = ALONE,
    cache: Cache | None = None,
) -> Network:
    """Train a network; on one kind of CPU, equal calls give equal bits.

    Parameters
    ----------
    test : Recordings, optional
        Classified after every epoch; nothing of it enters the training.
    start : Network, or Path of a checkpoint, optional
        What quantisation-aware training begins with in place of a network drawn at random.
    checkpoint : Path, optional
        Written before the first and after every epoch.
    resume : bool
        Go on from ``checkpoint``; the result is that of a run that was never stopped.
    on_batch : function of (batches done, batches of the epoch)
    on_epoch : function of EpochMetrics
    on_start : function of Network
        Given the network before training; a resumed run draws it again, and cannot know a
        ``start`` that it had.
    team : Team
        The processes that train together, see :mod:`hetlava.train.distributed`; the first of them
        writes.
    cache : Cache, optional
        Keeps binned spikes for the next run.

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
        data = training_data(train, config, cache)
        held_out = None if test is None else binned(test, config, cache)
        if isinstance(start, Path):
            start = trained_network(start, data, train.n_classes)
        net = on_dies(build(config, data, train.n_classes, start), config)
        net = net.to(choose_device(config.device))
        on_start(net.to_network(config.n_steps, {}))
        files = (checkpoint, resume)
        run_epochs(net, config, (data, held_out), files, on_batch, on_epoch, team)
        network = net.to_network(config.n_steps, _provenance(config))
        return network if data.spikes.values is None else for_levels(network)


def run_epochs(
    net: TrainableNet,
    config: TrainConfig,
    data: tuple[Labelled, Labelled | None],
    checkpoint: tuple[Path | None, bool] = (None, False),
    on_batch: OnBatch = lambda done, n_batches: None,
    on_epoch: OnEpoch = lambda metrics: None,
    team: Team = ALONE,
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
    optimiser, done = adam(net, config), 0
    if resume:
        if path is None:
            raise ValidationError("resume needs the path of a checkpoint")
        saved = read_checkpoint(path, config)
        restore(path, saved, net, optimiser)
        done = saved.epoch
    team.wait()  # another may still read what is written now
    keeps = path if team.writes else None
    if keeps is not None and not resume:
        write_checkpoint(keeps, config, 0, net, optimiser)
    for epoch in range(done, config.epochs):
        start = time.perf_counter()
        tally = train_epoch(net, optimiser, data[0], config, epoch, on_batch, team)
        tested = None if data[1] is None else evaluate(net, data[1], team)
        if keeps is not None:
            write_checkpoint(keeps, config, epoch + 1, net, optimiser)
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


def on_dies(net: TrainableNet, config: TrainConfig) -> TrainableNet:
    """Return the network that meets a virtual die in every batch, if the run asks for it."""
    if not config.mismatch:
        return net
    from hetlava.train.mismatch_net import MismatchNet

    return MismatchNet(net, find_mismatch(config.mismatch, config.mismatch_changes))


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


def binned(recordings: Recordings, config: TrainConfig, cache: Cache | None = None) -> Labelled:
    """Return the spikes of recordings in the steps of a training run.

    Raises
    ------
    ValidationError
        If there are none.
    """
    if recordings.n == 0:
        raise ValidationError(f"{recordings.name}: there is no {recordings.split} recording")
    if cache is None:
        spikes = recordings.binned(config.dt, config.n_steps)
    else:
        spikes = cache.binned(recordings, config.dt, config.n_steps)
    return Labelled(spikes, recordings.labels)


def training_data(
    recordings: Recordings, config: TrainConfig, cache: Cache | None = None
) -> Labelled:
    """Return the spikes of a training run, and what augments them if it asks for that.

    Raises
    ------
    ValidationError
        If there are none, or they are graded and the run cannot take that.
    """
    data = binned(recordings, config, cache)
    if data.spikes.values is not None:
        check_config(config)
    return replace(data, loader=_loader(recordings, config)) if config.augment else data


def _loader(recordings: Recordings, config: TrainConfig) -> Loader:
    return Loader(
        recordings=recordings,
        augmentations=tuple(parse_augmentation(text) for text in config.augment),
        sensor=defaults(config.dataset).sensor,
        dt=config.dt,
        n_steps=config.n_steps,
        seed=config.seed,
        workers=config.workers,
    )


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
        lr=config.lr * fade(config, epoch),
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
