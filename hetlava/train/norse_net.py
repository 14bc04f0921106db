"""Networks of norse's own LIF and LI steps, in the form that a chip can hold.

norse integrates by Euler's method; one step, with ``k = dt / tau_mem`` and weights ``V``::

    i[t] = (1 - dt / tau_syn) i[t-1] + V s[t-1]
    v[t] = v[t-1] + k (v_leak - v[t-1] + i[t]),     s[t] = v[t] > v_th,  then v[t] = v_reset

With ``u = k i`` and ``W = k V`` these are the equations of :mod:`hetlava.neurons.cuba`. What is
learned here is ``W``, on the chip's grid, so that the rows of neurons with different time constants
share one range; norse is given ``V = W / k``. Every projection takes the step that it takes on the
chip, which norse's recurrent weights do by themselves.

Voltages are measured from the reset potential, where they begin, as the chip has them: see
:mod:`hetlava.train.potentials`.

The fused backend runs whole layers of :mod:`hetlava.train.cuba_layer` on ``u``, ``W``: the same
equations in another order of operations, so that a voltage may differ in its last bit. What norse
does of the reset's gradient is kept: feed-forward cells differentiate the spike in it, recurrent
ones do not.
"""

from collections.abc import Sequence
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn

from hetlava.arrays import Float
from hetlava.chips import LOIHI2
from hetlava.declarations import Heterogeneity
from hetlava.float_synapses import FloatSynapses, Projection
from hetlava.graph import INPUT
from hetlava.network import Network, Plain, Population, Readout
from hetlava.train.config import Backend
from hetlava.train.image_synapses import projection
from hetlava.train.learning import clamp_log_tau
from hetlava.train.log_tau import Taus
from hetlava.train.nets import (
    TrainableNet,
    as_tensor,
    by_step,
    dropped,
    layer_names,
    one_step_later,
)
from hetlava.train.norse_layer import NorseLayer, surrogate_gradient
from hetlava.train.potentials import LayerPotentials, Potentials, constants
from hetlava.train.spike_rows import SpikeRows
from hetlava.train.surrogates import SURROGATES, round_to
from hetlava.train.wiring import Wiring, dense_wirings

STEPS_TO_THRESHOLD = 128  # of the grid of weights: the largest weight is about one threshold
RECURRENT_SPREAD = 0.4  # share of the free voltage's spread that recurrent weights start with


