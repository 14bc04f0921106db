"""Quantisation-aware training: a float network whose forward pass becomes what the chip computes.

Scales are those that :func:`hetlava.quantisation.quantise` chooses for the network that training
begins with, and they stay; grids of weights, thresholds and decays follow from them, so that the
network that is written quantises to the integers that it was trained in. Rounding comes gradually:
``hardness`` grows from epoch to epoch, and with 1 the states are the chip's whole numbers too.
"""

from collections.abc import Sequence
from types import MappingProxyType

import numpy as np
import torch
from torch import Tensor, nn

from hetlava.arrays import Float
from hetlava.chips import LOIHI2
from hetlava.declarations import TIMES, Heterogeneity
from hetlava.errors import UnsupportedError
from hetlava.fixedpoint import decay_tau
from hetlava.float_synapses import Convolution, FloatSynapses, Projection
from hetlava.graph import INPUT
from hetlava.network import Network, Plain, Population, refuse_delays
from hetlava.quantisation import quantise
from hetlava.train.cuba_rule import FULL, CubaRule
from hetlava.train.image_synapses import projection, weights_of
from hetlava.train.log_tau import Taus
from hetlava.train.nets import TrainableNet, by_step, dropped
from hetlava.train.qat_layer import LEVELS, QatLayer, on_grid
from hetlava.train.spike_rows import SpikeRows
from hetlava.train.surrogates import Surrogate
from hetlava.train.wiring import Wiring, dense_wirings


class QatNet(TrainableNet):
    """Layers of CUBA-LIF neurons on the chip's grid.

    Parameters
    ----------
    network : Network
        Where training begins: a chain of populations from the input to the output, each of which
        may project onto itself.
    surrogates : sequence of Surrogate
        One per layer; that of integrators is not read.
    declared : Heterogeneity
        How parameters are learned, and where they are clipped; voltages are read in its unit.
    wirings : sequence of Wiring, optional
        One per layer, of pools and kernels; those of the network's synapses if there are none.

    Raises
    ------
    UnsupportedError
        If the network is no chain, or not wired so.
    RuleError
        If it does not fit the chip.
    """

    takes_rows = True
    decays = MappingProxyType(dict(zip(TIMES, LEVELS, strict=True)))

    def __init__(
        self,
        network: Network,
        surrogates: Sequence[Surrogate],
        *,
        declared: Heterogeneity,
        wirings: Sequence[Wiring] | None = None,
    ) -> None:
        super().__init__()
        check_chain(network)
        wired = wirings_of(network) if wirings is None else list(wirings)
        if len(wired) != len(network.populations):
            raise UnsupportedError(
                f"the network has {len(network.populations)} layers, {len(wired)} are asked for"
            )
        self.wirings = wired
        self.dt, self.threshold, self.n_inputs = network.dt, declared.unit, network.n_inputs
        self.readout, self.discretisation = network.readout, network.discretisation
        self.surrogates, self.hardness = tuple(surrogates), 1.0
        scales = {p.name: p.scale for p in quantise(network, LOIHI2).populations}
        self.layers = nn.ModuleList(
            QatLayer(network, p, w, scales[p.name], LOIHI2.vth_max, declared)
            for p, w in zip(network.populations, wired, strict=True)
        )

    def begin(self, epoch: int, n_epochs: int, ramp: float) -> None:
        """Set the hardness of an epoch (from 0): it reaches 1 after a share ``ramp`` of them."""
        self.hardness = min(1.0, (epoch + 1) / (int(ramp * n_epochs) + 1))

    def each(self) -> list[QatLayer]:
        """Return the layers."""
        return [layer for layer in self.layers if isinstance(layer, QatLayer)]

    def forward(
        self, x: Tensor | SpikeRows, drop: float = 0.0, rng: torch.Generator | None = None
    ) -> list[Tensor]:
        """Return the output of every layer, (N, n, T) each, for input spikes (N, n_inputs, T)."""
        outputs: list[Tensor] = []
        for layer, surrogate in zip(self.each(), self.surrogates, strict=True):
            rule = CubaRule(
                surrogate=surrogate if layer.spiking else None,
                reset_gradient="detached",
                scale=float(layer.scale) if self.hardness == 1 else None,
            )
            y = layer.run(by_step(x), rule, self.hardness)
            outputs.append(y.permute(1, 2, 0))
            x = dropped(outputs[-1], drop, rng)
        return outputs

    def weights(self) -> list[nn.Parameter]:
        """Return the weights or kernels of every layer, recurrent ones (n, n) after them."""
        layers = self.each()
        recurrent = [layer.recurrent for layer in layers if layer.recurrent is not None]
        return [*(layer.weight for layer in layers), *recurrent]

    def taus(self) -> list[Taus]:
        """Return the time constants of the whole decay words of every layer."""
        return [Taus(*(self._tau(layer, name) for name in LEVELS)) for layer in self.each()]

    def _tau(self, layer: QatLayer, name: str) -> Float:
        words = layer.words(name)
        if self.discretisation == "exponential":
            return decay_tau(words.astype(np.int32), self.dt)
        tau: Float = self.dt * FULL / words
        return tau

    def project(self) -> None:
        """Bring weights, thresholds and decays back to what the chip can hold."""
        for layer in self.each():
            layer.project()

    def initialise(self, x: Tensor, spread: float, rng: torch.Generator) -> None:
        """Keep the weights: they are those of the network that training began with."""

    def to_network(self, n_steps: int, metadata: dict[str, Plain]) -> Network:
        """Return the network that the chip's integers stand for: nothing of it is rounded again."""
        layers = self.each()
        projections: list[FloatSynapses] = []
        for source, layer in zip([INPUT, *(ly.name for ly in layers)], layers, strict=False):
            grid = 2 * layer.step
            weights = on_grid(layer.weight, grid)
            projections.append(projection(layer.wiring, source, layer.name, weights, grid))
            if layer.recurrent is not None:
                loop = on_grid(layer.recurrent, grid)
                projections.append(
                    Projection(source=layer.name, target=layer.name, weights=loop, grid=grid)
                )
        return Network(
            dt=self.dt,
            n_inputs=self.n_inputs,
            n_steps=n_steps,
            populations=tuple(
                Population(name=layer.name, neurons=layer.neurons(taus))
                for layer, taus in zip(layers, self.taus(), strict=True)
            ),
            projections=tuple(projections),
            output=layers[-1].name,
            readout=self.readout,
            discretisation=self.discretisation,
            metadata=metadata,
        )


