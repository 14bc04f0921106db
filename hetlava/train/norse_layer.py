"""A layer of neurons stepped by norse's own functions, with what is learned of it.

Weights are learned as the steps of ``u = k i`` that they cause, see
:mod:`hetlava.train.norse_net`; norse is given them divided by ``k = dt / tau_mem``.
"""

import importlib
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from hetlava.declarations import Heterogeneity
from hetlava.errors import MissingPackageError
from hetlava.neurons.cuba import CubaLI, CubaLIF
from hetlava.train.cuba_layer import by_sender
from hetlava.train.cuba_rule import CubaParameters, CubaRule
from hetlava.train.image_layer import currents, image_layer, pooled
from hetlava.train.learning import learn_log_tau
from hetlava.train.log_tau import EulerLogTau, Taus
from hetlava.train.potentials import LayerPotentials, Shifted
from hetlava.train.spike_rows import SpikeRows
from hetlava.train.surrogates import SURROGATES, Surrogate, round_to, spike
from hetlava.train.wiring import Wiring

Step = Callable[[Tensor, Any], tuple[Tensor, Any]]


class NorseLayer(nn.Module):
    """One population: learned weights, time constants and potentials, stepped by norse.

    Parameters
    ----------
    above : float
        What comes on top of every threshold [V].
    """

    def __init__(
        self,
        wiring: Wiring,
        taus: Taus,
        potentials: LayerPotentials,
        declared: Heterogeneity,
        *,
        dt: float,
        grid: float,
        above: float,
        recurrent: bool,
    ) -> None:
        super().__init__()
        self.dt, self.grid, self.above = dt, grid, above
        self.potentials, self.wiring = potentials, wiring
        weight = torch.zeros(wiring.weight_shape)
        self.weight = nn.Parameter(weight if wiring.kernel else by_sender(weight))
        self.recurrent = nn.Parameter(torch.zeros(wiring.n, wiring.n)) if recurrent else None
        for name, tau, how in (
            ("mem_share", taus.mem, declared.tau_mem),
            ("syn_share", taus.syn, declared.tau_syn),
        ):
            start = torch.tensor(np.log(tau / dt), dtype=torch.float32)
            learn_log_tau(self, name, start, how, dt, EulerLogTau, wiring.positions)

    def shares(self) -> tuple[Tensor, Tensor]:
        """Return ``dt / tau`` of membrane and synapse, (n,) each, on the chip's grid."""
        mem: Any = self.mem_share
        syn: Any = self.syn_share
        return mem, syn

    def rounded(self, weight: Tensor) -> Tensor:
        """Return weights on their grid; gradients pass."""
        return round_to(weight, self.grid)

    def shifted(self) -> Shifted:
        """Return thresholds and biases measured from the reset potential, (n,) each [V]."""
        mem, _ = self.shares()
        step = self.potentials.step
        found = self.potentials.shifted(mem, lambda x: round_to(x, step))
        return found._replace(threshold=(found.threshold + self.above).to(mem.dtype))

    def fire(self, x: Tensor, *, loop: bool = True) -> Tensor:
        """Return the spikes (T, N, n) for what arrives at every step, (T, N, n_pre).

        Voltages are measured from the reset potential.

        Parameters
        ----------
        loop : bool
            False leaves recurrent weights out.
        """
        lif, dt = _norse("lif"), self.dt
        mem, syn = self.shares()
        threshold, bias = self.shifted()
        p = lif.LIFParameters(
            tau_syn_inv=syn / dt, tau_mem_inv=mem / dt, v_leak=bias / mem, v_th=threshold
        )
        weight = self.rounded(self.weight)
        zero = x.new_zeros(x.shape[1], mem.numel())
        if self.recurrent is None or not loop:
            start, arriving = lif.LIFFeedForwardState(zero, zero), self._currents(x, weight, mem)
            return _scan(lambda i, s: lif.lif_feed_forward_step(i, s, p, dt), arriving, start)
        weight, x = weight / mem[:, None], pooled(x, self.wiring)
        back = self.rounded(self.recurrent) / mem[:, None]
        start = lif.LIFState(zero, zero, zero)
        return _scan(lambda z, s: lif.lif_step(z, s, weight, back, p, dt), x, start)

    def fused(self, x: Tensor | SpikeRows, unit: float, surrogate: Surrogate | None) -> Tensor:
        """Return spikes, or voltages without a ``surrogate``, (T, N, n), for what is sent.

        Parameters
        ----------
        unit : float
            Unit of the surrogate's argument [V].
        """
        mem, syn = self.shares()
        rule = CubaRule(
            surrogate=surrogate, reset_gradient="full" if self.recurrent is None else "detached"
        )
        p = CubaParameters(1 - syn, 1 - mem, *self.shifted(), torch.full_like(mem, unit))
        loop = None if self.recurrent is None else self.rounded(self.recurrent)
        return image_layer(x, self.rounded(self.weight), p, rule, self.wiring, loop=loop)

    def _currents(self, x: Tensor, weight: Tensor, mem: Tensor) -> Tensor:
        """Return what norse is given for spikes, (T, N, n)."""
        if self.wiring.kernel:
            return currents(x, weight, self.wiring) / mem
        return pooled(x, self.wiring) @ (weight / mem[:, None]).T

    def integrate(self, x: Tensor, weight: Tensor) -> Tensor:
        """Return the voltages (T, N, n) of the neurons without a threshold, with these weights."""
        li, dt = _norse("leaky_integrator"), self.dt
        mem, syn = self.shares()
        p = li.LIParameters(
            tau_syn_inv=syn / dt, tau_mem_inv=mem / dt, v_leak=self.shifted().bias / mem
        )
        zero = x.new_zeros(x.shape[1], mem.numel())
        arriving, start = self._currents(x, weight, mem), li.LIState(zero, zero)
        return _scan(lambda i, s: li.li_feed_forward_step(i, s, p, dt), arriving, start)

    @torch.no_grad()
    def neurons(self, taus: Taus) -> CubaLI:
        """Return the float network's neurons, their potentials those that the forward pass uses."""
        bias = self.shifted().bias.double().cpu().numpy() / (self.dt / taus.mem)
        if not self.potentials.spiking:
            return CubaLI(tau_mem=taus.mem, tau_syn=taus.syn, v_leak=bias)
        threshold, reset = (
            round_to(p(), self.potentials.step).double().cpu().numpy()
            for p in (self.potentials.threshold, self.potentials.reset)
        )
        return CubaLIF(
            tau_mem=taus.mem,
            tau_syn=taus.syn,
            v_leak=reset + bias,
            v_threshold=threshold + self.above,
            v_reset=reset,
        )

    @torch.no_grad()
    def draw(
        self, weight: Tensor, arriving: Tensor, goal: float, most: float, rng: torch.Generator
    ) -> None:
        """Draw weights for which what arrives moves the free voltage by ``goal`` volts.

        Parameters
        ----------
        most : float
            Largest weight [V]; a neuron that nothing reaches would get them without bound.
        """
        weight.copy_(torch.randn(weight.shape, generator=rng))
        free = self.integrate(arriving, weight)
        if self.shifted().bias.any():
            # where a resting potential takes the voltage is not what weights are scaled by
            free = free - self.integrate(torch.zeros_like(arriving), weight)
        # of every neuron, or of all neurons that share a kernel
        rows = free.flatten(0, 1).T.reshape(len(weight), -1)
        gain = goal / rows.std(1).clamp_min(1e-6)
        weight.mul_(gain.reshape(-1, *[1] * (weight.dim() - 1))).clamp_(-most, most)


def _scan(step: Step, x: Tensor, state: Any) -> Tensor:
    outputs = []
    for x_t in x.unbind(0):
        z, state = step(x_t, state)
        outputs.append(z)
    return torch.stack(outputs)


@contextmanager
def surrogate_gradient(name: str, threshold: float) -> Iterator[None]:
    """Let norse's steps take one of our surrogate derivatives inside the ``with`` block."""
    module = _norse("lif")
    stock = module.threshold

    def replacement(x: Tensor, method: str, alpha: float) -> Tensor:
        return spike(x / threshold, SURROGATES[name])

    module.threshold = replacement
    try:
        yield
    finally:
        module.threshold = stock


@cache
def _norse(name: str) -> Any:
    """Return a module of ``norse.torch.functional``, or raise MissingPackageError."""
    try:
        with warnings.catch_warnings():
            # norse compiles with torch.jit, which current versions of PyTorch deprecate
            warnings.simplefilter("ignore")
            return importlib.import_module(f"norse.torch.functional.{name}")
    except ImportError as error:
        raise MissingPackageError(
            "norse is not installed; pip install 'hetlava[train]' brings it"
        ) from error
