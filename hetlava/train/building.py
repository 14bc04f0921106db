"""The network that a training run begins with, and what moves its parameters."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

import numpy as np
import torch
from torch import nn

from hetlava.arrays import Float
from hetlava.declarations import POTENTIALS, TIMES, Declaration, Heterogeneity
from hetlava.errors import ValidationError
from hetlava.network import Network, Plain
from hetlava.train.batches import Labelled, shuffled
from hetlava.train.checkpoint import read_checkpoint, read_config, restore
from hetlava.train.config import TrainConfig
from hetlava.train.log_tau import Taus
from hetlava.train.loop import epoch_rng
from hetlava.train.nets import TrainableNet, as_tensor
from hetlava.train.potentials import Potentials
from hetlava.train.qat_net import QatNet
from hetlava.train.surrogates import Surrogate

SPREAD = 0.5  # of the free voltage before training, in thresholds
INIT_BATCH = 128  # samples that the first weights are scaled on, fewer of large images
INIT_SIZE = 1 << 25  # currents of a layer that are held for it

# strings, so that a library is loaded when it is asked for
LIBRARIES: Mapping[str, str] = MappingProxyType(
    {"slayer": "hetlava.train.slayer", "norse": "hetlava.train.norse"}
)


class Library(Protocol):
    """What a trainer's module offers."""

    def make(
        self, config: TrainConfig, n_inputs: int, taus: list[Taus], potentials: list[Potentials]
    ) -> TrainableNet:
        """Return a network without weights."""
        ...

    def surrogates(self, config: TrainConfig, n_layers: int) -> list[Surrogate]:
        """Return the derivative of the spike of every layer."""
        ...

    def versions(self) -> dict[str, Plain]:
        """Return the versions of what it is built from."""
        ...


def library(config: TrainConfig) -> Library:
    """Return the module that makes the networks of a trainer."""
    module: Library = import_module(LIBRARIES[config.trainer])
    return module


def build(
    config: TrainConfig, data: Labelled, n_classes: int, start: Network | None = None
) -> TrainableNet:
    """Return the network that training begins with, from ``start`` or drawn at random.

    Raises
    ------
    ValidationError
        If ``start`` is given without ``config.qat``, or does not fit the data.
    """
    if start is None:
        net = _draw(config, data, n_classes)
        if not config.qat:
            return net
        start = net.to_network(config.n_steps, {})
    elif not config.qat:
        raise ValidationError("a network to begin with needs quantisation-aware training: qat")
    _check_start(start, config, data, n_classes)
    return QatNet(
        start,
        library(config).surrogates(config, len(start.populations)),
        declared=config.heterogeneity,
        wirings=config.image_wirings(start.n_inputs, n_classes),
    )


def _draw(config: TrainConfig, data: Labelled, n_classes: int) -> TrainableNet:
    """Return the untrained network: time constants drawn, weights scaled on a batch of the data."""
    wired = config.wirings(data.spikes.n_neurons, n_classes)
    taus, potentials = draw(
        config.heterogeneity, [w.n for w in wired], config.seed, [w.positions for w in wired]
    )
    net = library(config).make(config, data.spikes.n_neurons, taus, potentials)
    first = epoch_rng(config.seed, -1)
    room = INIT_SIZE // (config.n_steps * max((w.n for w in wired if w.kernel), default=1))
    x, _ = next(shuffled(data, min(INIT_BATCH, max(room, 1), data.spikes.n_samples), first))
    net.project()
    net.initialise(as_tensor(x), SPREAD, first)
    return net


def draw(
    declared: Heterogeneity,
    sizes: Sequence[int],
    seed: int,
    positions: Sequence[int] | None = None,
) -> tuple[list[Taus], list[Potentials]]:
    """Draw the parameters of layers of these sizes, before they are clipped.

    Each potential has a generator of its own, so that declaring one moves no other draw.

    Parameters
    ----------
    positions : sequence of int, optional
        Neurons of a channel in each layer, which share what is learned per channel; 1 if not given.
    """
    layers = list(zip(sizes, positions or [1] * len(sizes), strict=True))
    rng = np.random.default_rng(seed)
    taus = [Taus(*(_sample(declared[t], *layer, rng) for t in TIMES)) for layer in layers]
    volts = []
    for which, name in enumerate(POTENTIALS):
        own = np.random.default_rng((seed, which))
        volts.append([_sample(declared[name], *layer, own) for layer in layers])
    return taus, [Potentials(*layer) for layer in zip(*volts, strict=True)]


def _sample(declared: Declaration, n: int, positions: int, rng: np.random.Generator) -> Float:
    if declared.learn != "channel":
        return declared.distribution.sample(n, rng)
    return declared.distribution.sample(n // positions, rng).repeat(positions)


def trained_network(checkpoint: Path, data: Labelled, n_classes: int) -> Network:
    """Return the network of a checkpoint, of a run on data of this shape.

    Raises
    ------
    DataError, FormatError
        If it is missing, damaged, or of a network of another architecture.
    """
    config = read_config(checkpoint)
    net = build(config, data, n_classes)
    restore(checkpoint, read_checkpoint(checkpoint, config), net, adam(net, config))
    return net.to_network(config.n_steps, {})


def adam(net: TrainableNet, config: TrainConfig) -> torch.optim.Optimizer:
    """Return the optimiser: weights learn at ``lr``, other parameters at their declared rates.

    Each group keeps its first rate, from which that of an epoch follows.
    """
    declared = config.heterogeneity
    taus: dict[float, list[nn.Parameter]] = {}
    rates = {id(p): declared[name].lr for name in TIMES for p in net.learned(name)}
    for p in net.log_taus():
        taus.setdefault(rates[id(p)], []).append(p)
    groups = [
        (net.weights(), config.lr),
        *((params, rate) for rate, params in taus.items()),
        *((net.learned(name), declared[name].lr) for name in POTENTIALS),
    ]
    listed = [{"params": list(p), "lr": lr, "first_lr": lr} for p, lr in groups if p]
    return torch.optim.Adam(listed, fused=True)


def _check_start(start: Network, config: TrainConfig, data: Labelled, n_classes: int) -> None:
    n_outputs = start.population(start.output).neurons.n
    facts = (
        ("channels", start.n_inputs, data.spikes.n_neurons),
        ("outputs", n_outputs, n_classes),
        ("s of a step", start.dt, config.dt),
    )
    for what, found, asked in facts:
        if found != asked:
            raise ValidationError(
                f"the network to begin with is of another architecture: {found} {what}, "
                f"{config.dataset} takes {asked}"
            )
