"""What any run gives: spikes, chosen traces, class scores, counts of work, and how it was made."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np

from hetlava.arrays import AnyArray, ArrayRecord, Float, Int64
from hetlava.errors import ValidationError
from hetlava.events import Events, concatenate
from hetlava.network import Readout

Provenance = Literal["reference", "simulated", "emulated", "hardware"]
PROBES = ("u", "v")
_PROVENANCES = get_args(Provenance)


@dataclass(frozen=True, eq=False, kw_only=True)
class Recording(ArrayRecord):
    """The result of running a network on a batch.

    Attributes
    ----------
    target : str
        What ran it: ``engine``, ``reference``, ``float``, ``lava-cpu``.
    provenance : str
        ``reference`` (floating point), ``simulated``, ``emulated`` or ``hardware``.
    names : tuple of str
        The populations, in the order of the other tuples.
    spikes : tuple of Events
        Spikes of every population.
    u, v : tuple of (n_steps, n_samples, n) arrays, or empty
        Traces of every population when probed; ``v`` after the reset.
    scores : (n_samples, n_classes) float64
        What the readout gave; the class is the first largest.
    seconds : float
        Wall time of the run.
    synops : (n_samples,) int64
        Effective synaptic operations, one per spike and non-zero weight that it meets
        (NeuroBench's definition).
    details : mapping of str to plain values
        Versions, threads and whatever the target wants to say.
    """

    target: str
    provenance: Provenance
    names: tuple[str, ...]
    spikes: tuple[Events, ...]
    scores: Float
    seconds: float
    synops: Int64
    u: tuple[AnyArray, ...] = ()
    v: tuple[AnyArray, ...] = ()
    details: Mapping[str, str | int | float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.names) != len(self.spikes):
            raise ValidationError("recording: as many names as spike trains are needed")
        for traces in (self.u, self.v):
            if traces and len(traces) != len(self.names):
                raise ValidationError("recording: a trace is needed for every population or none")
        if self.provenance not in _PROVENANCES:
            known = ", ".join(_PROVENANCES)
            raise ValidationError(f"provenance {self.provenance!r} is unknown; known: {known}")
        self._check_shapes()

    def _check_shapes(self) -> None:
        n_samples = len(self.synops) if self.synops.ndim else 0
        if self.scores.ndim != 2 or self.scores.shape[0] != n_samples or self.synops.ndim != 1:
            raise ValidationError(
                f"recording: scores of shape {self.scores.shape} and synops of "
                f"{self.synops.shape}, expected (n_samples, n_classes) and (n_samples,)"
            )
        for k, spikes in enumerate(self.spikes):
            shape = (spikes.n_steps, spikes.n_samples, spikes.n_neurons)
            if shape[:2] != (self.spikes[0].n_steps, n_samples):
                raise ValidationError(
                    f"recording: {self.names[k]} has {shape[1]} samples of {shape[0]} steps, "
                    f"expected {n_samples} of {self.spikes[0].n_steps}"
                )
            for name, traces in (("u", self.u), ("v", self.v)):
                if traces and traces[k].shape != shape:
                    raise ValidationError(
                        f"recording: {name} of {self.names[k]} has shape {traces[k].shape}, "
                        f"expected (n_steps, n_samples, n) = {shape}"
                    )

    @property
    def predictions(self) -> Int64:
        """The class with the first largest score of each sample, (n_samples,) int64."""
        best: Int64 = np.argmax(self.scores, axis=1).astype(np.int64)
        return best

    def of(self, name: str) -> Events:
        """Return the spikes of the population of that name.

        Raises
        ------
        ValidationError
            If there is none; the message lists those there are.
        """
        if name not in self.names:
            raise ValidationError(f"population {name!r} is unknown; known: {', '.join(self.names)}")
        return self.spikes[self.names.index(name)]


def join(parts: Sequence[Recording]) -> Recording:
    """Join recordings of one run over consecutive samples; times add up."""
    first = parts[0]
    if len(parts) == 1:
        return first
    return Recording(
        target=first.target,
        provenance=first.provenance,
        names=first.names,
        spikes=tuple(
            concatenate(part.spikes[i] for part in parts) for i in range(len(first.names))
        ),
        u=_join_traces([part.u for part in parts]),
        v=_join_traces([part.v for part in parts]),
        scores=np.concatenate([part.scores for part in parts]),
        seconds=sum(part.seconds for part in parts),
        synops=np.concatenate([part.synops for part in parts]),
        details=first.details,
    )


def _join_traces(parts: list[tuple[AnyArray, ...]]) -> tuple[AnyArray, ...]:
    return tuple(np.concatenate(traces, axis=1) for traces in zip(*parts, strict=True))


def score(readout: Readout, spikes: Events, v: AnyArray | None) -> Float:
    """Score the classes of every sample, (n_samples, n) float64.

    Parameters
    ----------
    readout : str
        ``spike-count`` needs ``spikes``, of which graded ones count by their size; the voltages
        need ``v`` (n_steps, n_samples, n).
    """
    if readout == "spike-count":
        return spikes.sums().astype(np.float64)
    if v is None:
        raise ValidationError(f"readout {readout!r} needs the voltage of the output")
    # integers are summed as integers, so that a mean never depends on the order of its terms
    exact = np.float64 if v.dtype.kind == "f" else np.int64
    scores: Float
    if readout == "max-voltage":
        scores = v.max(axis=0).astype(np.float64)
    elif readout == "last-voltage":
        scores = v[-1].astype(np.float64)
    else:
        scores = v.sum(axis=0, dtype=exact) / len(v)
    return scores
