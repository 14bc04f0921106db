"""Populations of any listed model as Lava's processes, one function a model."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from hetlava.errors import UnsupportedError
from hetlava.export.lava_models import Lif, lif_process
from hetlava.neurons.resonate import ResonatorRegisters
from hetlava.neurons.sigma_delta import DeltaRegisters, SigmaDeltaRegisters, SigmaRegisters
from hetlava.quantised import QuantisedPopulation

# what there is instead
REASONS: Mapping[str, str] = MappingProxyType(
    {"cuba_refractory": " in integers: its LIFRefractory has a model of floats only"}
)


class LavaNeurons(NamedTuple):
    """A process, the ports that projections lead to, and the Vars that probes read."""

    process: Any
    ports: tuple[Any, ...]
    states: Mapping[str, str]


class Course(NamedTuple):
    """How samples follow each other on Lava's time axis: ``n_samples`` of ``n_steps`` each."""

    n_steps: int
    n_samples: int


def neuron_process(population: QuantisedPopulation, lif: Lif, course: Course) -> LavaNeurons:
    """Return the Lava process of a population; Lava must be enabled.

    Lava's own process where that holds the numbers (one threshold for all, no resets), otherwise
    hetlava's with Lava's arithmetic.

    Raises
    ------
    UnsupportedError
        If Lava has no such neurons.
    """
    check_neurons(population)
    return MODELS[population.registers.model](population, lif, course)


def check_neurons(population: QuantisedPopulation) -> None:
    """Raise UnsupportedError if Lava has no such neurons; Lava need not be there."""
    if population.registers.model not in MODELS:
        raise UnsupportedError(
            f"population {population.name!r}: Lava has no {population.registers.model!r} neurons"
            f"{REASONS.get(population.registers.model, '')}; known: {', '.join(MODELS)}"
        )


def _cuba(population: QuantisedPopulation, lif: Lif, course: Course) -> LavaNeurons:
    process = lif_process(
        population.cuba,
        lif,
        *course,
        reset_interval=population.reset_interval,
        reset_offset=population.reset_offset,
        start=population.start,
    )
    return LavaNeurons(process, (process.a_in,), {"u": "u", "v": "v"})


def _delta(population: QuantisedPopulation, lif: Lif, course: Course) -> LavaNeurons:
    from lava.proc.sdn.process import Delta

    from hetlava.export.lava_processes.sdn import VectorDelta

    registers = population.registers
    assert isinstance(registers, DeltaRegisters)
    if _one(registers.vth) and _undisturbed(population, course):
        process = Delta(shape=(registers.n,), vth=int(registers.vth[0]), **_exponents(registers))
    else:
        process = VectorDelta(registers=registers, resets=_resets(population, course))
    return LavaNeurons(process, (process.a_in,), {"u": "residue", "v": "act"})


def _sigma_delta(population: QuantisedPopulation, lif: Lif, course: Course) -> LavaNeurons:
    from lava.proc.sdn.process import ActivationMode, SigmaDelta

    from hetlava.export.lava_processes.sdn import VectorSigmaDelta

    registers = population.registers
    assert isinstance(registers, SigmaDeltaRegisters)
    if _one(registers.vth) and _undisturbed(population, course):
        process = SigmaDelta(
            shape=(registers.n,),
            vth=int(registers.vth[0]),
            bias=registers.bias,
            act_mode=ActivationMode.RELU if registers.rectify else ActivationMode.UNIT,
            **_exponents(registers),
        )
    else:
        process = VectorSigmaDelta(registers=registers, resets=_resets(population, course))
    return LavaNeurons(process, (process.a_in,), {"u": "sigma", "v": "act"})


def _sigma(population: QuantisedPopulation, lif: Lif, course: Course) -> LavaNeurons:
    from lava.proc.sdn.process import Sigma

    from hetlava.export.lava_processes.sdn import VectorSigma

    registers = population.registers
    assert isinstance(registers, SigmaRegisters)
    if not np.any(registers.start) and _undisturbed(population, course):
        process = Sigma(shape=(registers.n,))
    else:
        process = VectorSigma(registers=registers, resets=_resets(population, course))
    return LavaNeurons(process, (process.a_in,), {"u": "sigma", "v": "sigma"})


def _resonators(population: QuantisedPopulation, lif: Lif, course: Course) -> LavaNeurons:
    from lava.proc.rf.process import RF
    from lava.proc.rf_iz.process import RF_IZ

    from hetlava.export.lava_processes.resonators import VectorRF, VectorRFIzhikevich

    registers = population.registers
    assert isinstance(registers, ResonatorRegisters)
    stock, vector = {"rf": (RF, VectorRF), "rf_iz": (RF_IZ, VectorRFIzhikevich)}[registers.model]
    if _one(registers.vth) and _undisturbed(population, course):
        process = stock(
            shape=(registers.n,),
            period=4,
            alpha=0.5,
            state_exp=registers.state_exp,
            decay_bits=registers.decay_bits,
            vth=int(registers.vth[0]),
        )
        # from a period and a damping Lava cannot make every pair of decays
        process.sin_decay.init = registers.sin_decay
        process.cos_decay.init = registers.cos_decay
    else:
        process = vector(registers=registers, resets=_resets(population, course))
    ports = (process.a_real_in, process.a_imag_in)
    return LavaNeurons(process, ports, {"u": "real", "v": "imag"})


def _exponents(registers: DeltaRegisters) -> dict[str, Any]:
    names = ("spike_exp", "state_exp", "cum_error")
    return {name: getattr(registers, name) for name in names}


def _one(values: Any) -> bool:
    return bool(np.all(values == values[0]))


def _undisturbed(population: QuantisedPopulation, course: Course) -> bool:
    return course.n_samples == 1 and not population.reset_interval and not population.start


def _resets(population: QuantisedPopulation, course: Course) -> Any:
    from hetlava.export.lava_processes.resets import Resets

    length = course.n_steps if course.n_samples > 1 else 0
    return Resets(length, population.reset_interval, population.reset_offset, population.start)


MODELS: Mapping[str, Callable[[QuantisedPopulation, Lif, Course], LavaNeurons]] = MappingProxyType(
    {
        "cuba": _cuba,
        "delta": _delta,
        "sigma": _sigma,
        "sigma_delta": _sigma_delta,
        "rf": _resonators,
        "rf_iz": _resonators,
    }
)
