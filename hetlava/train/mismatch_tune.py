"""Training on of a network that exists: with one chip in the loop, or on a new die in every batch.

With a chip in the loop, the chip gives spikes (and, of readouts, sampled voltages), and the
gradient is that of the network as it was programmed, passing where the chip's spikes say. Nothing
of the die is known but what it does. Only weights are learned: other parameters would have to be
calibrated again.

References
----------
Cramer et al. (2022), Surrogate gradients for analog neuromorphic computing, PNAS 119.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from hetlava.arrays import Float
from hetlava.datasets.recordings import Recordings
from hetlava.errors import UnsupportedError, ValidationError
from hetlava.events import from_dense
from hetlava.hardware.interface import Target
from hetlava.hardware.mismatch import Mismatch
from hetlava.network import Network, Plain, refuse_delays, with_matrices
from hetlava.neurons.cuba import CubaLI, CubaLIF
from hetlava.recording import Recording
from hetlava.train.config import TrainConfig
from hetlava.train.fit import OnEpoch, binned, run_epochs, threads
from hetlava.train.log_tau import Taus
from hetlava.train.loop import OnBatch
from hetlava.train.mismatch_layers import torch_network
from hetlava.train.mismatch_net import SURROGATE, MismatchNet, WrappedNet
from hetlava.train.nets import TrainableNet, as_tensor
from hetlava.train.presets import PRESETS
from hetlava.train.spike_rows import SpikeRows

RATE = 0.3  # of the learning rate that the data set's preset trains with


@dataclass(frozen=True, kw_only=True)
class Tuning:
    """How to train on.

    Attributes
    ----------
    epochs : int
    lr : float or None
        Adam's rate for the weights [V]; None for a share of the data set's preset.
    batch : int
    seed : int
    checkpoint : Path or None
        Written before the first and after every epoch.
    resume : bool
    """

    epochs: int = 5
    lr: float | None = None
    batch: int = 32
    seed: int = 0
    checkpoint: Path | None = None
    resume: bool = False


class FixedNet(TrainableNet):
    """A network of any wiring of which the weights are learned, and nothing else.

    An analog chip has a synapse of its own between every two neurons, and each learns for itself:
    of kernels and lists their matrices are tuned.
    """

    def __init__(self, net: Network) -> None:
        super().__init__()
        refuse_delays(net, "an analog chip")
        net = with_matrices(net)
        for p in net.populations:
            if type(p.neurons) not in (CubaLI, CubaLIF):
                raise UnsupportedError(f"population {p.name}: {type(p.neurons).__name__} is fixed")
        self.net, self.readout, self.dt = net, net.readout, net.dt
        lif = [p.neurons for p in net.populations if isinstance(p.neurons, CubaLIF)]
        thresholds = [n.v_threshold for n in lif]
        self.threshold = float(np.concatenate(thresholds).mean()) if thresholds else 1.0
        self.kernels = nn.ParameterList(
            nn.Parameter(torch.tensor(q.weights, dtype=torch.float32)) for q in net.projections
        )

    def live_weights(self) -> list[Tensor]:
        """Return the weights in the order of the projections, with gradients."""
        return list(self.kernels)

    def live_steps(self) -> list[tuple[Tensor, Tensor]]:
        """Return the fixed time constants (mem, syn) in steps of each population."""
        return _steps(self.net)

    def forward(
        self, x: Tensor | SpikeRows, drop: float = 0.0, rng: torch.Generator | None = None
    ) -> list[Tensor]:
        """Return the output of every layer, the one that is read last."""
        layers = torch_network(self.net, self.live_weights(), self.live_steps(), SURROGATE)
        return self.output_last(layers.forward(as_tensor(x), drop, rng))

    def output_last(self, outputs: list[Tensor]) -> list[Tensor]:
        """Return outputs in the order that losses expect."""
        at = [p.name for p in self.net.populations].index(self.net.output)
        return [*outputs[:at], *outputs[at + 1 :], outputs[at]]

    def weights(self) -> list[nn.Parameter]:
        """Return the weights of every projection."""
        return list(self.kernels)

    def taus(self) -> list[Taus]:
        """Return the time constants of every population."""
        return [Taus(p.neurons.tau_mem, p.neurons.tau_syn) for p in self.net.populations]

    def project(self) -> None:
        """Leave weights as they are: an analog chip scales its range to them."""

    def initialise(self, x: Tensor, spread: float, rng: torch.Generator) -> None:
        """Refuse: the network has its weights."""
        raise UnsupportedError("a network that is tuned has its weights")

    def to_network(self, n_steps: int, metadata: dict[str, Plain]) -> Network:
        """Return the network with the weights as they are now."""
        projections = (
            replace(q, weights=k.detach().double().numpy(), grid=0.0)
            for q, k in zip(self.net.projections, self.kernels, strict=True)
        )
        return replace(self.net, n_steps=n_steps, projections=tuple(projections), metadata=metadata)


class ChipInLoop(WrappedNet):
    """A network whose forward pass is a target's, and whose derivatives are its own."""

    inner: FixedNet

    def __init__(self, inner: FixedNet, target: Target) -> None:
        super().__init__(inner, SURROGATE)
        self.target = target

    def forward(
        self, x: Tensor | SpikeRows, drop: float = 0.0, rng: torch.Generator | None = None
    ) -> list[Tensor]:
        """Return what the target gave in every layer, with gradients; ``rng`` seeds its noise."""
        x = as_tensor(x)
        seed = 0 if rng is None else int(torch.randint(1 << 31, (), generator=rng))
        net = self.inner.to_network(x.shape[-1], {})
        events = from_dense(x.permute(2, 0, 1).numpy() > 0)
        voltages = ("v",) if net.readout != "spike-count" else ()
        recording = self.target.run(net, events, seed=seed, probes=voltages)
        programmed = self.target.quantise(net)
        if not isinstance(programmed, Network):
            raise UnsupportedError(f"target {self.target.name}: takes no floats; not for the loop")
        weights = [
            live + (torch.tensor(q.weights, dtype=live.dtype) - live.detach())
            for live, q in zip(self.inner.live_weights(), programmed.projections, strict=True)
        ]
        layers = torch_network(programmed, weights, _steps(programmed), self.surrogate)
        outputs = layers.forward(x, forced=_given(net, recording))
        return self.inner.output_last(outputs)


