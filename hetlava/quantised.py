"""The integer network: registers of a chip, the scale back to float, and where it comes from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from hetlava.arrays import ArrayRecord, Int16
from hetlava.chips import chip
from hetlava.errors import ValidationError
from hetlava.graph import check_wiring, population_sizes
from hetlava.network import Plain, Readout, check_header, check_readout
from hetlava.neurons.cuba import CubaRegisters, Discretisation


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
class QuantisedProjection(ArrayRecord):
    """All-to-all synapses with integer weights and one step of delay.

    A spike pattern ``s`` gives the target the input ``a = (weights @ s) << weight_exp`` (for a
    negative exponent the floor of the sum's right shift), of which the neuron takes ``a << 6``.

    Attributes
    ----------
    source, target : str
    weights : (n_post, n_pre) int16
        In -256 .. 255.
    weight_exp : int
        Exponent shared by the projection.
    weight_bits : int
        Bits that the weights were rounded to, 1 .. 8.
    """

    source: str
    target: str
    weights: Int16
    weight_exp: int = 0
    weight_bits: int = 8

    def __post_init__(self) -> None:
        super().__post_init__()
        label = f"projection {self.source} -> {self.target}"
        if self.weights.ndim != 2 or self.weights.dtype != np.int16:
            raise ValidationError(
                f"{label}: weights of shape {self.weights.shape} {self.weights.dtype}, "
                "expected (n_post, n_pre) int16"
            )
        if self.weights.size and not (-256 <= self.weights.min() and self.weights.max() <= 255):
            raise ValidationError(f"{label}: weights outside [-256, 255]")
        if not -16 <= self.weight_exp <= 16:
            raise ValidationError(f"{label}: weight_exp {self.weight_exp} outside [-16, 16]")
        if not 1 <= self.weight_bits <= 8:
            raise ValidationError(f"{label}: weight_bits {self.weight_bits} outside [1, 8]")

    @property
    def shape(self) -> tuple[int, int]:
        """(n_post, n_pre)."""
        return self.weights.shape[0], self.weights.shape[1]


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
        The graph in integers.
    provenance : mapping of str to plain values
        What was asked for, what was rounded and by how much.
    """

    chip: str
    dt: float
    n_inputs: int
    n_steps: int
    populations: tuple[QuantisedPopulation, ...]
    projections: tuple[QuantisedProjection, ...]
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
