"""A network as a die holds it: weights on the chip's grid, every parameter off by its mismatch."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from hetlava.arrays import Float
from hetlava.errors import UnsupportedError, ValidationError
from hetlava.float_synapses import FloatSynapses
from hetlava.hardware.mismatch import Die
from hetlava.hardware.weight_grid import round_weights
from hetlava.network import Network, Population, Projection
from hetlava.neurons.cuba import CubaLI, CubaLIF
from hetlava.sim.analog_network import AnalogNetwork, AnalogPopulation, continuous_taus, step_gain
from hetlava.sim.analog_network import to_analog as continuous

MARGIN = 0.05  # [swing] that a threshold stays above its reset, however unlucky the die
MILLISECOND = 1e-3
REFRACTORY_MIN, REFRACTORY_MAX = 40e-6, 32e-3  # [s] of the network's time, BrainScaleS-2's range


class Share(NamedTuple):
    """A population and where its neurons lie among those of the die."""

    population: Population
    at: slice


def shares(net: Network) -> Iterator[Share]:
    """Yield each population with its neurons' places on the die."""
    first = 0
    for p in net.populations:
        yield Share(p, slice(first, first + p.neurons.n))
        first += p.neurons.n


def swings(net: Network) -> dict[str, Float]:
    """Return ``v_threshold - v_leak`` [V] of every neuron; a readout takes the others' mean.

    Where the leak is above the threshold, the distance from the reset counts instead.
    """
    found = {}
    for p in net.populations:
        if isinstance(p.neurons, CubaLIF):
            swing = p.neurons.v_threshold - p.neurons.v_leak
            found[p.name] = np.where(swing > 0, swing, p.neurons.v_threshold - p.neurons.v_reset)
    usual = float(np.concatenate(list(found.values())).mean()) if found else 1.0
    return {p.name: found.get(p.name, np.full(p.neurons.n, usual)) for p in net.populations}


def perturb(net: Network, die: Die) -> Network:
    """Return the network that computes in steps what the die would in continuous time.

    Weights are rounded first. A time constant that is off changes how long a response lasts, not
    the slope that a spike causes, so that weights are scaled to keep that slope. Neither the bound
    of the currents nor the refractory time nor noise is in it: :func:`to_circuit` has these.

    Raises
    ------
    ValidationError
        If the die was drawn for a network of another shape.
    UnsupportedError
        If neurons are of another model, or a decay has no counterpart in continuous time.
    """
    _check_shape(net, die)
    net = round_weights(net, die.mismatch.weight_bits)
    swing, populations, scale = swings(net), [], {}
    for p, at in shares(net):
        tau_mem, tau_syn = continuous_taus(p.neurons, net, p.name)
        neurons = _neurons(p.neurons, die, at, swing[p.name], (tau_mem, tau_syn))
        before = step_gain(tau_mem, tau_syn, net.dt)
        scale[p.name] = before / step_gain(neurons.tau_mem, neurons.tau_syn, net.dt)
        populations.append(Population(name=p.name, neurons=neurons))
    places = {p.name: at for p, at in shares(net)}
    return replace(
        net,
        populations=tuple(populations),
        projections=tuple(
            _projection(q, die, k, places[q.target], scale[q.target])
            for k, q in enumerate(net.projections)
        ),
        discretisation="exponential",
    )


def _check_shape(net: Network, die: Die) -> None:
    n, shapes = sum(p.neurons.n for p in net.populations), [q.shape for q in net.projections]
    if die.n != n or [g.shape[1:] for g in die.synapse_gain] != shapes:
        raise ValidationError(
            f"die {die.chip_seed} was drawn for {die.n} neurons and "
            f"{[g.shape[1:] for g in die.synapse_gain]} synapses, the network has {n} and {shapes}"
        )
    for p in net.populations:
        if type(p.neurons) not in (CubaLI, CubaLIF):
            raise UnsupportedError(
                f"population {p.name}: mismatch of a {type(p.neurons).__name__} is not modelled"
            )


def _neurons(
    neurons: CubaLI, die: Die, at: slice, swing: Float, taus: tuple[Float, Float]
) -> CubaLI:
    tau_mem, tau_syn = taus[0] * die.tau_mem[at], taus[1] * die.tau_syn[at]
    leak = neurons.v_leak + swing * die.leak[at]
    if not isinstance(neurons, CubaLIF):
        return CubaLI(tau_mem=tau_mem, tau_syn=tau_syn, v_leak=leak)
    reset = neurons.v_reset + swing * die.reset[at]
    threshold = neurons.v_threshold + swing * die.threshold[at]
    return CubaLIF(
        tau_mem=tau_mem,
        tau_syn=tau_syn,
        # a dead neuron gets no input and rests below its threshold
        v_leak=np.where(die.dead[at], np.minimum(leak, reset), leak),
        v_threshold=np.maximum(threshold, reset + MARGIN * swing),
        v_reset=reset,
    )


def _projection(q: FloatSynapses, die: Die, k: int, at: slice, scale: Float) -> Projection:
    inhibitory = (q.weights < 0).astype(np.intp)
    # the row of a weight's sign is the synapse that it sits in
    gain = np.take_along_axis(die.synapse_gain[k], inhibitory[None], axis=0)[0]
    gain = gain * np.where(inhibitory, die.gain[1, at, None], die.gain[0, at, None])
    weights = q.weights * gain * (scale * ~die.dead[at])[:, None]
    return Projection(source=q.source, target=q.target, weights=weights)


@dataclass(frozen=True, kw_only=True)
class Circuit:
    """A network on a die in continuous time, and what differs from trial to trial.

    Attributes
    ----------
    analog : AnalogNetwork
    swing : mapping of str to (n,) float64 [V]
    threshold_jitter : float
        [swing]
    spike_jitter : float
        [s]
    """

    analog: AnalogNetwork
    swing: dict[str, Float]
    threshold_jitter: float
    spike_jitter: float

    def trial(self, rng: np.random.Generator) -> AnalogNetwork:
        """Return the network of one trial, whose thresholds are off by its noise."""
        if not self.threshold_jitter:
            return self.analog
        populations = []
        for p in self.analog.populations:
            swing = self.swing[p.name]
            moved = p.v_threshold + swing * self.threshold_jitter * rng.standard_normal(p.n)
            populations.append(
                replace(p, v_threshold=np.maximum(moved, p.v_reset + MARGIN * swing))
            )
        return replace(self.analog, populations=tuple(populations))


def to_circuit(net: Network, die: Die) -> Circuit:
    """Return a network on a die in continuous time; every sample starts from the leak.

    Raises
    ------
    ValidationError, UnsupportedError
        As :func:`perturb`.
    """
    return settled(continuous(perturb(net, die)), net, die)


def settled(analog: AnalogNetwork, net: Network, die: Die) -> Circuit:
    """Return a perturbed network with the die's bounds of currents, refractory times and noise."""
    mismatch, swing = die.mismatch, swings(net)
    places = {p.name: at for p, at in shares(net)}
    asked = np.clip(mismatch.refractory_steps * net.dt, REFRACTORY_MIN, REFRACTORY_MAX)

    def limited(p: AnalogPopulation) -> AnalogPopulation:
        return replace(
            p,
            refractory=asked * die.refractory[places[p.name]],
            current_max=mismatch.current_max * swing[p.name] / MILLISECOND,
            v_start=p.v_leak,
        )

    return Circuit(
        analog=replace(analog, populations=tuple(map(limited, analog.populations))),
        swing=swing,
        threshold_jitter=mismatch.threshold_jitter,
        spike_jitter=mismatch.spike_jitter * MILLISECOND,
    )