def _steps(net: Network) -> list[tuple[Tensor, Tensor]]:
    """Return the time constants (mem, syn) of every population in steps."""

    def steps(tau: Float) -> Tensor:
        return torch.tensor(tau / net.dt, dtype=torch.float32)

    return [(steps(p.neurons.tau_mem), steps(p.neurons.tau_syn)) for p in net.populations]


def _given(net: Network, recording: Recording) -> list[Tensor]:
    """Return spikes of populations that spike and voltages of others, (N, n, T)."""
    given = []
    for k, p in enumerate(net.populations):
        dense = recording.spikes[k].to_dense() if p.neurons.spiking else recording.v[k]
        given.append(torch.tensor(dense.transpose(1, 2, 0).astype(np.float32)))
    return given


def tune(
    net: Network,
    where: Target | Mismatch,
    train: Recordings,
    tuning: Tuning,
    *,
    test: Recordings | None = None,
    on_batch: OnBatch = lambda done, n_batches: None,
    on_epoch: OnEpoch = lambda metrics: None,
) -> Network:
    """Train the weights of a network on, on a target or on dies drawn from a mismatch.

    Parameters
    ----------
    where : Target or Mismatch
        The chip in the loop; or what a new die is drawn from in every batch.
    test : Recordings, optional
        Classified after every epoch: on the target, or by the network without mismatch.

    Raises
    ------
    UnsupportedError
        If neurons are no CUBA neurons, or decays are Euler's.
    ValidationError, TrainingError, TargetError
        As :func:`hetlava.train.fit.fit` and the target do.
    """
    if net.discretisation != "exponential":
        raise UnsupportedError("tuning takes exponential decays; this network has Euler's")
    config = config_for_tuning(net, train, tuning)
    fixed = FixedNet(net)
    wrapped: Callable[[], WrappedNet] = (
        (lambda: MismatchNet(fixed, where))
        if isinstance(where, Mismatch)
        else (lambda: ChipInLoop(fixed, where))
    )
    data = binned(train, config), None if test is None else binned(test, config)
    with threads(1):
        run_epochs(wrapped(), config, data, (tuning.checkpoint, tuning.resume), on_batch, on_epoch)
    note: dict[str, Plain] = {"epochs": tuning.epochs, "lr": config.lr, "on": _name(where)}
    return fixed.to_network(net.n_steps, {**net.metadata, "tuned": note})


def _name(where: Target | Mismatch) -> str:
    return where.name if isinstance(where, Mismatch) else where.description


def config_for_tuning(net: Network, train: Recordings, tuning: Tuning) -> TrainConfig:
    """Return the training run that tuning is."""
    if tuning.epochs < 1:
        raise ValidationError(f"tuning for {tuning.epochs} epochs, expected at least 1")
    preset = PRESETS.get(train.name, {})
    usual = float(preset.get("lr", TrainConfig.__dataclass_fields__["lr"].default))
    return TrainConfig(
        dataset=train.name,
        dt=net.dt,
        n_steps=net.n_steps,
        epochs=tuning.epochs,
        batch=tuning.batch,
        lr=RATE * usual if tuning.lr is None else tuning.lr,
        lr_tau=0.0,
        half_life=max(tuning.epochs / 2, 1.0),
        image=preset.get("image"),
        shift=preset.get("shift", 0),
        seed=tuning.seed,
        device="cpu",
    )
