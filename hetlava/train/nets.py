"""What a network must offer to be trained, whichever library its neurons come from."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from hetlava.network import Network, Plain, Readout
from hetlava.train.draws import per_sample
from hetlava.train.log_tau import LogTau, Taus
from hetlava.train.spike_rows import SpikeRows


class TrainableNet(nn.Module, ABC):
    """A stack of layers whose output is read as ``readout`` says.

    Attributes
    ----------
    dt : float
        Length of a step [s].
    threshold : float
        Firing threshold of every neuron [V].
    takes_rows : bool
        Input may come as events, :class:`SpikeRows`, on the CPU.
    """

    readout: Readout = "spike-count"
    takes_rows: bool = False
    dt: float
    threshold: float

    @abstractmethod
    def forward(
        self, x: Tensor | SpikeRows, drop: float = 0.0, rng: torch.Generator | None = None
    ) -> list[Tensor]:
        """Return the output of every layer, (N, n, T) each, for input spikes (N, n_inputs, T).

        Hidden layers give spikes; the last gives spikes, or voltages [V] where these are read.

        Parameters
        ----------
        drop : float
            Share of the neurons whose spikes reach no later layer, drawn for every sample; the
            spikes of the others grow to make up.
        """

    @abstractmethod
    def weights(self) -> list[nn.Parameter]:
        """Return the weights of all layers."""

    def thresholds(self) -> list[nn.Parameter]:
        """Return the thresholds that are learned; none, unless a net says otherwise."""
        return []

    def begin(self, epoch: int, n_epochs: int, ramp: float) -> None:
        """Prepare for an epoch (from 0); ``ramp`` is the share in which rounding comes in."""

    @abstractmethod
    def taus(self) -> list[Taus]:
        """Return the time constants of every layer as they are now."""

    @abstractmethod
    def mem_taus(self) -> list[Tensor]:
        """Return the membrane time constants of every layer in steps, with gradients."""

    @abstractmethod
    def project(self) -> None:
        """Bring weights and time constants back to what the chip can hold."""

    @abstractmethod
    def initialise(self, x: Tensor, spread: float, rng: torch.Generator) -> None:
        """Draw weights for which the free voltage of each neuron varies by ``spread`` thresholds.

        Parameters
        ----------
        x : (N, n_inputs, T)
            A batch of the data.
        """

    @abstractmethod
    def to_network(self, n_steps: int, metadata: dict[str, Plain]) -> Network:
        """Return the float network of what was trained."""

    def log_taus(self) -> list[nn.Parameter]:
        """Return what is learned of the time constants."""
        found = [p for n, p in self.named_parameters() if n.endswith(".original")]
        return [p for p in found if p.requires_grad]

    def live_taus(self, name: str) -> list[Tensor]:
        """Return the time constants behind ``name`` of every layer in steps, with gradients."""
        return [
            lists[0].steps(lists.original)
            for module in self.modules()
            for key, lists in getattr(module, "parametrizations", {}).items()
            if key == name and isinstance(lists[0], LogTau)
        ]

    def spikes(self, outputs: Sequence[Tensor]) -> list[Tensor]:
        """Return those outputs that are spikes."""
        return list(outputs if self.readout == "spike-count" else outputs[:-1])


def by_step(x: Tensor | SpikeRows) -> Tensor | SpikeRows:
    """Return spikes as layers take them: tensors (N, n, T) as (T, N, n), events as they are."""
    return x.permute(2, 0, 1) if isinstance(x, Tensor) else x


def as_tensor(x: Tensor | SpikeRows) -> Tensor:
    """Return what the libraries' own path takes, or refuse events."""
    if isinstance(x, Tensor):
        return x
    raise TypeError("events drive fused layers only; this backend takes tensors (N, n, T)")


def dropped(x: Tensor, drop: float, rng: torch.Generator | None) -> Tensor:
    """Silence a share of the neurons of ``x`` (N, n, T) for a whole sample."""
    if not drop:
        return x
    drawn = per_sample(lambda n: torch.rand((n, x.shape[1]), generator=rng), len(x), rng)
    kept = drawn.to(x.device) >= drop
    return x * (kept / (1 - drop))[..., None]


def one_step_later(x: Tensor) -> Tensor:
    """Delay ``x`` (..., T) by the step that every projection of the chip takes."""
    return nn.functional.pad(x[..., :-1], (1, 0))


def layer_names(n_layers: int) -> list[str]:
    """Return ``hidden1, hidden2, .., output``."""
    return [*(f"hidden{k}" for k in range(1, n_layers)), "output"]
