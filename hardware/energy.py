"""Energy and latency of a run, always an estimate: counts times what an operation costs."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from hetlava.arrays import ArrayRecord, Float, Int64
from hetlava.chip_spec import Source
from hetlava.hardware.energy_presets import EnergyPreset, Quantity, energy_preset
from hetlava.work import Work

LABEL = "estimate"


@dataclass(frozen=True, eq=False, kw_only=True)
class EnergyTerm(ArrayRecord):
    """One term of an estimate.

    Attributes
    ----------
    quantity : str
    count : (n_samples,) float64
        Operations, or seconds.
    joules_each : float
        Of one operation [J], or watts.
    source : Source
    """

    quantity: Quantity
    count: Float
    joules_each: float
    source: Source

    @property
    def joules(self) -> Float:
        """Energy of each sample [J], (n_samples,)."""
        return self.count * self.joules_each


@dataclass(frozen=True, eq=False, kw_only=True)
class EnergyReport(ArrayRecord):
    """An estimate of energy and latency.

    Attributes
    ----------
    preset, device : str
        Whose constants they are, and of what.
    terms : tuple of EnergyTerm
    seconds : (n_samples,) float64 or None
        Latency, each population on cores of its own that share its work evenly; None where no
        times are published.
    times_source : Source or None
    notes : tuple of str
        What is not counted.
    """

    preset: str
    device: str
    terms: tuple[EnergyTerm, ...]
    seconds: Float | None
    times_source: Source | None
    notes: tuple[str, ...]

    @property
    def joules(self) -> Float:
        """Energy of each sample [J], (n_samples,)."""
        total: Float = np.sum([term.joules for term in self.terms], axis=0)
        return total

    def to_plain(self) -> dict[str, Any]:
        """Return means over samples as numbers and text, for JSON."""
        return {
            "label": LABEL,
            "preset": self.preset,
            "device": self.device,
            "joules_per_sample": float(np.mean(self.joules)),
            "seconds_per_sample": None if self.seconds is None else float(np.mean(self.seconds)),
            "terms": [
                {
                    "quantity": term.quantity,
                    "count_per_sample": float(np.mean(term.count)),
                    "joules_each": term.joules_each,
                    "joules_per_sample": float(np.mean(term.joules)),
                    "source": term.source.text,
                    "status": term.source.status,
                }
                for term in self.terms
            ],
            "times": None
            if self.times_source is None
            else {"source": self.times_source.text, "status": self.times_source.status},
            "notes": list(self.notes),
        }


def estimate(work: Work, preset: str | EnergyPreset) -> EnergyReport:
    """Estimate what the counted work takes by the constants of a preset.

    Raises
    ------
    UnsupportedError
        If nothing is published about the chip that is named.
    ValidationError
        If there is no such preset.
    """
    chosen = energy_preset(preset) if isinstance(preset, str) else preset
    counts = quantities(work, chosen.speedup)
    return EnergyReport(
        preset=chosen.name,
        device=chosen.device,
        terms=tuple(
            EnergyTerm(
                quantity=term.quantity,
                count=counts[term.quantity],
                joules_each=term.joules,
                source=term.source,
            )
            for term in chosen.terms
        ),
        seconds=_latency(work, chosen),
        times_source=chosen.times.source if chosen.times else None,
        notes=chosen.notes,
    )


def quantities(work: Work, speedup: float = 1.0) -> dict[Quantity, Float]:
    """Return everything that a preset can ask for, each (n_samples,) float64."""
    steps = int(work.neurons.sum()) * work.n_steps
    updates = work.updates.sum(axis=0)

    def of_kind(kind: str) -> Int64:
        rows = [k for k, found in enumerate(work.kinds) if found == kind]
        y: Int64 = work.synops[rows].sum(axis=0)
        return y

    ones = np.ones(work.n_samples)
    counts: dict[Quantity, Any] = {
        "effective synops": work.synops.sum(axis=0),
        "synops of dense matrices": of_kind("dense"),
        "synops of sparse matrices": of_kind("sparse"),
        "synops of kernels": of_kind("kernel"),
        "dense synops": int(work.dense.sum()) * ones,
        "membrane updates": updates,
        "neuron-steps without update": steps - updates,
        "neuron-steps": steps * ones,
        "spikes": work.spikes.sum(axis=0),
        "messages": work.fan @ work.spikes,
        "seconds on the chip": work.n_steps * work.dt / speedup * ones,
    }
    return {name: np.asarray(value, np.float64) for name, value in counts.items()}


def _latency(work: Work, preset: EnergyPreset) -> Float | None:
    """Return the time of the busiest population's cores and of the barriers, (n_samples,)."""
    times = preset.times
    if times is None:
        return None
    busiest = np.zeros(work.n_samples)
    for k, n in enumerate(work.neurons):
        cores = -(-int(n) // preset.neurons_per_core)
        arriving = work.synops[work.targets == k].sum(axis=0)
        idle = int(n) * work.n_steps - work.updates[k]
        busy = times.synop * arriving + times.update * work.updates[k] + times.idle * idle
        busiest = np.maximum(busiest, busy / cores)
    y: Float = busiest + work.n_steps * times.step
    return y
