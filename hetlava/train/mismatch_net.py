"""Training that meets a new virtual die in every batch, so that the network suits most of them."""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from hetlava.chip_analog import BRAINSCALES2
from hetlava.hardware.bss2_sim import within_ranges
from hetlava.hardware.mismatch import Mismatch, draw
from hetlava.hardware.perturbation import MARGIN, perturb, swings
from hetlava.network import Network, Plain
from hetlava.neurons.cuba import CubaLIF
from hetlava.train.log_tau import Taus
from hetlava.train.mismatch_layers import (
    live_potentials,
    live_steps,
    live_weights,
    torch_network,
)
from hetlava.train.nets import TrainableNet, as_tensor
from hetlava.train.spike_rows import SpikeRows

SURROGATE = "exponential"  # the derivative that SLAYER trains with
FIRST_DIE = 1 << 32  # training's dies are none of those that a user or a yield counts from 0


class WrappedNet(TrainableNet):
    """A trainer's network whose forward pass in training is another one's."""

    def __init__(self, inner: TrainableNet, surrogate: str = SURROGATE) -> None:
        super().__init__()
        self.inner, self.surrogate = inner, surrogate
        self.readout, self.dt, self.threshold = inner.readout, inner.dt, inner.threshold
        self.decays, self.wirings = inner.decays, inner.wirings

    def weights(self) -> list[nn.Parameter]:
        """Return the weights of all layers."""
        return self.inner.weights()

    def taus(self) -> list[Taus]:
        """Return the time constants of every layer as they are now."""
        return self.inner.taus()

    def project(self) -> None:
        """Bring weights and time constants back to what the chip can hold."""
        self.inner.project()

    def initialise(self, x: Tensor, spread: float, rng: torch.Generator) -> None:
        """Draw the first weights as the trainer does."""
        self.inner.initialise(x, spread, rng)

    def to_network(self, n_steps: int, metadata: dict[str, Plain]) -> Network:
        """Return the float network of what was trained."""
        return self.inner.to_network(n_steps, metadata)


class MismatchNet(WrappedNet):
    """A network that is trained on dies drawn from a mismatch.

    Classified are samples by the network as it is, without mismatch.

    Parameters
    ----------
    inner : TrainableNet
        What is learned, as a trainer made it.
    mismatch : Mismatch
    surrogate : str
    """

    def __init__(self, inner: TrainableNet, mismatch: Mismatch, surrogate: str = SURROGATE) -> None:
        super().__init__(inner, surrogate)
        self.mismatch = mismatch

    def forward(
        self, x: Tensor | SpikeRows, drop: float = 0.0, rng: torch.Generator | None = None
    ) -> list[Tensor]:
        """Return the output of every layer; with ``rng``, that of a die that it draws."""
        if rng is None:
            return self.inner(x)  # type: ignore[no-any-return]
        seed = FIRST_DIE + int(torch.randint(1 << 31, (), generator=rng))
        return self.on_die(as_tensor(x), seed, drop, rng)

    def on_die(
        self, x: Tensor, chip_seed: int, drop: float = 0.0, rng: torch.Generator | None = None
    ) -> list[Tensor]:
        """Return the output of every layer on one die, with gradients."""
        plain, _ = within_ranges(self.inner.to_network(x.shape[-1], {}), BRAINSCALES2)
        die = perturb(plain, draw(self.mismatch, plain, chip_seed))
        weights = [
            live + (_like(q.weights, live) - live.detach())
            for live, q in zip(live_weights(self.inner), die.projections, strict=True)
        ]
        steps = []
        for (mem, syn), p in zip(live_steps(self.inner), die.populations, strict=True):
            # scaled as the die scales it, so that gradients of the logarithms pass
            mem = mem * (_like(p.neurons.tau_mem / self.dt, mem) / mem.detach())
            syn = syn * (_like(p.neurons.tau_syn / self.dt, syn) / syn.detach())
            steps.append((mem, syn))
        noisy = _with_trial_noise(die, plain, self.mismatch.threshold_jitter, rng)
        # a net that learns weights alone has none
        learned = live_potentials(self.inner) or [{} for _ in noisy.populations]
        volts = [
            # moved as the die and its noise move it
            {
                name: v + (_like(getattr(p.neurons, name), v) - v.detach())
                for name, v in mine.items()
            }
            for mine, p in zip(learned, noisy.populations, strict=True)
        ]
        layers = torch_network(noisy, weights, steps, self.surrogate, volts)
        outputs = layers.forward(x, drop, rng)
        in_order = getattr(self.inner, "output_last", None)
        return outputs if in_order is None else list(in_order(outputs))


def _like(value: np.ndarray, tensor: Tensor) -> Tensor:
    return torch.tensor(value, dtype=tensor.dtype, device=tensor.device)


def _with_trial_noise(
    die: Network, plain: Network, jitter: float, rng: torch.Generator | None
) -> Network:
    """Return the network of one trial, as :class:`hetlava.hardware.perturbation.Circuit` does."""
    if not jitter or rng is None:
        return die
    swing, populations = swings(plain), []
    for p in die.populations:
        if isinstance(p.neurons, CubaLIF):
            noise = torch.randn(p.neurons.n, generator=rng, dtype=torch.float64).numpy()
            moved = p.neurons.v_threshold + jitter * swing[p.name] * noise
            least = p.neurons.v_reset + MARGIN * swing[p.name]
            p = replace(p, neurons=replace(p.neurons, v_threshold=np.maximum(moved, least)))
        populations.append(p)
    return replace(die, populations=tuple(populations))
