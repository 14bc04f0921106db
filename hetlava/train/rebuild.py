"""Trainable networks rebuilt from what training wrote, to go on from there."""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

import numpy as np
import torch
from torch import nn

from hetlava.arrays import Float
from hetlava.declarations import POTENTIALS
from hetlava.errors import UnsupportedError, ValidationError
from hetlava.network import Network, refuse_delays
from hetlava.neurons.cuba import CubaLIF
from hetlava.train.building import library
from hetlava.train.config import TrainConfig
from hetlava.train.image_synapses import weights_of
from hetlava.train.log_tau import Taus
from hetlava.train.nets import TrainableNet
from hetlava.train.potentials import Potentials, constants


def config_of(net: Network) -> TrainConfig:
    """Return the training run that a network comes from.

    Raises
    ------
    UnsupportedError
        If it does not say, as networks of other tools do not.
    """
    asked = net.metadata.get("config")
    if not isinstance(asked, Mapping):
        raise UnsupportedError(
            "the network does not say how it was trained, so it cannot be trained on; "
            "give a model.pt that hetlava train wrote"
        )
    known = {f.name for f in fields(TrainConfig)}
    values: dict[str, Any] = {k: v for k, v in asked.items() if k in known}
    unknown = sorted(asked.keys() - known)
    if unknown:
        raise UnsupportedError(f"the network was trained with options unknown here: {unknown}")
    try:
        return TrainConfig(**values)
    except (TypeError, ValidationError) as error:
        raise UnsupportedError(f"the network's training is not one of hetlava: {error}") from error


def rebuild(net: Network, config: TrainConfig) -> TrainableNet:
    """Return the network of a trainer with the weights and time constants of ``net``.

    Raises
    ------
    UnsupportedError
        If the trainer's network does not hold what ``net`` does.
    """
    refuse_delays(net, "a trainer")
    taus = [Taus(mem=p.neurons.tau_mem, syn=p.neurons.tau_syn) for p in net.populations]
    trainable = library(config).make(config, net.n_inputs, taus, potentials_of(net, config))
    # as TrainableNet.weights gives them: those of every layer, recurrent ones after them
    forward = [q for q in net.projections if q.source != q.target]
    loops = [q for q in net.projections if q.source == q.target]
    weights, wired = trainable.weights(), trainable.wirings
    if len(weights) != len(net.projections):
        raise _unlike(f"{len(net.projections)} projections, the trainer's has {len(weights)}")
    given = [weights_of(q, w) for q, w in zip(forward, wired, strict=True)]
    given += [q.weights for q in loops]
    for parameter, values in zip(weights, given, strict=True):
        _fill(parameter, values)
    _check(net, trainable.to_network(net.n_steps, {}))
    return trainable


def potentials_of(net: Network, config: TrainConfig) -> list[Potentials]:
    """Return the potentials of every layer; what is declared constant is taken from there."""
    declared, found = config.heterogeneity, []
    for p in net.populations:
        usual, neurons = constants(declared, p.neurons.n), p.neurons
        mine = replace(usual, rest=neurons.v_leak)
        if isinstance(neurons, CubaLIF):
            mine = Potentials(neurons.v_threshold, neurons.v_leak, neurons.v_reset)
        # the trainer's grid takes off what it put on top of a threshold
        given = {n: getattr(usual if declared[n].plain else mine, n) for n in POTENTIALS}
        found.append(Potentials(**given))
    return found


@torch.no_grad()
def _fill(parameter: nn.Parameter, values: Float) -> None:
    if parameter.numel() != values.size:
        raise _unlike(f"{values.size} weights, not {parameter.numel()}")
    parameter.copy_(torch.tensor(values).reshape(parameter.shape))


def _check(net: Network, again: Network) -> None:
    """Refuse a network that came out as another one."""
    for what in ("dt", "output", "readout", "discretisation", "reset"):
        if getattr(net, what) != getattr(again, what):
            raise _unlike(f"{what} {getattr(net, what)!r}")
    rebuilt = {(q.source, q.target): q.weights for q in again.projections}
    for q in net.projections:
        other = rebuilt.get((q.source, q.target))
        if other is None or not np.array_equal(q.weights, other):
            raise _unlike(f"weights {q.source} -> {q.target}")
    for p in net.populations:
        mine, its = p.neurons, again.population(p.name).neurons
        if type(mine) is not type(its) or not np.array_equal(mine.v_leak, its.v_leak):
            raise _unlike(f"population {p.name}")
        if isinstance(mine, CubaLIF) and isinstance(its, CubaLIF):
            for what in ("v_threshold", "v_reset"):
                if not np.array_equal(getattr(mine, what), getattr(its, what)):
                    raise _unlike(f"{what} of {p.name}")


def _unlike(what: str) -> UnsupportedError:
    return UnsupportedError(f"the network is not as its trainer would write it: {what}")
