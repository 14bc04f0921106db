"""Checkpoints: all that training needs to go on as if it had never stopped.

Whatever an epoch draws at random comes from a generator seeded by the run's seed and the epoch's
number, and checkpoints are written between epochs: the epoch is all the state there is to keep of
the generators.
"""

from collections.abc import Mapping
from dataclasses import MISSING, asdict, fields
from pathlib import Path
from typing import Any, NamedTuple

import torch

from hetlava.errors import FormatError, ValidationError
from hetlava.train.config import TrainConfig
from hetlava.train.torch_file import read_torch, write_torch

FORMAT = "hetlava.checkpoint"
VERSION = 1
MAY_CHANGE = ("epochs", "device", "workers")  # of the configuration, when a run is resumed


class Checkpoint(NamedTuple):
    """A run between two epochs; ``epoch`` of them are done."""

    config: dict[str, Any]
    epoch: int
    net: dict[str, torch.Tensor]
    optimiser: dict[str, Any]


def write_checkpoint(
    path: Path,
    config: TrainConfig,
    epoch: int,
    net: torch.nn.Module,
    optimiser: torch.optim.Optimizer,
) -> None:
    """Write a checkpoint, whole or not at all.

    Raises
    ------
    DataError
        If it cannot be written; the old one stays.
    """
    state = optimiser.state_dict()
    content = {
        "config": asdict(config),
        "epoch": epoch,
        "net": dict(net.state_dict()),
        "optimiser": {
            "state": {str(k): v for k, v in state["state"].items()},
            "param_groups": state["param_groups"],
        },
    }
    write_torch(path, FORMAT, VERSION, content)


def read_checkpoint(path: Path, config: TrainConfig) -> Checkpoint:
    """Read a checkpoint of a run of ``config``.

    Raises
    ------
    DataError, FormatError
        If it is missing or damaged.
    ValidationError
        If it was written by a run of another configuration; the message names what differs.
    """
    content = read_torch(path, FORMAT, VERSION)
    try:
        checkpoint = Checkpoint(**content)
        _check_config(path, checkpoint, config)
        optimiser = checkpoint.optimiser
        state = {int(k): v for k, v in optimiser["state"].items()}
        groups = [{**g, "betas": tuple(g["betas"])} for g in optimiser["param_groups"]]
    except ValidationError:
        raise
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise FormatError(f"{path}: not a valid checkpoint: {error}") from error
    return checkpoint._replace(optimiser={"state": state, "param_groups": groups})


def read_config(path: Path) -> TrainConfig:
    """Return the configuration of the run that a checkpoint was written by.

    Raises
    ------
    DataError, FormatError
        If it is missing or damaged.
    """
    return config_of(path, read_torch(path, FORMAT, VERSION).get("config"))


def config_of(path: Path, plain: object) -> TrainConfig:
    """Return the configuration that plain values of a file describe.

    Raises
    ------
    FormatError
        If they describe none.
    """
    try:
        if not isinstance(plain, dict):
            raise TypeError("it does not say how it was trained")
        values: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in plain.items()
        }
        return TrainConfig(**values)
    except (TypeError, ValidationError) as error:
        raise FormatError(f"{path}: not the configuration of a run: {error}") from error


def restore(
    path: Path, checkpoint: Checkpoint, net: torch.nn.Module, optimiser: torch.optim.Optimizer
) -> None:
    """Put a checkpoint's numbers into the network and the optimiser.

    Raises
    ------
    FormatError
        If they do not fit.
    """
    _check_shapes(path, checkpoint, net)
    try:
        net.load_state_dict(checkpoint.net)
        optimiser.load_state_dict(checkpoint.optimiser)
        _lay_out(optimiser)
    except (RuntimeError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise FormatError(f"{path}: does not fit the network: {error}") from error


def _check_shapes(path: Path, checkpoint: Checkpoint, net: torch.nn.Module) -> None:
    asked = {name: tuple(value.shape) for name, value in net.state_dict().items()}
    found = {name: tuple(value.shape) for name, value in checkpoint.net.items()}
    differ = [
        f"{name} is {found.get(name, 'missing')}, expected {asked.get(name, 'no such tensor')}"
        for name in sorted(asked.keys() | found.keys())
        if asked.get(name) != found.get(name)
    ]
    if differ:
        more = f" and {len(differ) - 3} more" if len(differ) > 3 else ""
        raise FormatError(
            f"{path}: does not fit the network, it is of another architecture: "
            f"{'; '.join(differ[:3])}{more}"
        )


def _lay_out(optimiser: torch.optim.Optimizer) -> None:
    """Bring what is kept of a parameter into its order in memory, which fused steps rely on."""
    for p, kept in optimiser.state.items():
        for name, value in kept.items():
            if isinstance(value, torch.Tensor) and value.shape == p.shape and p.dim() > 1:
                kept[name] = torch.empty_like(p).copy_(value)


def _check_config(path: Path, checkpoint: Checkpoint, config: TrainConfig) -> None:
    asked: Mapping[str, Any] = {k: _plain(v) for k, v in asdict(config).items()}
    # what a run of an older version was not asked yet was what it is by default now
    unasked = {f.name: _plain(f.default) for f in fields(TrainConfig) if f.default is not MISSING}
    found = unasked | checkpoint.config
    differ = [
        f"{k} {found.get(k)!r}, asked {v!r}"
        for k, v in asked.items()
        if k not in MAY_CHANGE and found.get(k) != v
    ]
    if differ:
        raise ValidationError(
            f"{path}: is of another run: {'; '.join(differ)}; repeat its options, or start anew "
            "without --resume"
        )
    if type(checkpoint.epoch) is not int or not 0 <= checkpoint.epoch <= config.epochs:
        raise ValidationError(
            f"{path}: {checkpoint.epoch} epochs are done, {config.epochs} are asked for"
        )


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value
