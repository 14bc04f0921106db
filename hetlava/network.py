"""The float network: populations and projections in seconds and volts; what trainers produce."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

from hetlava.arrays import ArrayRecord
from hetlava.errors import UnsupportedError, ValidationError
from hetlava.float_synapses import FloatSynapses
from hetlava.float_synapses import Projection as Projection
from hetlava.graph import check_wiring, population_sizes
from hetlava.neurons.cuba import CubaLI, CubaLIF, Discretisation
from hetlava.synapse_forms import as_matrix

Readout = Literal["spike-count", "max-voltage", "mean-voltage", "last-voltage"]
DT_MAX = 1.0  # [s]; a longer step is a mistake of unit

Plain = str | int | float | bool | None | list["Plain"] | dict[str, "Plain"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Population(ArrayRecord):
    """A named group of neurons of one model."""

    name: str
    neurons: CubaLI


@dataclass(frozen=True, eq=False, kw_only=True)
class Network(ArrayRecord):
    """A spiking network in physical units.

    Attributes
    ----------
    dt : float
        Length of a step [s].
    n_inputs : int
        Number of input channels.
    n_steps : int
        Steps per sample that the network was made for.
    populations, projections : tuple
        The graph; loops and skips are allowed, every projection delays by one step. Projections
        are the kinds of :mod:`hetlava.float_synapses`: matrices, kernels or lists.
    output : str
        The population that is read out.
    readout : str
        How classes are scored: by ``spike-count`` or by a voltage of an integrator.
    discretisation : str
        ``exponential`` or ``euler``, see :mod:`hetlava.neurons.cuba`.
    reset : str
        ``zero``: a spike sets the voltage to ``v_reset``, where it also begins.
    metadata : mapping of str to plain values
        Where the network comes from: data set, trainer, seed.
    """

    dt: float
    n_inputs: int
    n_steps: int
    populations: tuple[Population, ...]
    projections: tuple[FloatSynapses, ...]
    output: str
    readout: Readout = "spike-count"
    discretisation: Discretisation = "exponential"
    reset: Literal["zero"] = "zero"
    metadata: Mapping[str, Plain] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_header(self.dt, self.n_steps, self.readout, self.discretisation, self.reset)
        sizes = population_sizes(self.n_inputs, ((p.name, p.neurons.n) for p in self.populations))
        check_wiring(sizes, self.projections, self.output)
        check_readout(self.readout, self.population(self.output).neurons.spiking)

    def population(self, name: str) -> Population:
        """Return the population of that name, or raise ValidationError with those there are."""
        for p in self.populations:
            if p.name == name:
                return p
        known = ", ".join(p.name for p in self.populations)
        raise ValidationError(f"population {name!r} is unknown; known: {known}")


def from_reset(net: Network) -> Network:
    """Return the network with voltages measured from reset potentials: of the same spikes."""
    if not any(isinstance(p.neurons, CubaLIF) and p.neurons.v_reset.any() for p in net.populations):
        return net
    shifted = (
        replace(p, neurons=p.neurons.from_reset()) if isinstance(p.neurons, CubaLIF) else p
        for p in net.populations
    )
    return replace(net, populations=tuple(shifted))


def with_matrices(net: Network) -> Network:
    """Return the same network with a matrix for every kernel and list: for what has a synapse of
    its own between every two neurons.

    Raises
    ------
    UnsupportedError
        If one would hold more than ``2**26`` weights.
    """
    if all(isinstance(q, Projection) for q in net.projections):
        return net
    return replace(net, projections=tuple(map(as_matrix, net.projections)))


def refuse_messages(net: Network, what: str) -> None:
    """Refuse a network that is sent numbers in place of spikes, for ``what`` takes spikes only.

    Raises
    ------
    UnsupportedError
        If it is; the message names the projection.
    """
    for p in net.projections:
        if p.message_bits:
            raise UnsupportedError(
                f"projection {p.source} -> {p.target} is sent numbers of {p.message_bits} bits, "
                f"and {what} takes spikes only; train on an encoder that gives some, as mnist:rate"
            )


def refuse_delays(net: Network, what: str) -> None:
    """Refuse a network with delays, of which ``what`` knows none.

    Raises
    ------
    UnsupportedError
        If there are some; the message names the projection.
    """
    for p in net.projections:
        if p.all_delays is not None:
            raise UnsupportedError(
                f"{p.label}: delays up to {p.longest_delay} steps, and {what} has none; take a "
                "network without"
            )


def check_header(
    dt: float,
    n_steps: int,
    readout: str,
    discretisation: str,
    reset: str,
    resets: Collection[str] = ("zero",),
) -> None:
    """Check what the float and the integer network have in common."""
    if not 0 < dt <= DT_MAX:
        raise ValidationError(f"dt is {dt} s, expected above 0 and at most {DT_MAX} s")
    if n_steps < 1:
        raise ValidationError(f"n_steps is {n_steps}, expected at least 1")
    for what, value, known in (
        ("readout", readout, get_args(Readout)),
        ("discretisation", discretisation, get_args(Discretisation)),
        ("reset", reset, resets),
    ):
        if value not in known:
            raise ValidationError(f"{what} {value!r} is unknown; known: {', '.join(known)}")


def check_readout(readout: str, spiking: bool) -> None:
    """Check that spikes are counted of spiking neurons and voltages read of integrators."""
    if (readout == "spike-count") != spiking:
        kind = "spiking neurons" if spiking else "integrators without spikes"
        raise ValidationError(f"readout {readout!r} does not fit an output of {kind}")
