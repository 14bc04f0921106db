"""A layer trained for the chip: every parameter drawn to its grid, by degrees or altogether."""

import numpy as np
import torch
from torch import Tensor, nn

from hetlava.arrays import Float
from hetlava.declarations import Heterogeneity
from hetlava.fixedpoint import STATE_SHIFT
from hetlava.network import Network, Population
from hetlava.neurons.cuba import CubaLI, CubaLIF
from hetlava.train.cuba_layer import by_sender
from hetlava.train.cuba_rule import FULL, CubaParameters, CubaRule
from hetlava.train.image_layer import image_layer
from hetlava.train.image_synapses import weights_of
from hetlava.train.learning import clamp_log_tau, learn_log_tau
from hetlava.train.log_tau import EulerWord, LogTau, Taus
from hetlava.train.potentials import LayerPotentials, Potentials, Shifted
from hetlava.train.spike_rows import SpikeRows
from hetlava.train.wiring import Wiring

UNIT = 1 << STATE_SHIFT
STEPS = 128  # of a weight's grid on the negative side, one fewer on the positive
LEVELS = ("mem_decay", "syn_decay")
# of the layer's median threshold above its reset: a smaller unit would make derivatives explode
LEAST_UNIT = 0.25


class QatLayer(nn.Module):
    """One population: weights, time constants and potentials in volts and seconds.

    Parameters
    ----------
    population : Population
        Where training begins, with its weights and those onto itself, if it has any.
    wiring : Wiring
        How it is reached; gives weights their shape.
    scale : float
        Units of the chip's state per volt; it stays.
    vth_max : int
        Largest threshold [units of a weight].
    declared : Heterogeneity
        How parameters are learned, and where they are clipped.
    """

    scale: Tensor
    unit: Tensor

    def __init__(
        self,
        network: Network,
        population: Population,
        wiring: Wiring,
        scale: float,
        vth_max: int,
        declared: Heterogeneity,
    ) -> None:
        super().__init__()
        self.name, self.wiring = population.name, wiring
        neurons = population.neurons
        self.spiking = neurons.spiking
        reached = {
            p.source == p.target: p for p in network.projections if p.target == population.name
        }
        weight = _float32(weights_of(reached[False], wiring))
        self.weight = nn.Parameter(weight if wiring.kernel else by_sender(weight))
        self.recurrent = None
        if True in reached:
            self.recurrent = nn.Parameter(by_sender(_float32(reached[True].weights)))
        kind = LogTau if network.discretisation == "exponential" else EulerWord
        for name, tau, how in (
            (LEVELS[0], neurons.tau_mem, declared.tau_mem),
            (LEVELS[1], neurons.tau_syn, declared.tau_syn),
        ):
            start = _float32(np.log(tau / network.dt))
            learn_log_tau(self, name, start, how, network.dt, kind, wiring.positions)
        self.register_buffer("scale", torch.tensor(scale, dtype=torch.float64))
        drawn = _potentials(neurons)
        # a resumed run cannot ask the network that it began with
        self.potentials = LayerPotentials(
            drawn,
            declared,
            self.step,
            vth_max * self.step,
            spiking=self.spiking,
            kept=True,
            positions=wiring.positions,
        )
        gap = drawn.threshold - drawn.reset
        self.register_buffer("unit", _float32(np.maximum(gap, LEAST_UNIT * np.median(gap))))

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
        threshold, bias = self.shifted(mem, hardness)
        p = CubaParameters(1 - syn, 1 - mem, threshold.to(mem.dtype), bias, self.unit)
        weight = drawn(self.weight, 2 * self.step, hardness)
        loop = None
        if self.recurrent is not None:
            loop = drawn(self.recurrent, 2 * self.step, hardness)
        return image_layer(x, weight, p, rule, self.wiring, loop=loop)

    def shifted(self, mem: Tensor, hardness: float) -> Shifted:
        """Return thresholds and biases measured from the reset potential, (n,) each [V]."""
        return self.potentials.shifted(mem, lambda v: drawn(v, self.step, hardness))

    @torch.no_grad()
    def neurons(self, taus: Taus) -> CubaLI:
        """Return the float network's neurons, their potentials those that the chip's stand for."""
        k = torch.tensor(self.words(LEVELS[0]) / FULL)
        bias = on_grid(self.shifted(k, 1.0).bias, self.step) / k.numpy()
        if not self.spiking:
            return CubaLI(tau_mem=taus.mem, tau_syn=taus.syn, v_leak=bias)
        reset = on_grid(self.potentials.reset(), self.step)
        return CubaLIF(
            tau_mem=taus.mem,
            tau_syn=taus.syn,
            v_leak=reset + bias,
            v_threshold=on_grid(self.potentials.threshold(), self.step),
            v_reset=reset,
        )

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
        self.potentials.project()
        for name in LEVELS:
            clamp_log_tau(self, name)


def _potentials(neurons: CubaLI) -> Potentials:
    """Return the potentials of neurons; integrators are measured in volts from 0."""
    if isinstance(neurons, CubaLIF):
        return Potentials(neurons.v_threshold, neurons.v_leak, neurons.v_reset)
    zero = np.zeros(neurons.n)
    return Potentials(zero + 1, neurons.v_leak, zero)


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
