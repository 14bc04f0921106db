"""Decay words that neurons share, in training: one logarithm of a time constant for each word."""

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from hetlava.arrays import Int
from hetlava.errors import ValidationError
from hetlava.fixedpoint import DECAY_BITS
from hetlava.train.log_tau import EulerLogTau, LogTau
from hetlava.train.nets import TrainableNet

FULL = 1 << DECAY_BITS
MEMBRANE = ("voltage_decay", "mem_share")  # as the trainers' layers call their decays
SYNAPSE = ("current_decay", "syn_share")


class Pairs(NamedTuple):
    """The pairs of decay words of a layer, and who has which."""

    syn: Int  # (k,)
    mem: Int  # (k,)
    assignment: Int  # (n,)


class SharedWords(LogTau):
    """Decays (n,) of the words (k,) that neurons are assigned to; gradients of sharers add up.

    The forward pass meets rounded words, the backward pass takes rounding as the identity.
    """

    assignment: Tensor

    def __init__(self, kind: type[LogTau], k: int, assignment: Int) -> None:
        super().__init__(torch.zeros(k))
        self.inner = kind(torch.zeros(k))
        self.low, self.high = kind.low, kind.high  # of this instance
        self.register_buffer("assignment", torch.tensor(assignment, dtype=torch.int64))

    @property
    def kind(self) -> type[LogTau]:
        """What makes decays of logarithms."""
        return type(self.inner)

    def _load_from_state_dict(self, state: Any, prefix: str, *rest: Any) -> None:
        """Load a state of the same sharers only: a checkpoint of another codebook is refused."""
        stored = state.get(f"{prefix}assignment")
        if stored is not None and not torch.equal(stored, self.assignment.to(stored.device)):
            rest[-1].append(f"{prefix}assignment: other neurons share words there")
        super()._load_from_state_dict(state, prefix, *rest)

    def steps(self, p: Tensor) -> Tensor:
        """Return the time constants of the neurons in steps, (n,)."""
        return self.inner.steps(p)[self.assignment]

    def forward(self, p: Tensor) -> Tensor:
        """Return the decays of the neurons in the trainer's unit, (n,)."""
        decays: Tensor = self.inner(p)
        return decays[self.assignment]


def log_tau_of(words: Int, kind: type[LogTau]) -> Tensor:
    """Return ``log(tau / dt)`` of decay words 1 .. 4095, (k,) float32."""
    share = np.asarray(words, np.float64) / FULL
    log_tau = -np.log(share) if issubclass(kind, EulerLogTau) else -np.log(-np.log1p(-share))
    return torch.tensor(log_tau, dtype=torch.float32)


def share_words(net: TrainableNet, layers: list[Pairs]) -> None:
    """Let the neurons of every layer share decay words, which are learned from here on.

    Parameters
    ----------
    layers : list of Pairs
        In the order of the network's layers.
    """
    for names, which in ((SYNAPSE, "syn"), (MEMBRANE, "mem")):
        found = learned_decays(net, names)
        if len(found) != len(layers):
            raise ValidationError(f"{len(found)} layers with {names}, words for {len(layers)}")
        for (module, name), pairs in zip(found, layers, strict=True):
            kind = parametrised(module, name)[0].kind
            parametrize.remove_parametrizations(module, name, leave_parametrized=False)
            start = log_tau_of(getattr(pairs, which), kind).clamp(kind.low, kind.high)
            setattr(module, name, nn.Parameter(start))
            shared = SharedWords(kind, len(start), pairs.assignment)
            parametrize.register_parametrization(module, name, shared, unsafe=True)


@torch.no_grad()
def settle(net: TrainableNet) -> None:
    """Put every shared time constant on that of its rounded word, which the network has anyway."""
    for module, name in learned_decays(net, (*SYNAPSE, *MEMBRANE)):
        learned = parametrised(module, name)
        if isinstance(learned[0], SharedWords):
            kind = learned[0].kind
            unit = FULL if issubclass(kind, EulerLogTau) else 1
            decays = learned[0].inner(learned.original) * unit
            words = torch.round(decays).clamp(1, FULL - 1).to(torch.int32)
            learned.original.copy_(log_tau_of(words.cpu().numpy(), kind))


def learned_decays(net: nn.Module, names: tuple[str, ...]) -> list[tuple[nn.Module, str]]:
    """Return the layers, in order, that compute decays of these names from what is learned."""
    return [
        (module, name)
        for module in net.modules()
        for name in names
        if name in getattr(module, "parametrizations", {})
    ]


def parametrised(module: nn.Module, name: str) -> Any:
    """Return PyTorch's list of what computes a decay: ``[0]`` from ``original``."""
    return module.parametrizations[name]  # type: ignore[index]
