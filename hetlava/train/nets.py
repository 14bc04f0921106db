"""What a network must offer to be trained, whichever library its neurons come from."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn

from hetlava.declarations import POTENTIALS
from hetlava.network import Network, Plain, Readout
from hetlava.train.draws import per_sample
from hetlava.train.log_tau import LogTau, Taus
from hetlava.train.potentials import LayerPotentials, Potential
from hetlava.train.spike_rows import SpikeRows
from hetlava.train.wiring import Wiring


class TrainableNet(nn.Module, ABC):
    """A stack of layers whose output is read as ``readout`` says.

    Attributes
    ----------
    dt : float
        Length of a step [s].
    threshold : float
        Mean firing threshold [V], which voltages are measured in.
    wirings : sequence of Wiring
        How every layer is reached.
    takes_rows : bool
        Input may come as events, :class:`SpikeRows`, on the CPU.
    decays : mapping
        What layers call the decays of ``tau_mem`` and ``tau_syn``.
    """

    readout: Readout = "spike-count"
    takes_rows: bool = False
    decays: Mapping[str, str] = MappingProxyType({})
    dt: float
    threshold: float
    wirings: Sequence[Wiring] = ()

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
        """Return the thresholds that are learned."""
        return self.learned("threshold")

    def begin(self, epoch: int, n_epochs: int, ramp: float) -> None:
        """Prepare for an epoch (from 0); ``ramp`` is the share in which rounding comes in."""

    @abstractmethod
    def taus(self) -> list[Taus]:
        """Return the time constants of every layer as they are now."""

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

    def learned(self, parameter: str) -> list[nn.Parameter]:
        """Return what is learned of a parameter, layer by layer."""
        if parameter in POTENTIALS:
            return [p.learned for p in self._potentials(parameter) if p.learned is not None]
        found = [held.original for held in self._decays(parameter)]
        return [p for p in found if p.requires_grad]

    def values(self, parameter: str) -> list[Tensor]:
        """Return a parameter's values of every layer, (n,) each, with gradients.

        Time constants are in steps, potentials in thresholds.
        """
        if parameter in POTENTIALS:
            return [p() / self.threshold for p in self._potentials(parameter)]
        return self.live_taus(self.decays[parameter])

    def moves(self, parameter: str) -> list[Tensor]:
        """Return what training has added to a parameter that a penalty holds where it began.

        In the space that is learned in, potentials in thresholds; (n,) each, or (1,) of a layer.
        """
        if parameter in POTENTIALS:
            held = self._potentials(parameter)
            return [(p.learned - p.begin) / self.threshold for p in held if p.learned is not None]
        return [held.original - held[0].begin for held in self._decays(parameter)]

    def layer_potentials(self) -> list[LayerPotentials]:
        """Return the potentials of every layer."""
        return [module for module in self.modules() if isinstance(module, LayerPotentials)]

    def _potentials(self, parameter: str) -> list[Potential]:
        named = [layer.named() for layer in self.layer_potentials()]
        return [found[parameter] for found in named if parameter in found]

    def _decays(self, parameter: str) -> list[Any]:
        """Return PyTorch's lists of what computes the decays of a time constant."""
        key = self.decays.get(parameter)
        lists = (getattr(module, "parametrizations", {}) for module in self.modules())
        return [found[key] for found in lists if key in found]

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