def check_chain(network: Network) -> None:
    """Refuse networks that are more than a chain of populations with loops onto themselves.

    Raises
    ------
    UnsupportedError
        If a population has another projection than from the one before it and from itself.
    """
    refuse_delays(network, "quantisation-aware training")
    names = [p.name for p in network.populations]
    wires = [(p.source, p.target) for p in network.projections]
    chain = list(zip([INPUT, *names], names, strict=False))
    strange = [w for w in wires if w not in chain and w[0] != w[1]]
    if strange or len(set(wires)) < len(wires) or not set(chain) <= set(wires):
        raise UnsupportedError(
            "quantisation-aware training takes a chain of populations, each perhaps onto itself; "
            f"the projections are {', '.join(f'{a} -> {b}' for a, b in wires)}"
        )
    if network.output != names[-1]:
        raise UnsupportedError(
            f"the output is {network.output}, not the last of {', '.join(names)}"
        )


def wirings_of(network: Network) -> list[Wiring]:
    """Return how the layers of a chain are wired; a kernel over sums is one larger kernel.

    Raises
    ------
    UnsupportedError
        If a kernel is of a kind that is not trained here.
    """
    reached = {p.target: p for p in network.projections if p.source != p.target}
    return [_wiring_of(reached[p.name]) for p in network.populations]


def _wiring_of(q: FloatSynapses) -> Wiring:
    if isinstance(q, Projection):
        return dense_wirings(q.shape[1], [q.shape[0]])[0]
    if not isinstance(q, Convolution):
        raise UnsupportedError(f"{q.label}: lists of synapses are not trained here; give a matrix")
    wiring = Wiring(
        source=q.input_shape,
        target=q.output_shape,
        kernel=q.weights.shape[2],
        stride=q.stride[0],
        padding=q.padding[0][0],
    )
    weights_of(q, wiring)
    return wiring
