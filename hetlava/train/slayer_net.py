"""A feed-forward network of lava-dl's CUBA blocks with time constants of our own.

The blocks keep lava-dl's axes (N, C, T), its rounding of weights, decays and states, its spike
function. Ours are the dynamics, the delay of one step per block, the time constants (drawn per
neuron, learned as logarithms) and the first weights.

The fused backend takes weights, decays and thresholds from the blocks and runs whole layers of
:mod:`hetlava.train.cuba_layer`, to the same spikes. Two things differ: u and v are the chip's
24-bit words there, which those of the blocks are not, and the surrogate derivative stands at the
threshold, half a unit of the state below where that of the blocks does. Thresholds per neuron,
resting and reset potentials are known to the fused backend only.

Layers of images are blocks of ``slayer.block.cuba.Conv`` whose neurons stand in a row (N, n, T), so
that each may have time constants of its own; a block's neurons know only those of a channel.
"""

from collections.abc import Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from hetlava.arrays import Float
from hetlava.chips import LOIHI2
from hetlava.declarations import Heterogeneity
from hetlava.distributions import Constant
from hetlava.errors import UnsupportedError
from hetlava.export.lava_import import slayer
from hetlava.graph import INPUT
from hetlava.network import Network, Plain, Population
from hetlava.neurons.cuba import CubaLIF
from hetlava.train.config import Backend
from hetlava.train.cuba_layer import by_sender
from hetlava.train.cuba_rule import CubaParameters, CubaRule
from hetlava.train.dynamics import FULL, corrected_dynamics, dynamics
from hetlava.train.image_layer import currents, image_layer, pooled
from hetlava.train.image_synapses import projection
from hetlava.train.learning import clamp_log_tau, learn_log_tau
from hetlava.train.log_tau import Taus, tau_of
from hetlava.train.nets import (
    TrainableNet,
    as_tensor,
    by_step,
    dropped,
    layer_names,
    one_step_later,
)
from hetlava.train.potentials import LayerPotentials, Potentials, constants
from hetlava.train.spike_rows import SpikeRows
from hetlava.train.surrogates import Surrogate, round_to
from hetlava.train.wiring import Wiring, dense_wirings

W_SCALE = 1 << 6  # lava-dl's units of a weight per volt
S_SCALE = W_SCALE << 6  # and of the state
STEP = 1 / W_SCALE  # [V], the grid of thresholds and biases
GRID = 2 / W_SCALE  # [V], weights of mixed sign are even
W_MAX = 254 / W_SCALE  # [V]

# width (in thresholds) and height (times threshold) of the surrogate derivative
SURROGATE_WIDTH = 0.5
SURROGATE_HEIGHT = 0.5
# an output that another class has pushed far below its threshold must find back
OUTPUT_WIDTH = 1.0
# lava-dl multiplies what it is given by these
TAU_RHO_MULT, SCALE_RHO_MULT = 100, 0.1