class NorseNet(TrainableNet):
    """Layers of norse's LIF neurons, the last of them spiking or integrating.

    Parameters
    ----------
    n_inputs : int
    taus : sequence of Taus
        One per layer, the output included; their length is the layer's size.
    dt : float
        Length of a step [s].
    declared : Heterogeneity
        How parameters are learned, and where they are clipped.
    potentials : sequence of Potentials, optional
        One per layer; the declared means if there are none.
    recurrent : bool
        Dense hidden layers project onto themselves.
    backend : str
        ``fused`` layers, or ``plain``: norse's own steps, for comparison.
    wirings : sequence of Wiring, optional
        One per layer; dense layers if there are none.
    """

    decays = MappingProxyType({"tau_mem": "mem_share", "tau_syn": "syn_share"})

    def __init__(
        self,
        n_inputs: int,
        taus: Sequence[Taus],
        dt: float,
        *,
        declared: Heterogeneity,
        potentials: Sequence[Potentials] | None = None,
        surrogate: str = "superspike",
        readout: Readout = "spike-count",
        recurrent: bool = False,
        backend: Backend = "fused",
        wirings: Sequence[Wiring] | None = None,
    ) -> None:
        super().__init__()
        sizes = [t.mem.size for t in taus]
        self.wirings = wired = list(wirings or dense_wirings(n_inputs, sizes))
        self.backend, self.takes_rows = backend, backend == "fused"
        self.dt, self.threshold, self.n_inputs = dt, declared.unit, n_inputs
        self.surrogate, self.readout = surrogate, readout
        self.grid = self.threshold / STEPS_TO_THRESHOLD
        drawn = potentials or [constants(declared, n) for n in sizes]
        self.layers: Any = nn.ModuleList(
            NorseLayer(
                w,
                t,
                self._potentials_of(v, declared, k < len(taus), w.positions),
                declared,
                dt=dt,
                grid=self.grid,
                above=self.above,
                recurrent=recurrent and k < len(taus) and not w.kernel,
            )
            for k, (w, t, v) in enumerate(zip(wired, taus, drawn, strict=True), start=1)
        )

    def _potentials_of(
        self, drawn: Potentials, declared: Heterogeneity, hidden: bool, positions: int
    ) -> LayerPotentials:
        # the chip's unit of thresholds and biases is half that of weights of mixed sign
        step = self.grid / 2
        spiking = hidden or self.readout == "spike-count"
        largest = LOIHI2.vth_max * step
        return LayerPotentials(drawn, declared, step, largest, spiking=spiking, positions=positions)

    @property
    def above(self) -> float:
        """Half a unit of the chip's state [V], which comes on top of every threshold.

        A voltage that equals the threshold, as sums of weights on the grid do, is then no spike in
        any precision; on the chip both are the same word.
        """
        return 0.5 * self.grid / STEPS_TO_THRESHOLD

    def forward(
        self, x: Tensor | SpikeRows, drop: float = 0.0, rng: torch.Generator | None = None
    ) -> list[Tensor]:
        """Return the output of every layer, (N, n, T) each, for input spikes (N, n_inputs, T)."""
        outputs: list[Tensor] = []
        with surrogate_gradient(self.surrogate, self.threshold):
            for k, layer in enumerate(self.layers, start=1):
                integrates = k == len(self.layers) and self.readout != "spike-count"
                y = self._step(layer, x, integrates)
                outputs.append(y.permute(1, 2, 0))
                x = dropped(outputs[-1], drop, rng)
        return outputs

    def _step(self, layer: NorseLayer, x: Tensor | SpikeRows, integrates: bool) -> Tensor:
        if self.backend == "fused":
            surrogate = None if integrates else SURROGATES[self.surrogate]
            return layer.fused(by_step(x), self.threshold, surrogate)
        arriving = one_step_later(as_tensor(x)).permute(2, 0, 1)
        if integrates:
            return layer.integrate(arriving, layer.rounded(layer.weight))
        return layer.fire(arriving)

    def weights(self) -> list[nn.Parameter]:
        """Return the weights or kernels of every layer, recurrent ones (n, n) after them."""
        recurrent = [layer.recurrent for layer in self.layers if layer.recurrent is not None]
        return [*(layer.weight for layer in self.layers), *recurrent]

    def taus(self) -> list[Taus]:
        """Return the time constants of every layer as they are now, of rounded decays."""
        return [
            Taus(mem=self._tau(layer.shares()[0]), syn=self._tau(layer.shares()[1]))
            for layer in self.layers
        ]

    def _tau(self, share: Tensor) -> Float:
        tau: Float = self.dt / share.detach().double().cpu().numpy()
        return tau

    @torch.no_grad()
    def project(self) -> None:
        """Bring decays back into 1 .. 4095 and weights into the range of their grid."""
        for weight in self.weights():
            weight.clamp_(-STEPS_TO_THRESHOLD * self.grid, (STEPS_TO_THRESHOLD - 1) * self.grid)
        for layer in self.layers:
            for name in ("mem_share", "syn_share"):
                clamp_log_tau(layer, name)
            layer.potentials.project()

    @torch.no_grad()
    def initialise(self, x: Tensor, spread: float, rng: torch.Generator) -> None:
        """Draw weights that move every free voltage by ``spread`` thresholds."""
        most, goal = STEPS_TO_THRESHOLD * self.grid, spread * self.threshold
        for k, layer in enumerate(self.layers, start=1):
            arriving = one_step_later(x).permute(2, 0, 1)
            layer.draw(layer.weight, arriving, goal, most, rng)
            if k == len(self.layers):
                break
            y = layer.fire(arriving, loop=False)
            x = y.permute(1, 2, 0)
            if layer.recurrent is not None:
                later = one_step_later(x).permute(2, 0, 1)
                layer.draw(layer.recurrent, later, RECURRENT_SPREAD * goal, most, rng)
        self.project()

    def to_network(self, n_steps: int, metadata: dict[str, Plain]) -> Network:
        """Return the float network: Euler's decays, and the weights that the forward pass uses."""
        names = layer_names(len(self.layers))
        projections: list[FloatSynapses] = []
        for source, name, layer in zip([INPUT, *names], names, self.layers, strict=False):
            weights = self._on_grid(layer.weight)
            projections.append(projection(layer.wiring, source, name, weights, self.grid))
            if layer.recurrent is not None:
                loop = self._on_grid(layer.recurrent)
                projections.append(
                    Projection(source=name, target=name, weights=loop, grid=self.grid)
                )
        return Network(
            dt=self.dt,
            n_inputs=self.n_inputs,
            n_steps=n_steps,
            populations=tuple(
                Population(name=name, neurons=layer.neurons(taus))
                for name, layer, taus in zip(names, self.layers, self.taus(), strict=True)
            ),
            projections=tuple(projections),
            output=names[-1],
            readout=self.readout,
            discretisation="euler",
            metadata=metadata,
        )

    def _on_grid(self, weight: Tensor) -> Float:
        rounded: Float = round_to(weight.detach().double().cpu(), self.grid).numpy()
        return rounded
