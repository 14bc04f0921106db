"""Networks in continuous time: what a discrete network means for neurons that know no steps.

::

    tau_syn du/dt = -u + jumps        tau_mem dv/dt = v_leak - v + tau_mem u

A spike is sent when v reaches the threshold from below; v is then held at ``v_reset`` for the
refractory time while u goes on decaying. ``u`` is a slope [V/s]; a spike of neuron j makes it jump
by ``jumps[:, j]``, bounded by ``current_max``.

A discrete network (:mod:`hetlava.neurons.cuba`) is such a system sampled every ``dt``: state ``t``
is what holds at time ``(t + 1) dt``, and a weight W is a jump by ``g W`` of

    g = d / (alpha (exp(d dt) - 1)),   d = 1 / tau_syn - 1 / tau_mem,   g = 1 / (alpha dt) if d = 0

since the response ``(exp(-t / tau_mem) - exp(-t / tau_syn)) / d`` to that jump, at time ``k dt``,
is then ``W (beta^k - alpha^k) / (beta - alpha)``, the discrete one. Decays of Euler's method are
taken as those of the time constants ``-dt / log(1 - dt / tau)``. What differs is only where spikes
lie: the discrete neuron sends what it sends at the end of a step, and at most one spike in it.
"""

from dataclasses import dataclass

import numpy as np

from hetlava.arrays import ArrayRecord, Bool, Float, require
from hetlava.errors import UnsupportedError, ValidationError
from hetlava.network import (
    Network,
    Projection,
    Readout,
    refuse_delays,
    refuse_messages,
    with_matrices,
)
from hetlava.neurons.cuba import CubaLI, CubaLIF, coefficients

ONE_PER_NEURON = ("tau_mem", "tau_syn", "v_leak", "v_threshold", "v_reset", "refractory",
                  "current_max", "v_start", "slope")  # fmt: skip


@dataclass(frozen=True, eq=False, kw_only=True)
class AnalogPopulation(ArrayRecord):
    """Neurons in continuous time; every array is (n,) float64.

    Attributes
    ----------
    name : str
    tau_mem, tau_syn : [s]
    v_leak, v_reset : [V]
    v_threshold : [V]
        Infinite for a readout.
    refractory : [s]
        How long v is held at ``v_reset`` after a spike.
    current_max : [V/s]
        The synaptic current stays between this and its negative.
    v_start : [V]
        Where a sample begins.
    slope : [V/s]
        The slope that 1 V of the discrete network's ``u`` stands for, at the end of a step.
    """

    name: str
    tau_mem: Float
    tau_syn: Float
    v_leak: Float
    v_threshold: Float
    v_reset: Float
    refractory: Float
    current_max: Float
    v_start: Float
    slope: Float

    def __post_init__(self) -> None:
        super().__post_init__()
        n = self.tau_mem.size
        for name in ONE_PER_NEURON:
            value, label = getattr(self, name), f"{self.name}: {name}"
            if value.shape != (n,) or value.dtype != np.float64:
                raise ValidationError(
                    f"{label} of shape {value.shape} {value.dtype}, expected ({n},) float64"
                )
            require(value, ~np.isnan(value), label, "are not numbers")
            if name not in ("v_threshold", "current_max"):
                require(value, np.isfinite(value), label, "are not finite")
        for name in ("tau_mem", "tau_syn", "current_max", "slope"):
            value = getattr(self, name)
            require(value, value > 0, f"{self.name}: {name}", "are not above 0")
        require(self.refractory, self.refractory >= 0, f"{self.name}: refractory", "are below 0")
        above = self.v_threshold > self.v_reset
        require(self.v_threshold, above, f"{self.name}: v_threshold", "are not above v_reset")

    @property
    def n(self) -> int:
        """Number of neurons."""
        return int(self.tau_mem.size)

    @property
    def spiking(self) -> Bool:
        """Which neurons have a threshold that can be reached, (n,)."""
        finite: Bool = np.isfinite(self.v_threshold)
        return finite


