"""CUBA networks of any wiring in torch, step by step in floats: what training on dies is made of.

The equations are those of :mod:`hetlava.neurons.cuba`, nothing rounded; a reset counts as given,
not as something that the gradient could move.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from hetlava.graph import INPUT, groups_in_order
from hetlava.network import Network
from hetlava.neurons.cuba import CubaLIF
from hetlava.train.mismatch_loops import Neurons
from hetlava.train.nets import TrainableNet, dropped, one_step_later
from hetlava.train.surrogates import SURROGATES, spike

OUTPUT_WIDTH = 2.0  # an output that is far below its threshold must find back


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A population's neurons in tensors (n,).

    ``alpha`` and ``beta`` are what a step leaves of current and voltage, ``width`` is the distance
    from the threshold [V] that the surrogate derivative counts as 1.
    """

    name: str
    alpha: Tensor
    beta: Tensor
    leak: Tensor
    threshold: Tensor
    reset: Tensor
    start: Tensor
    width: Tensor
    spiking: bool


@dataclass(frozen=True, kw_only=True)
class Wire:
    """Weights (n_post, n_pre) [V] from a population (or the input) to a population."""

    source: str
    target: str
    weights: Tensor


@dataclass(frozen=True, kw_only=True)
class TorchNetwork:
    """Layers and wires, and the surrogate derivative of their spikes."""

    layers: tuple[Layer, ...]
    wires: tuple[Wire, ...]
    surrogate: str

    def forward(
        self,
        x: Tensor,
        drop: float = 0.0,
        rng: torch.Generator | None = None,
        forced: Sequence[Tensor] | None = None,
    ) -> list[Tensor]:
        """Return the output of every layer (N, n, T) for input spikes (N, n_inputs, T).

        Parameters
        ----------
        forced : sequence of (N, n, T), optional
            What a chip gave instead, spikes or voltages: these are the outputs, they reset the
            neurons and reach the next layers, while derivatives are those of this network.
        """
        names = [layer.name for layer in self.layers]
        given = dict(zip(names, forced, strict=True)) if forced is not None else {}
        sent: dict[str, Tensor] = {INPUT: one_step_later(x)}
        outputs: dict[str, Tensor] = {}
        for members in groups_in_order(names, self._graph()):
            drive = {name: self._drive(name, members, sent, x) for name in members}
            looped = any(w.source in members and w.target in members for w in self.wires)
            run = self._run_loop if looped else self._run_layer
            made = run(members, drive, given)
            outputs |= made
            sent |= {n: one_step_later(dropped(y, drop, rng)) for n, y in made.items()}
        return [outputs[name] for name in names]

    def _graph(self) -> list["_Ends"]:
        return [_Ends(w.source, w.target, (len(w.weights), w.weights.shape[1])) for w in self.wires]

    def _drive(
        self, name: str, members: Sequence[str], sent: dict[str, Tensor], x: Tensor
    ) -> Tensor:
        """Return what reaches a layer from outside of its group, (N, n, T)."""
        layer = next(y for y in self.layers if y.name == name)
        drive = x.new_zeros(x.shape[0], layer.alpha.numel(), x.shape[2])
        for w in self.wires:
            if w.target == name and w.source not in members:
                drive = drive + w.weights @ sent[w.source]
        return drive

    def _run_layer(
        self, members: Sequence[str], drive: dict[str, Tensor], given: dict[str, Tensor]
    ) -> dict[str, Tensor]:
        """Run a layer that does not reach itself, compiled."""
        (y,) = (layer for layer in self.layers if layer.name in members)
        constants = (y.leak, y.threshold, y.reset, y.start, y.width)
        surrogate = self.surrogate if y.spiking else ""
        out: Tensor = Neurons.apply(  # type: ignore[no-untyped-call]
            drive[y.name], y.alpha, y.beta, *constants, given.get(y.name), surrogate
        )
        return {y.name: out}

    def _run_loop(
        self, members: Sequence[str], drive: dict[str, Tensor], given: dict[str, Tensor]
    ) -> dict[str, Tensor]:
        """Run layers on a common loop, step by step."""
        layers = [y for y in self.layers if y.name in members]
        inner = [w for w in self.wires if w.source in members and w.target in members]
        n_steps = next(iter(drive.values())).shape[2]
        zero = {y.name: torch.zeros_like(drive[y.name][..., 0]) for y in layers}
        u, v, s = dict(zero), {y.name: zero[y.name] + y.start for y in layers}, dict(zero)
        out: dict[str, list[Tensor]] = {y.name: [] for y in layers}
        for t in range(n_steps):
            arriving = {y.name: drive[y.name][..., t] for y in layers}
            for w in inner:
                arriving[w.target] = arriving[w.target] + s[w.source] @ w.weights.T
            for y in layers:
                chip = given[y.name][..., t] if y.name in given else None
                u[y.name] = y.alpha * u[y.name] + arriving[y.name]
                v[y.name], s[y.name], seen = _step(y, u[y.name], v[y.name], chip, self.surrogate)
                out[y.name].append(seen)
        return {name: torch.stack(series, -1) for name, series in out.items()}


