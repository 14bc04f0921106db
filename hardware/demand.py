"""What the neurons of a network ask of the cores of a chip, as arrays for packing."""

import numpy as np

from hetlava.arrays import Int, Int64
from hetlava.chips import ChipSpec
from hetlava.hardware.packing import RESOURCES, Layer, Limits, fans, misfits
from hetlava.hardware.synapse_memory import encodings
from hetlava.quantised import QuantisedNetwork, QuantisedPopulation
from hetlava.rules import Violation

UNITS = ("neurons", "decay profiles", "thresholds", "bits of synapses", "input axons", "axons")


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


def layer_of(
    net: QuantisedNetwork, p: QuantisedPopulation, chip: ChipSpec, limits: Limits
) -> Layer:
    """Return what the neurons of a population ask of a core, output axons aside."""
    registers, n = p.cuba, p.registers.n
    incoming = [q for q in net.projections if q.target == p.name]
    most = min(limits.neurons, n)
    tables = [encodings(chip, q, most) for q in incoming]
    rows = [q.rows() for q in incoming]
    indptr, source = by_target(n, [(r.indptr, r.post) for r in rows])
    sizes = [q.shape[1] for q in incoming]
    projection: Int = np.repeat(np.arange(len(incoming), dtype=np.int32), sizes)
    pairs = np.stack([registers.dv, registers.du], axis=1)
    threshold = registers.vth if registers.spiking else np.zeros(n, np.int32)
    return Layer(
        profile=np.unique(pairs, axis=0, return_inverse=True)[1].ravel().astype(np.int32),
        threshold=np.unique(threshold, return_inverse=True)[1].ravel().astype(np.int32),
        axons=np.zeros(n, np.int64),
        indptr=indptr,
        source=source,
        projection=projection,
        fan=fans(indptr, source, projection, len(incoming)),
        dense=np.array([dense for dense, _ in tables], np.int64).reshape(-1, most + 1),
        sparse=np.array([sparse for _, sparse in tables], np.int64).reshape(-1, most + 1),
    )


def by_target(n: int, rows: list[tuple[Int64, Int]]) -> tuple[Int64, Int]:
    """Turn synapses by source, one list per projection, into sources by target neuron.

    Returns ``indptr`` (n + 1,) and the sources, numbered through all projections.
    """
    post = [part for _, part in rows]
    pre, first = [], 0
    for starts, _ in rows:
        n_pre = len(starts) - 1
        pre.append(np.repeat(np.arange(first, first + n_pre, dtype=np.int32), np.diff(starts)))
        first += n_pre
    targets = np.concatenate([np.zeros(0, np.int32), *post])
    sources = np.concatenate([np.zeros(0, np.int32), *pre])
    order = np.argsort(targets, kind="stable")
    indptr = np.concatenate([[0], np.cumsum(np.bincount(targets, minlength=n))])
    return indptr.astype(np.int64), sources[order].astype(np.int32)


def layer_misfits(name: str, layer: Layer, limits: Limits) -> list[Violation]:
    """Return what single neurons ask for that no core has."""
    excess, found = misfits(layer, limits), []
    cures = {
        3: "prune its synapses, or use fewer weight bits",
        4: "prune its synapses",
        5: "let its targets stand on fewer cores",
    }
    for r, cure in cures.items():
        wrong = np.flatnonzero(excess[:, r])
        if wrong.size:
            worst = int(wrong[np.argmax(excess[wrong, r])])
            text = (
                f"{wrong.size} of {layer.n} neurons need more {RESOURCES[r]} than a core's "
                f"{limits[r]}, most neuron {worst}: {excess[worst, r]} {UNITS[r]} too many"
            )
            found.append(Violation(name, int(wrong.size), text, cure))
    return found
