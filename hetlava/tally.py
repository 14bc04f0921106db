"""What a run over a data set is summed up to, block by block, without keeping its spikes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hetlava.arrays import ArrayRecord, Float, Int64
from hetlava.recording import Provenance, Recording
from hetlava.work import Work, join


@dataclass(frozen=True, eq=False, kw_only=True)
class Tally(ArrayRecord):
    """The sums of a recording.

    Attributes
    ----------
    target, provenance, names
        As in :class:`hetlava.recording.Recording`.
    n_steps : int
    neurons : tuple of int
        Neurons of every population.
    spikes : tuple of int
        Spikes of every population in all samples.
    scores : (n_samples, n_classes) float64
    synops : (n_samples,) int64
    seconds : float
        Time that the runs took, added up over blocks (and over workers).
    work : Work or None
        Its counts, if they were asked for.
    """

    target: str
    provenance: Provenance
    names: tuple[str, ...]
    n_steps: int
    neurons: tuple[int, ...]
    spikes: tuple[int, ...]
    scores: Float
    synops: Int64
    seconds: float
    work: Work | None = None

    @property
    def n_samples(self) -> int:
        """Number of samples."""
        return len(self.synops)

    @property
    def predictions(self) -> Int64:
        """The class with the first largest score of each sample, (n_samples,) int64."""
        best: Int64 = np.argmax(self.scores, axis=1).astype(np.int64)
        return best


def tally(recording: Recording, work: Work | None = None) -> Tally:
    """Sum up a recording, whose counts may come along."""
    return Tally(
        target=recording.target,
        provenance=recording.provenance,
        names=recording.names,
        n_steps=recording.spikes[0].n_steps,
        neurons=tuple(events.n_neurons for events in recording.spikes),
        spikes=tuple(events.n_events for events in recording.spikes),
        scores=recording.scores,
        synops=recording.synops,
        seconds=recording.seconds,
        work=work,
    )


def add(parts: Sequence[Tally]) -> Tally:
    """Add the tallies of consecutive samples of one run."""
    first = parts[0]
    return Tally(
        target=first.target,
        provenance=first.provenance,
        names=first.names,
        n_steps=first.n_steps,
        neurons=first.neurons,
        spikes=tuple(map(sum, zip(*(part.spikes for part in parts), strict=True))),
        scores=np.concatenate([part.scores for part in parts]),
        synops=np.concatenate([part.synops for part in parts]),
        seconds=sum(part.seconds for part in parts),
        work=join([part.work for part in parts if part.work]) if first.work else None,
    )