class _Ends(NamedTuple):
    source: str
    target: str
    shape: tuple[int, int]


def _step(
    y: Layer, u: Tensor, v: Tensor, chip: Tensor | None, surrogate: str
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the voltage after the reset, the spikes and the output of one step."""
    v = y.beta * v + u + (1 - y.beta) * y.leak
    if not y.spiking:
        seen = v if chip is None else chip + (v - v.detach())
        return v, torch.zeros_like(v), seen
    x = (v - y.threshold) / y.width
    if chip is None:
        s = spike(x, SURROGATES[surrogate])
    else:
        # where the chip fired, the voltage was at the threshold; where it did not, below
        at = torch.where(chip > 0, x.detach().clamp(min=0), x.detach().clamp(max=0))
        mine = spike(x + (at - x.detach()), SURROGATES[surrogate])
        s = chip + (mine - mine.detach())
    fired = s.detach()
    return v * (1 - fired) + y.reset * fired, s, s


def torch_network(
    net: Network,
    weights: Sequence[Tensor],
    steps: Sequence[tuple[Tensor, Tensor]],
    surrogate: str,
    learned: Sequence[Mapping[str, Tensor]] | None = None,
) -> TorchNetwork:
    """Return a network with the constants of ``net`` and what of it learns.

    Parameters
    ----------
    weights : sequence of (n_post, n_pre) [V]
        As its projections are ordered.
    steps : sequence of (n,), (n,)
        Membrane and synaptic time constants in steps, of an exponential decay.
    learned : sequence of mappings, optional
        Potentials (n,) [V] of a population by the names of its neurons' fields, in place of those
        that it has: the same values, with gradients.
    """
    like = weights[0]
    volts = learned or [{} for _ in net.populations]

    def tensor(value: object) -> Tensor:
        return torch.tensor(value, dtype=like.dtype, device=like.device)

    layers = []
    for p, (mem, syn), mine in zip(net.populations, steps, volts, strict=True):
        leak = mine.get("v_leak", tensor(p.neurons.v_leak))
        threshold, reset = torch.ones_like(leak), leak
        if isinstance(p.neurons, CubaLIF):
            threshold = mine.get("v_threshold", tensor(p.neurons.v_threshold))
            reset = mine.get("v_reset", tensor(p.neurons.v_reset))
        width = (threshold - leak).abs().detach()
        layers.append(
            Layer(
                name=p.name,
                alpha=torch.exp(-1 / syn),
                beta=torch.exp(-1 / mem),
                leak=leak,
                threshold=threshold,
                reset=reset,
                start=leak,
                width=width * (OUTPUT_WIDTH if p.name == net.output else 1.0),
                spiking=isinstance(p.neurons, CubaLIF),
            )
        )
    wires = tuple(
        Wire(source=q.source, target=q.target, weights=w)
        for q, w in zip(net.projections, weights, strict=True)
    )
    return TorchNetwork(layers=tuple(layers), wires=wires, surrogate=surrogate)


def live_weights(net: TrainableNet) -> list[Tensor]:
    """Return the weights that a trainer's forward pass uses, in the order of its projections."""
    own = getattr(net, "live_weights", None)
    if own is not None:
        return list(own())
    parts: Any = net  # PyTorch types modules of a network as bare ones
    if hasattr(net, "blocks"):
        return [b.synapse.pre_hook_fx(b.synapse.weight).flatten(1) for b in parts.blocks]
    found: list[Tensor] = []
    for layer in parts.layers:
        found.append(layer.rounded(layer.weight))
        if layer.recurrent is not None:
            found.append(layer.rounded(layer.recurrent))
    return found


def live_steps(net: TrainableNet) -> list[tuple[Tensor, Tensor]]:
    """Return (mem, syn) time constants in steps of every layer, of the exponential decay."""
    own = getattr(net, "live_steps", None)
    if own is not None:
        return list(own())
    if hasattr(net, "blocks"):
        return list(zip(*map(net.live_taus, ("voltage_decay", "current_decay")), strict=True))
    euler = zip(*map(net.live_taus, ("mem_share", "syn_share")), strict=True)
    return [tuple(-1 / torch.log1p(-1 / tau) for tau in pair) for pair in euler]  # type: ignore[misc]


def live_potentials(net: TrainableNet) -> list[dict[str, Tensor]]:
    """Return the potentials that a trainer's net learns, by the fields of the neurons."""
    names = {"threshold": "v_threshold", "rest": "v_leak", "reset": "v_reset"}
    return [
        {names[name]: p() for name, p in layer.named().items() if p.learned is not None}
        for layer in net.layer_potentials()
    ]