class SlayerNet(TrainableNet):
    """Blocks of ``slayer.block.cuba.Dense`` and ``Conv``, one per layer.

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
    backend : str
        ``fused`` layers, or ``plain``: the blocks' own path, for comparison.
    wirings : sequence of Wiring, optional
        One per layer; dense layers if there are none.

    Raises
    ------
    UnsupportedError
        If potentials are declared that the blocks' own path cannot hold.
    """

    decays = MappingProxyType({"tau_mem": "voltage_decay", "tau_syn": "current_decay"})

    def __init__(
        self,
        n_inputs: int,
        taus: Sequence[Taus],
        dt: float,
        *,
        declared: Heterogeneity,
        potentials: Sequence[Potentials] | None = None,
        backend: Backend = "fused",
        wirings: Sequence[Wiring] | None = None,
    ) -> None:
        super().__init__()
        sizes = [t.mem.size for t in taus]
        self.wirings = list(wirings or dense_wirings(n_inputs, sizes))
        self.dt, self.threshold, self.plain = dt, declared.unit, declared.plain_potentials
        self.backend, self.takes_rows = backend, backend == "fused"
        if backend == "plain" and not self.plain:
            raise UnsupportedError(
                "the blocks of lava-dl have one fixed threshold, and rest and are reset at 0 V; "
                "use the backend fused, or norse"
            )
        widths = surrogate_widths(len(taus))
        # Any: PyTorch types the members of a list as bare modules
        self.blocks: Any = nn.ModuleList(
            _block(w, t, dt, width, declared)
            for w, t, width in zip(self.wirings, taus, widths, strict=True)
        )
        drawn = potentials or [constants(declared, n) for n in sizes]
        for block, v, w in zip(self.blocks, drawn, self.wirings, strict=True):
            if isinstance(declared.threshold.distribution, Constant):
                # as lava-dl rounds it
                rounded: Any = block
                v = replace(v, threshold=np.full_like(v.threshold, rounded.neuron.threshold))
            block.potentials = LayerPotentials(
                v, declared, STEP, LOIHI2.vth_max * STEP, positions=w.positions
            )

    def forward(
        self, x: Tensor | SpikeRows, drop: float = 0.0, rng: torch.Generator | None = None
    ) -> list[Tensor]:
        """Return the spikes of every layer, (N, n, T) each, for input spikes (N, n_inputs, T)."""
        spikes: list[Tensor] = []
        with corrected_dynamics():
            for block, w, rule in zip(self.blocks, self.wirings, self._rules(), strict=True):
                if self.backend == "fused":
                    x = _fused(block, w, by_step(x), rule).permute(1, 2, 0)
                else:
                    x = one_step_later(_plain(block, w, as_tensor(x)))
                spikes.append(x)
                x = dropped(x, drop, rng)
        return spikes

    def _rules(self) -> list[CubaRule]:
        return [
            CubaRule(surrogate=surrogate_of(width), reset_gradient="detached", scale=float(S_SCALE))
            for width in surrogate_widths(len(self.blocks))
        ]

    def weights(self) -> list[nn.Parameter]:
        """Return the weights of every layer, (n_post, n_pre, 1, 1, 1) or (.., .., k, k, 1)."""
        return [block.synapse.weight for block in self.blocks]

    def taus(self) -> list[Taus]:
        """Return the time constants of every layer as they are now."""
        return [
            Taus(
                mem=tau_of(block.neuron.voltage_decay, self.dt),
                syn=tau_of(block.neuron.current_decay, self.dt),
            )
            for block in self.blocks
        ]

    def to_network(self, n_steps: int, metadata: dict[str, Plain]) -> Network:
        """Return :func:`to_network` of this net."""
        return to_network(self, n_steps, metadata)

    @torch.no_grad()
    def project(self) -> None:
        """Bring decays back into 1 .. 4095 and weights into the range of their grid."""
        for block in self.blocks:
            block.synapse.weight.clamp_(-W_MAX, W_MAX)
            for name in ("current_decay", "voltage_decay"):
                clamp_log_tau(block.neuron, name)
            block.potentials.project()

    @torch.no_grad()
    def initialise(self, x: Tensor, spread: float, rng: torch.Generator) -> None:
        """Draw weights that move every free voltage by ``spread`` thresholds."""
        for block, w, rule in zip(self.blocks, self.wirings, self._rules(), strict=True):
            weight, neuron = block.synapse.weight, block.neuron
            weight.copy_(torch.randn(weight.shape, generator=rng))
            current = _currents(x, weight, w)
            rest = torch.zeros(1, device=x.device)
            for decay in (neuron.current_decay, neuron.voltage_decay):
                current = dynamics(current, decay, rest, 1.0, rounding=False)
            # of every neuron, or of all neurons that share a kernel
            free = current.transpose(0, 1).reshape(len(weight), -1).std(1).clamp_min(1e-6)
            weight.mul_((spread * neuron.threshold / free).reshape(-1, 1, 1, 1, 1))
            weight.clamp_(-W_MAX, W_MAX)
            if not self.plain:
                x = _fused(block, w, by_step(x), rule).permute(1, 2, 0)
                continue
            with corrected_dynamics():
                x = one_step_later(_plain(block, w, x))


def surrogate_widths(n_layers: int) -> list[float]:
    """Return the widths of the surrogate derivative of every layer, in thresholds."""
    return [*[SURROGATE_WIDTH] * (n_layers - 1), OUTPUT_WIDTH]


def surrogate_of(width: float) -> Surrogate:
    """Return the derivative of SLAYER's spike, ``width`` in thresholds."""
    return Surrogate(shape="exponential", steepness=1 / width, height=SURROGATE_HEIGHT)


def _currents(x: Tensor, weight: Tensor, wiring: Wiring) -> Tensor:
    """Return what weights of a block make of spikes (N, n_pre, T), (N, n, T)."""
    if wiring.plain:
        return nn.functional.conv3d(x[:, :, None, None], weight)[:, :, 0, 0]
    arriving = x.permute(2, 0, 1)
    return currents(arriving, weight.reshape(wiring.weight_shape), wiring).permute(1, 2, 0)


def _plain(block: Any, wiring: Wiring, x: Tensor) -> Tensor:
    """Return what a block makes of spikes (N, n_pre, T) in the same step, (N, n, T)."""
    if wiring.pool > 1:
        x = pooled(x.permute(2, 0, 1), wiring).permute(1, 2, 0)
    if not wiring.kernel:
        return block(x)  # type: ignore[no-any-return]
    images = x.reshape(len(x), *wiring.pooled, -1)
    return block.neuron(block.synapse(images).flatten(1, 3))  # type: ignore[no-any-return]


