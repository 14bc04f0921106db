"""The simulator on torch: the reference's integers on a GPU, or on the CPU by the same calls.

Layers without a loop see all time steps at once: one matrix product, then the neurons' recursion.
Populations on a common loop go step by step.

No GPU was at hand when it was written: it is tested on the CPU, its Triton kernel in Triton's
interpreter.
"""

import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from hetlava.arrays import AnyArray
from hetlava.delays import by_delay
from hetlava.errors import MissingPackageError, UnsupportedError
from hetlava.events import Events
from hetlava.graph import INPUT, groups_in_order
from hetlava.quantised import QuantisedNetwork
from hetlava.recording import Recording, join, score
from hetlava.sim.reference import check_run
from hetlava.sim.synops import effective_synops
from hetlava.sim.torch_device import (
    check_device,
    exact_products,
    out_of_memory,
    to_events,
    to_tensor,
)
from hetlava.sim.torch_neurons import HostUpdate, Steps, Update, neuron_update
from hetlava.sim.torch_synapses import Sums, synaptic_sums
from hetlava.synapses import QuantisedSynapses

if TYPE_CHECKING:
    import torch

Loops = Literal["auto", "torch", "triton"]
ROOM = 1 << 25  # neuron-steps of the widest layer that are held at a time


@dataclass(frozen=True, kw_only=True)
class TorchEngine:
    """A network on a device, ready to run many times; built by :func:`prepare`.

    Attributes
    ----------
    net : QuantisedNetwork
    device : str
    loops : str
        What runs the neurons' recursion over time: ``torch`` or ``triton``.
    groups : tuple of tuples of str
        Populations in feed-forward order, those on a common loop together.
    updates : dict of str to Update
        The neurons of each population; those of models other than CUBA step in numpy.
    wires : tuple of QuantisedSynapses
        The projections, one with delays of synapses taken apart by these.
    sums : tuple of Sums
        The synapses of each wire, on the device.
    """

    net: QuantisedNetwork
    device: str
    loops: str
    groups: tuple[tuple[str, ...], ...]
    updates: dict[str, Update]
    wires: tuple[QuantisedSynapses, ...]
    sums: tuple[Sums, ...]

    def run(self, inputs: Events, *, probes: Collection[str] = ()) -> Recording:
        """Run a batch; parameters, result and errors as for :func:`run`."""
        check_run(self.net.n_inputs, inputs, probes)
        widest = max(inputs.n_neurons, *(p.registers.n for p in self.net.populations))
        at_once = max(1, ROOM // (widest * inputs.n_steps))
        parts: list[Recording] = []
        first = 0
        with exact_products():
            while first < inputs.n_samples or not parts:
                try:
                    parts.append(self._run_part(inputs.samples(first, first + at_once), probes))
                    first += at_once
                except out_of_memory() as error:
                    if at_once == 1:
                        raise UnsupportedError(
                            f"{self.device}: its memory does not hold one sample of "
                            f"{inputs.n_steps} steps with {widest} neurons in the widest layer; "
                            f"run it without --device, or fewer steps ({error})"
                        ) from error
                    at_once //= 2
        return join(parts)

    def _run_part(self, inputs: Events, probes: Collection[str]) -> Recording:
        start = time.perf_counter()
        sent = {INPUT: to_tensor(inputs, self.device)}
        done: dict[str, Steps] = {}
        for group in self.groups:
            kept = set(probes)
            if self.net.output in group and self.net.readout != "spike-count":
                kept.add("v")
            loop = any(p.source in group and p.target in group for p in self.net.projections)
            done |= self._loop(group, sent, kept) if loop else self._layer(group[0], sent, kept)
            sent |= {name: done[name].sent for name in group}
        return self._recording(inputs, done, probes, start)

    def _layer(
        self, name: str, sent: dict[str, "torch.Tensor"], kept: Collection[str]
    ) -> dict[str, Steps]:
        arriving = self._from_outside(name, (), sent)
        return {name: self.updates[name].over_time(arriving, kept, self.loops)}

    def _from_outside(
        self, name: str, group: Collection[str], sent: dict[str, "torch.Tensor"]
    ) -> "torch.Tensor":
        """Return what other groups give at every step, (n_ports, n_steps, n_samples, n) int32."""
        n_steps, n_samples, _ = sent[INPUT].shape
        registers = self.net.population(name).registers
        shape = (registers.n_ports, n_steps, n_samples, registers.n)
        arriving = sent[INPUT].new_zeros(shape, dtype=_int32())
        for projection, sums in zip(self.wires, self.sums, strict=True):
            if projection.target == name and projection.source not in group:
                arriving[projection.port] += sums.over_time(sent[projection.source])
        return arriving

    def _loop(
        self, group: tuple[str, ...], sent: dict[str, "torch.Tensor"], kept: Collection[str]
    ) -> dict[str, Steps]:
        arriving = {name: self._from_outside(name, group, sent) for name in group}
        done = {name: self.updates[name].nothing(arriving[name], kept) for name in group}
        rest = {name: self.updates[name].rest(arriving[name][:, 0]) for name in group}
        state = dict(rest)
        wires = [
            (projection, sums)
            for projection, sums in zip(self.wires, self.sums, strict=True)
            if projection.source in group and projection.target in group
        ]
        for t in range(len(sent[INPUT])):
            for q, sums in wires if t else ():
                arriving[q.target][q.port, t] += sums.at(t, done[q.source].sent)
            for name in group:
                given = arriving[name][:, t]
                state[name] = self.updates[name].after(t, state[name], rest[name], given)
                done[name].put(t, state[name])
        return done

    def _recording(
        self, inputs: Events, done: dict[str, Steps], probes: Collection[str], start: float
    ) -> Recording:
        net, names = self.net, tuple(p.name for p in self.net.populations)
        spikes = {name: to_events(done[name].sent) for name in names}
        v: AnyArray | None = None
        if (voltage := done[net.output].v) is not None:
            v = voltage.cpu().numpy()
        return Recording(
            target="torch",
            provenance="simulated",
            names=names,
            spikes=tuple(spikes[name] for name in names),
            u=_traces([done[name].u for name in names]) if "u" in probes else (),
            v=_traces([done[name].v for name in names]) if "v" in probes else (),
            scores=score(net.readout, spikes[net.output], v),
            seconds=time.perf_counter() - start,
            synops=effective_synops(net.projections, {INPUT: inputs, **spikes}),
            details={"device": self.device, "loops": self.loops, **self._on_the_host()},
        )

    def _on_the_host(self) -> dict[str, str]:
        names = [name for name, update in self.updates.items() if isinstance(update, HostUpdate)]
        return {"neurons-in-numpy": ", ".join(names)} if names else {}


def prepare(net: QuantisedNetwork, *, device: str = "cpu", loops: Loops = "auto") -> TorchEngine:
    """Put a network on a device, for many runs.

    Parameters
    ----------
    net : QuantisedNetwork
    device : str
        ``cpu``, ``cuda`` or ``cuda:N``.
    loops : str
        What runs the neurons' recursion: ``torch`` (one small operation after the other),
        ``triton`` (one kernel for all steps) or ``auto``: Triton on a GPU if it is installed.

    Raises
    ------
    ValidationError
        If the device has another name.
    MissingPackageError
        If torch, or Triton when it is asked for, is not installed.
    UnsupportedError
        If there is no such GPU, or torch cannot run a part of the network exactly.
    """
    check_device(device)
    groups = groups_in_order([p.name for p in net.populations], net.projections)
    wires = tuple(part for q in net.projections for part in by_delay(q))
    return TorchEngine(
        net=net,
        device=device,
        loops=_chosen_loops(loops, device),
        groups=tuple(groups),
        updates={p.name: neuron_update(p, device) for p in net.populations},
        wires=wires,
        sums=tuple(synaptic_sums(q, device) for q in wires),
    )


def run(
    net: QuantisedNetwork,
    inputs: Events,
    *,
    probes: Collection[str] = (),
    device: str = "cpu",
    loops: Loops = "auto",
) -> Recording:
    """Run the network on a batch, equal bit for bit with :func:`hetlava.sim.reference.run`.

    Parameters
    ----------
    net, device, loops
        As for :func:`prepare`.
    inputs : Events
        Input spikes of ``net.n_inputs`` channels.
    probes : collection of ``"u"`` and ``"v"``
        Traces to keep.

    Raises
    ------
    ValidationError
        If the input has another number of channels or a probe is unknown.
    UnsupportedError
        If one sample does not fit the device's memory.
    """
    return prepare(net, device=device, loops=loops).run(inputs, probes=probes)


def _chosen_loops(loops: Loops, device: str) -> str:
    from importlib.util import find_spec

    installed = find_spec("triton") is not None
    if loops == "triton" and not installed:
        raise MissingPackageError(
            "triton is not installed; install it with: pip install hetlava[gpu]"
        )
    if loops == "auto":
        return "triton" if installed and device != "cpu" else "torch"
    return loops


def _traces(tensors: "list[torch.Tensor | None]") -> tuple[AnyArray, ...]:
    return tuple(x.cpu().numpy() for x in tensors if x is not None)


def _int32() -> "torch.dtype":
    import torch

    return torch.int32
