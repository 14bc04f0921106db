"""What the neurons of a network ask of the cores of a chip, as arrays for packing."""

from collections.abc import Sequence

import numpy as np

from hetlava.arrays import Int
from hetlava.chips import ChipSpec
from hetlava.convolution import QuantisedConvolution
from hetlava.errors import UnsupportedError
from hetlava.fixedpoint import DECAY_BITS
from hetlava.hardware.kernel_packing import Kernel
from hetlava.hardware.packing_bounds import misfits
from hetlava.hardware.packing_demand import (
    RESOURCES,
    Demand,
    Incoming,
    Limits,
    Neurons,
    demand_of,
)
from hetlava.hardware.synapse_memory import encodings
from hetlava.neurons.refractory import REFRACTORY_MAX, cuba_part, silence
from hetlava.quantised import QuantisedNetwork, QuantisedPopulation
from hetlava.rules import Violation

FULL = 1 << DECAY_BITS
KERNEL_SYNAPSES_MAX = 1 << 23  # beyond, lists of synapses are not compared with each other
UNITS = ("neurons", "decay profiles", "thresholds", "bits of synapses", "input axons", "axons")
CURES = {
    "synapse memory": "prune its synapses, or use fewer weight bits",
    "input axons": "prune its synapses",
    "output axons": "let its targets stand on fewer cores",
}


def limits_of(chip: ChipSpec, per_core: int | None = None) -> Limits:
    """Return what one core of a chip holds."""
    return Limits(
        neurons=min(chip.neurons_per_core, per_core or chip.neurons_per_core),
        profiles=chip.decay_profiles,
        thresholds=chip.vth_profiles,
        memory=chip.synapse_memory,
        inputs=chip.input_axons,
        outputs=chip.output_axons,
    )


def network_demand(
    net: QuantisedNetwork, names: Sequence[str], chip: ChipSpec, limits: Limits
) -> Demand:
    """Return what populations that may share cores ask of a core, output axons aside.

    Raises
    ------
    UnsupportedError
        If the chip has pools of decays or thresholds and neurons are of a model for which it is
        not known what they take of them.
    """
    populations = [net.population(name) for name in names]
    profiles = _numbered([_profiles(p, chip) for p in populations])
    thresholds = _numbered([_thresholds(p, chip) for p in populations])
    incoming = [_incoming(net, p, chip, limits) for p in populations]
    return demand_of(
        [Neurons(*parts) for parts in zip(profiles, thresholds, incoming, strict=True)]
    )


def _profiles(p: QuantisedPopulation, chip: ChipSpec) -> Int:
    """Return the decays and the silence of each neuron as one number, in the order of dv."""
    cuba = cuba_part(p.registers)
    if cuba is not None:
        decays = cuba.dv * (FULL + 1) + cuba.du + 1  # du is -1 .. 4095, dv 0 .. 4096
        return (decays * (REFRACTORY_MAX + 1) + silence(p.registers)).astype(np.int32)
    if chip.decay_profiles:
        raise UnsupportedError(
            f"population {p.name}: {chip.name} has pools of decays for CUBA neurons; what "
            f"{p.registers.model} neurons take of them is not known"
        )
    return np.zeros(p.registers.n, np.int32)


def _thresholds(p: QuantisedPopulation, chip: ChipSpec) -> Int:
    """Return the threshold of each neuron; readouts, which have none, take one value."""
    cuba = cuba_part(p.registers)
    if cuba is not None:
        return cuba.vth if cuba.spiking else np.zeros(cuba.n, np.int32)
    if chip.vth_profiles:
        raise UnsupportedError(
            f"population {p.name}: {chip.name} has pools of thresholds for CUBA neurons only, "
            f"not for {p.registers.model}"
        )
    return np.zeros(p.registers.n, np.int32)


def _numbered(values: Sequence[Int]) -> list[Int]:
    """Number the distinct values of all populations from 0, in their order."""
    numbers = np.unique(np.concatenate(values), return_inverse=True)[1].ravel().astype(np.int32)
    return np.split(numbers, np.cumsum([v.size for v in values])[:-1])


def _incoming(
    net: QuantisedNetwork, p: QuantisedPopulation, chip: ChipSpec, limits: Limits
) -> list[Incoming]:
    most = min(limits.neurons, p.registers.n)
    found = []
    for q in net.projections:
        if q.target == p.name:
            rows = q.rows()
            dense, sparse = encodings(chip, q, most)
            repeats = isinstance(q, QuantisedConvolution)
            found.append(Incoming(rows.indptr, rows.post, dense, sparse, repeats))
    return found


def kernels_of(
    net: QuantisedNetwork, name: str, chip: ChipSpec, limits: Limits
) -> list[Kernel] | None:
    """Return the synapses onto a population if all are convolutions of bearable size."""
    incoming = [q for q in net.projections if q.target == name]
    if not incoming or not all(isinstance(q, QuantisedConvolution) for q in incoming):
        return None
    if sum(int(q.fan_out().sum()) for q in incoming) > KERNEL_SYNAPSES_MAX:
        return None
    most = min(limits.neurons, net.population(name).registers.n)
    kernels = []
    for q in incoming:
        rows = q.rows()
        pre = np.repeat(np.arange(q.shape[1], dtype=np.int32), np.diff(rows.indptr))
        order = np.lexsort((rows.post, pre))
        bits = encodings(chip, q, most)[1]
        kernels.append(Kernel(pre[order], rows.post[order], rows.weight[order], bits))
    return kernels


def demand_misfits(names: Sequence[str], demand: Demand, limits: Limits) -> list[Violation]:
    """Return what single neurons ask for that no core has, by population."""
    excess, found = misfits(demand, limits), []
    for q, name in enumerate(names):
        mine = excess[demand.population == q]
        for r in (RESOURCES.index(resource) for resource in CURES):
            wrong = np.flatnonzero(mine[:, r])
            if wrong.size:
                worst = int(wrong[np.argmax(mine[wrong, r])])
                text = (
                    f"{wrong.size} of {len(mine)} neurons need more {RESOURCES[r]} than a core's "
                    f"{limits[r]}, most neuron {worst}: {mine[worst, r]} {UNITS[r]} too many"
                )
                found.append(Violation(name, int(wrong.size), text, CURES[RESOURCES[r]]))
    return found
