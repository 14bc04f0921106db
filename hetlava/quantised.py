"""The integer network: registers of a chip, the scale back to float, and where it comes from."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from hetlava.arrays import ArrayRecord
from hetlava.chip_file import from_plain, to_plain
from hetlava.chips import CHIPS, OTHERS, ChipSpec, Sourced, described
from hetlava.errors import UnsupportedError, ValidationError
from hetlava.graph import check_wiring, population_sizes
from hetlava.network import Plain, Readout, check_header, check_readout
from hetlava.neurons.cuba import CubaRegisters, Discretisation
from hetlava.neurons.refractory import cuba_part
from hetlava.neurons.registers import NeuronRegisters
from hetlava.sparse_synapses import where_smaller
from hetlava.synapses import QuantisedProjection as QuantisedProjection
from hetlava.synapses import QuantisedSynapses

CHIP_TABLE = "chip"  # where the provenance carries the limits of a chip that is not listed
STEPS_MAX = (1 << 31) - 1  # more than anyone runs, and a word of 32 bits


@dataclass(frozen=True, eq=False, kw_only=True)
class QuantisedPopulation(ArrayRecord):
    """A named group of neurons in registers.

    Attributes
    ----------
    name : str
    registers : NeuronRegisters
        Neurons of one of the models of :mod:`hetlava.neurons.registers`.
    scale : float
        Units of the state per volt: ``v = scale * V``; 0 when it is not known.
    reset_interval, reset_offset : int
        Every ``reset_interval`` steps, 0 for never, all neurons are set to rest before a step: with
        steps counted from 1, before those equal to ``reset_offset`` modulo the interval (Lava's
        ``LIFReset``).
    start : int
        Steps before the first one that the neurons take: until then they are at rest and send
        nothing, whatever arrives. SLAYER's begin with the step in which input can arrive, 1; of
        neurons without a bias this changes nothing.
    """

    name: str
    registers: NeuronRegisters
    scale: float = 0.0
    reset_interval: int = 0
    reset_offset: int = 0
    start: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("reset_interval", "reset_offset", "start"):
            steps = getattr(self, name)
            if not 0 <= steps <= STEPS_MAX:
                raise ValidationError(
                    f"population {self.name!r}: {name} is {steps}, expected 0 to {STEPS_MAX} steps"
                )

    @property
    def cuba(self) -> CubaRegisters:
        """The registers of CUBA neurons, for what knows no others.

        Raises
        ------
        UnsupportedError
            If the neurons are of another model.
        """
        if not isinstance(self.registers, CubaRegisters):
            raise UnsupportedError(
                f"population {self.name!r}: this takes CUBA neurons only, these are "
                f"{self.registers.model!r}"
            )
        return self.registers

    def resets_before(self, t: int) -> bool:
        """Return whether the neurons are set to rest before step ``t``, counted from 0."""
        interval = self.reset_interval
        return interval > 0 and (t + 1) % interval == self.reset_offset % interval


@dataclass(frozen=True, eq=False, kw_only=True)
class QuantisedNetwork(ArrayRecord):
    """A spiking network in the units of a chip's registers: the hub of hetlava.

    Attributes
    ----------
    chip : str
        The chip whose limits the numbers were rounded for.
    dt, n_inputs, n_steps, output, readout, discretisation, reset
        As in :class:`hetlava.network.Network`; neurons of other models than CUBA may ``subtract``
        their threshold.
    populations, projections : tuple
        The graph in integers; projections are matrices (:class:`QuantisedProjection`), lists
        (:class:`hetlava.sparse_synapses.QuantisedSparse`) or kernels
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
    reset: Literal["zero", "subtract"] = "zero"
    provenance: Mapping[str, Plain] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.spec.name != self.chip:
            raise ValidationError(f"chip {self.chip!r}: its table is that of {self.spec.name!r}")
        resets = ("zero",) if self.cuba_populations else ("zero", "subtract")
        check_header(self.dt, self.n_steps, self.readout, self.discretisation, self.reset, resets)
        sizes = population_sizes(self.n_inputs, ((p.name, p.registers.n) for p in self.populations))
        check_wiring(sizes, self.projections, self.output)
        self._check_ports()
        last = self.population(self.output).registers
        if not last.graded:  # of graded messages both the sum and the voltage are of use
            check_readout(self.readout, last.sends)

    @property
    def spec(self) -> Sourced:
        """Limits of the chip: a listed one's, or those that the provenance carries.

        Raises
        ------
        ValidationError
            If the chip is not listed and there is no table of it, or an impossible one.
        """
        if self.chip in (*CHIPS, *OTHERS) or CHIP_TABLE not in self.provenance:
            return described(self.chip)
        return from_plain(self.provenance[CHIP_TABLE], f"chip {self.chip!r}")

    @property
    def digital(self) -> ChipSpec:
        """Limits of the chip, for what knows digital ones with the neurons of a Loihi core only.

        Raises
        ------
        UnsupportedError
            If the chip is of another kind.
        """
        spec = self.spec
        if not isinstance(spec, ChipSpec):
            raise UnsupportedError(
                f"chip {self.chip!r}: has other neurons than a Loihi core, which this needs"
            )
        return spec

    @property
    def cuba_populations(self) -> tuple[QuantisedPopulation, ...]:
        """The populations of CUBA neurons, which have decay words, thresholds and biases."""
        return tuple(p for p in self.populations if isinstance(p.registers, CubaRegisters))

    @property
    def cuba_words(self) -> tuple[tuple[str, CubaRegisters], ...]:
        """Name and CUBA registers of every population that has them, refractory ones included."""
        parts = ((p.name, cuba_part(p.registers)) for p in self.populations)
        return tuple((name, part) for name, part in parts if part is not None)

    def _check_ports(self) -> None:
        for q in self.projections:
            ports = self.population(q.target).registers.n_ports
            if q.port >= ports:
                raise ValidationError(
                    f"{q.label}: port {q.port}, but the neurons of {q.target!r} have {ports}"
                )

    def population(self, name: str) -> QuantisedPopulation:
        """Return the population of that name, or raise ValidationError with those there are."""
        for p in self.populations:
            if p.name == name:
                return p
        known = ", ".join(p.name for p in self.populations)
        raise ValidationError(f"population {name!r} is unknown; known: {known}")


def table_of(spec: ChipSpec) -> dict[str, Plain]:
    """Return what the provenance carries of a chip: all of one that is not listed, else nothing."""
    return {} if spec.name in CHIPS else {CHIP_TABLE: to_plain(spec)}


def with_lists(net: QuantisedNetwork) -> QuantisedNetwork:
    """Return the same network with lists for matrices so full of zeros that lists are smaller."""
    return replace(net, projections=tuple(map(where_smaller, net.projections)))


def recast(net: QuantisedNetwork, spec: ChipSpec) -> QuantisedNetwork:
    """Return the same integers as a network of another chip; whether they fit it is not checked."""
    kept = {key: value for key, value in net.provenance.items() if key != CHIP_TABLE}
    return replace(net, chip=spec.name, provenance=kept | table_of(spec))
