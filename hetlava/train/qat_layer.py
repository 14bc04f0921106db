"""A layer trained for the chip: every parameter drawn to its grid, by degrees or altogether."""

import numpy as np
import torch
from torch import Tensor, nn

from hetlava.arrays import Float
from hetlava.fixedpoint import STATE_SHIFT
from hetlava.network import Network, Population
from hetlava.neurons.cuba import CubaLIF
from hetlava.train.config import LearnTau
from hetlava.train.cuba_layer import by_sender, cuba_layer
from hetlava.train.cuba_rule import FULL, CubaParameters, CubaRule
from hetlava.train.log_tau import EulerWord, LogTau, clamp_log_tau, learn_log_tau
from hetlava.train.spike_rows import SpikeRows

UNIT = 1 << STATE_SHIFT
STEPS = 128  # of a weight's grid on the negative side, one fewer on the positive
LEVELS = ("mem_decay", "syn_decay")


class QatLayer(nn.Module):
    """One population: weights, time constants and thresholds in volts and seconds.

    Parameters
    ----------
    population : Population
        Where training begins, with its weights (n, n_pre) and those onto itself, if it has any.
    scale : float
        Units of the chip's state per volt; it stays.
    vth_max : int
        Largest threshold [units of a weight].
    """

    scale: Tensor
    unit: Tensor
    bias: Tensor

    def __init__(
        self,
        network: Network,
        population: Population,
        scale: float,
        vth_max: int,
        learn_tau: LearnTau,
    ) -> None:
        super().__init__()
        self.name, self.vth_max = population.name, vth_max
        neurons = population.neurons
        self.spiking = neurons.spiking
        weights = {
            p.source == p.target: p.weights
            for p in network.projections
            if p.target == population.name
        }
        self.weight = nn.Parameter(by_sender(_float32(weights[False])))
        self.recurrent = (
            nn.Parameter(by_sender(_float32(weights[True]))) if True in weights else None
        )
        kind = LogTau if network.discretisation == "exponential" else EulerWord
        for name, tau in zip(LEVELS, (neurons.tau_mem, neurons.tau_syn), strict=True):
            learn_log_tau(self, name, _float32(np.log(tau / network.dt)), learn_tau, kind)
        threshold = neurons.v_threshold if isinstance(neurons, CubaLIF) else np.ones(neurons.n)
        self.threshold = nn.Parameter(_float32(threshold), requires_grad=self.spiking)
        self.register_buffer("scale", torch.tensor(scale, dtype=torch.float64))
        self.register_buffer("unit", _float32(threshold))
        self.register_buffer("bias", _float32(neurons.v_leak))

    @property
    def step(self) -> float:
        """Volts of a unit of the chip's weights and thresholds; weights take every second."""
        return UNIT / float(self.scale)

    def run(self, x: Tensor | SpikeRows, rule: CubaRule, hardness: float) -> Tensor:
        """Return spikes, or integrators' voltages, (T, N, n), for what is sent.

        Parameters
        ----------
        hardness : float
            0: floating point; between: parameters that far on their way to the grid; 1: the chip.
        """
        mem, syn = (drawn(self.word(name), 1.0, hardness) / FULL for name in LEVELS)
        p = CubaParameters(
            alpha=1 - syn,
            beta=1 - mem,
            threshold=drawn(self.threshold, self.step, hardness),
            # what quantise makes of a leak: the share that a step adds, in whole units
            bias=drawn(mem.detach() * self.bias, self.step, hardness),
            unit=self.unit,
        )
        weight = drawn(self.weight, 2 * self.step, hardness)
        loop = None
        if self.recurrent is not None:
            loop = drawn(self.recurrent, 2 * self.step, hardness)
        return cuba_layer(x, weight, p, rule, loop=loop)

    def word(self, name: str) -> Tensor:
        """Return decay words before they are rounded, (n,)."""
        word: Tensor = getattr(self, name)
        return word

    def words(self, name: str) -> Float:
        """Return whole decay words (n,) as float64."""
        return on_grid(self.word(name), 1.0)

    @torch.no_grad()
    def project(self) -> None:
        """Bring everything back to what the chip can hold."""
        grid = 2 * self.step
        for weight in (self.weight, self.recurrent):
            if weight is not None:
                weight.clamp_(-STEPS * grid, (STEPS - 1) * grid)
        self.threshold.clamp_(self.step, self.vth_max * self.step)
        for name in LEVELS:
            clamp_log_tau(self, name)


def on_grid(x: Tensor, step: float) -> Float:
    """Return multiples of ``step`` in float64, those that the forward pass takes."""
    y: Float = whole(x.detach(), step).double().cpu().numpy() * step
    return y


def whole(x: Tensor, step: float) -> Tensor:
    """Return how many steps ``x`` is, rounded half to even, in its own precision."""
    return torch.round(x / step)


def drawn(x: Tensor, step: float, hardness: float) -> Tensor:
    """Return ``x`` moved a share of its way to the next multiple of ``step``; gradients pass."""
    if hardness == 0:
        return x
    with torch.no_grad():
        rounded = whole(x, step) * step
        target = rounded if hardness == 1 else x + hardness * (rounded - x)
    return PassThrough.apply(x, target)  # type: ignore[no-untyped-call,no-any-return]


class PassThrough(torch.autograd.Function):
    """A value in place of another that gets its gradient."""

    @staticmethod
    def forward(ctx: object, x: Tensor, value: Tensor) -> Tensor:
        """Return ``value``."""
        return value.view_as(value)

    @staticmethod
    def backward(ctx: object, *grads: Tensor) -> tuple[Tensor, None]:
        """Return the gradient as it came."""
        return grads[0], None


def _float32(x: Float) -> Tensor:
    return torch.tensor(x, dtype=torch.float32)