@dataclass(frozen=True, eq=False, kw_only=True)
class AnalogNetwork(ArrayRecord):
    """A network in continuous time.

    Attributes
    ----------
    dt : float
        Length of a step [s] of the network that it was made of; traces are sampled so.
    n_inputs : int
    populations : tuple of AnalogPopulation
    projections : tuple of Projection
        Their ``weights`` are jumps of the slope [V/s].
    output, readout : str
    """

    dt: float
    n_inputs: int
    populations: tuple[AnalogPopulation, ...]
    projections: tuple[Projection, ...]
    output: str
    readout: Readout


def step_gain(tau_mem: Float, tau_syn: Float, dt: float) -> Float:
    """Return the slope [1/s] that a jump of 1 V of the discrete ``u`` stands for, (n,).

    Examples
    --------
    >>> step_gain(np.array([0.02]), np.array([0.02]), 0.001) * 0.001 * np.exp(-0.05)
    array([1.])
    """
    difference = 1 / tau_syn - 1 / tau_mem
    x = difference * dt
    # (exp(x) - 1) / x, which is 1 where x is 0
    ratio = np.divide(np.expm1(x), x, out=np.ones_like(x), where=x != 0)
    gain: Float = np.exp(dt / tau_syn) / (dt * ratio)
    return gain


def continuous_taus(neurons: CubaLI, net: Network, name: str) -> tuple[Float, Float]:
    """Return the (tau_mem, tau_syn) [s] whose exact decays are those of the discrete network.

    Raises
    ------
    UnsupportedError
        If a step leaves nothing of a state, or turns its sign, which no decay in time does.
    """
    if net.discretisation == "exponential":
        return neurons.tau_mem, neurons.tau_syn
    c = coefficients(neurons, net.dt, net.discretisation)
    for what, keep in (("tau_mem", c.beta), ("tau_syn", c.alpha)):
        if np.any(keep <= 0):
            k = int(np.flatnonzero(keep <= 0)[0])
            raise UnsupportedError(
                f"{name}: {what} of neuron {k} is not above a step of {net.dt:g} s of Euler's "
                "method; no continuous decay does that"
            )
    return -net.dt / np.log(c.beta), -net.dt / np.log(c.alpha)


def to_analog(net: Network) -> AnalogNetwork:
    """Return the continuous network that the discrete one samples.

    It has no refractory time, no bound of its currents, and starts as the reference does;
    :func:`dataclasses.replace` its populations for others.

    Raises
    ------
    UnsupportedError
        If a decay has no counterpart in continuous time, or input is no spikes.
    """
    refuse_messages(net, "an analog chip")
    refuse_delays(net, "an analog chip")
    net = with_matrices(net)  # neurons that share a kernel may differ in what a jump is
    populations, gains = [], {}
    for p in net.populations:
        tau_mem, tau_syn = continuous_taus(p.neurons, net, p.name)
        gain = gains[p.name] = step_gain(tau_mem, tau_syn, net.dt)
        zero, lif = np.zeros(p.neurons.n), isinstance(p.neurons, CubaLIF)
        populations.append(
            AnalogPopulation(
                name=p.name,
                tau_mem=tau_mem,
                tau_syn=tau_syn,
                v_leak=p.neurons.v_leak,
                v_threshold=p.neurons.v_threshold if lif else zero + np.inf,  # type: ignore[attr-defined]
                v_reset=p.neurons.v_reset if lif else zero,  # type: ignore[attr-defined]
                refractory=zero,
                current_max=zero + np.inf,
                v_start=p.neurons.v_reset if lif else zero,  # type: ignore[attr-defined]
                slope=gain * np.exp(-net.dt / tau_syn),
            )
        )
    return AnalogNetwork(
        dt=net.dt,
        n_inputs=net.n_inputs,
        populations=tuple(populations),
        projections=tuple(
            Projection(
                source=q.source, target=q.target, weights=q.weights * gains[q.target][:, None]
            )
            for q in net.projections
        ),
        output=net.output,
        readout=net.readout,
    )