def _fused(block: Any, wiring: Wiring, x: Tensor | SpikeRows, rule: CubaRule) -> Tensor:
    """Return the spikes (T, N, n) of a block for those that are sent to it, a step later."""
    neuron = block.neuron
    # what the block's own rounding gives for weights in its range, which they are projected to
    weight = round_to(_shaped(block.synapse.weight, wiring), GRID)
    syn, mem = (round_to(d, 1) / FULL for d in (neuron.current_decay, neuron.voltage_decay))
    threshold, bias = block.potentials.shifted(mem, lambda v: round_to(v, STEP))
    width = torch.full_like(mem, neuron.threshold)
    p = CubaParameters(1 - syn, 1 - mem, threshold.to(mem.dtype), bias, width)
    return image_layer(x, weight, p, rule, wiring)


def _shaped(weight: Tensor, wiring: Wiring) -> Tensor:
    """Return a block's weights as (n_post, n_pre), or as kernels."""
    return weight[..., 0] if wiring.kernel else weight.flatten(1)


def _block(wiring: Wiring, taus: Taus, dt: float, width: float, declared: Heterogeneity) -> Any:
    neurons = {
        "threshold": declared.unit,
        "current_decay": 0.5,
        "voltage_decay": 0.5,
        "shared_param": False,
        "tau_grad": width / TAU_RHO_MULT,
        "scale_grad": 2 * width * SURROGATE_HEIGHT / SCALE_RHO_MULT,
    }
    # the delay is made here: on CUDA, lava-dl would compile a kernel for it
    blocks, (n_post, n_pre) = slayer().block.cuba, wiring.weight_shape[:2]
    if wiring.kernel:
        sizes = n_pre, n_post, wiring.kernel, wiring.stride, wiring.padding
        block = blocks.Conv(neurons, *sizes, delay_shift=False)
    else:
        block = blocks.Dense(neurons, n_pre, n_post, delay_shift=False)
        weight = block.synapse.weight
        weight.data = by_sender(weight.data)
    neuron = block.neuron
    # lava-dl draws decays of its own when the shape is still open at the first forward
    neuron.shape, neuron.num_neurons = torch.Size([taus.mem.size]), taus.mem.size
    # half a unit: "above the threshold" in float32 for every threshold of 17 bits
    neuron.threshold_eps = 0.5 / S_SCALE
    for name, tau, how in (
        ("current_decay", taus.syn, declared.tau_syn),
        ("voltage_decay", taus.mem, declared.tau_mem),
    ):
        log_tau = torch.tensor(np.log(tau / dt), dtype=torch.float32)
        learn_log_tau(neuron, name, log_tau, how, dt, positions=wiring.positions)
    return block


@torch.no_grad()
def to_network(net: SlayerNet, n_steps: int, metadata: dict[str, Plain]) -> Network:
    """Return the float network of what was trained.

    Weights are the rounded ones that the forward pass uses. Quantised with 4096 units of the state
    per volt, the network has the integers of the blocks.
    """
    names = layer_names(len(net.blocks))
    sources = [INPUT, *names]
    return Network(
        dt=net.dt,
        n_inputs=net.wirings[0].n_pre,
        n_steps=n_steps,
        populations=tuple(
            Population(name=name, neurons=_neurons(taus, block))
            for name, taus, block in zip(names, net.taus(), net.blocks, strict=True)
        ),
        projections=tuple(
            projection(w, source, target, effective_weights(block, w), GRID)
            for w, source, target, block in zip(
                net.wirings, sources, names, net.blocks, strict=False
            )
        ),
        output=names[-1],
        metadata=metadata,
    )


def effective_weights(block: Any, wiring: Wiring) -> Float:
    """Return the weights that the forward pass of a block uses, as its wiring shapes them [V]."""
    rounded = block.synapse.pre_hook_fx(block.synapse.weight).detach()
    weights: Float = _shaped(rounded, wiring).double().cpu().numpy()
    return weights


def _neurons(taus: Taus, block: Any) -> CubaLIF:
    potentials, mem = block.potentials, round_to(block.neuron.voltage_decay, 1) / FULL
    bias = potentials.shifted(mem.double(), lambda v: round_to(v, STEP)).bias
    threshold, reset = (
        round_to(v(), STEP).double().cpu().numpy() for v in (potentials.threshold, potentials.reset)
    )
    return CubaLIF(
        tau_mem=taus.mem,
        tau_syn=taus.syn,
        v_leak=reset + bias.cpu().numpy() / mem.double().cpu().numpy(),
        v_threshold=threshold,
        v_reset=reset,
    )
