"""The integer network: registers of a chip, the scale back to float, and where it comes from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from hetlava.arrays import ArrayRecord
from hetlava.chips import chip
from hetlava.errors import ValidationError
from hetlava.graph import check_wiring, population_sizes
from hetlava.network import Plain, Readout, check_header, check_readout
from hetlava.neurons.cuba import CubaRegisters, Discretisation
from hetlava.synapses import QuantisedProjection as QuantisedProjection
from hetlava.synapses import QuantisedSynapses


@dataclass(frozen=True, eq=False, kw_only=True)
class QuantisedPopulation(ArrayRecord):
    """A named group of neurons in registers.

    Attributes
    ----------
    name : str
    registers : CubaRegisters
    scale : float
        Units of the state per volt: ``v = scale * V``; 0 when it is not known.
    """

    name: str
    registers: CubaRegisters
    scale: float = 0.0


@dataclass(frozen=True, eq=False, kw_only=True)
class QuantisedNetwork(ArrayRecord):
    """A spiking network in the units of a chip's registers: the hub of hetlava.

    Attributes
    ----------
    chip : str
        The chip whose limits the numbers were rounded for.
    dt, n_inputs, n_steps, output, readout, discretisation, reset
        As in :class:`hetlava.network.Network`.
    populations, projections : tuple
        The graph in integers; projections are matrices (:class:`QuantisedProjection`) or kernels
        (:class:`hetlava.convolution.QuantisedConvolution`).
    provenance : mapping of str to plain values
        What was asked for, what was rounded and by how much.
    """

    chip: str
    dt: float
    n_inputs: int
    n_steps: int
    populations: tuple[QuantisedPopulation, ...]
    projections: tuple[QuantisedSynapses, ...]
    output: str
    readout: Readout = "spike-count"
    discretisation: Discretisation = "exponential"
    reset: Literal["zero"] = "zero"
    provenance: Mapping[str, Plain] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        chip(self.chip)
        check_header(self.dt, self.n_steps, self.readout, self.discretisation, self.reset)
        sizes = population_sizes(self.n_inputs, ((p.name, p.registers.n) for p in self.populations))
        check_wiring(sizes, self.projections, self.output)
        check_readout(self.readout, self.population(self.output).registers.spiking)

    def population(self, name: str) -> QuantisedPopulation:
        """Return the population of that name, or raise ValidationError with those there are."""
        for p in self.populations:
            if p.name == name:
                return p
        known = ", ".join(p.name for p in self.populations)
        raise ValidationError(f"population {name!r} is unknown; known: {known}")
