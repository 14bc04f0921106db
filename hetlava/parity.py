"""Compare two recordings of one input: accuracy, spikes, and the first place where they part."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from hetlava.arrays import ArrayRecord, Bool, Int, Int64
from hetlava.errors import ValidationError
from hetlava.events import Events
from hetlava.recording import Recording

Z95 = 1.959964  # two-sided 95 % quantile of the normal distribution


class Interval(NamedTuple):
    """A value with its 95 % confidence interval."""

    value: float
    low: float
    high: float


class Difference(NamedTuple):
    """The first spike that only one of two recordings has, or both of another size."""

    layer: str
    sample: int
    step: int
    neuron: int


class LayerParity(NamedTuple):
    """Spikes of one population in two recordings.

    ``agreement`` is the share of spikes that both have among those that either has (Jaccard
    index); 1 when there are none. A graded spike of another size is not the same spike.
    """

    name: str
    reference_spikes: int
    spikes: int
    differing: int
    agreement: float


@dataclass(frozen=True, eq=False, kw_only=True)
class Parity(ArrayRecord):
    """How a recording compares with its reference.

    Attributes
    ----------
    reference, candidate : str
        What ran: ``float``, ``fake-quantised``, ``engine``, ``lava-cpu``.
    n_samples : int
    reference_accuracy, accuracy : Interval
        Share of right classes [%], with Wilson's score interval.
    drop : Interval
        Points lost from reference to candidate, with the interval of paired differences.
    same_prediction : float
        Share of samples of equal class [%].
    layers : tuple of LayerParity
    first_difference : Difference or None
        The earliest step, then the earliest layer, sample and neuron.
    """

    reference: str
    candidate: str
    n_samples: int
    reference_accuracy: Interval
    accuracy: Interval
    drop: Interval
    same_prediction: float
    layers: tuple[LayerParity, ...]
    first_difference: Difference | None

    @property
    def identical(self) -> bool:
        """Whether every spike of every layer is the same."""
        return self.first_difference is None


def compare(
    reference: Recording, candidate: Recording, labels: Int64, *, name: str | None = None
) -> Parity:
    """Compare two recordings of the same samples.

    Parameters
    ----------
    labels : (n_samples,) int64
    name : str, optional
        What to call the candidate; its target by default.

    Raises
    ------
    ValidationError
        If the recordings hold other populations or another number of samples.
    """
    if reference.names != candidate.names:
        raise ValidationError(f"recordings of {reference.names} and of {candidate.names}")
    n = labels.size
    for recording in (reference, candidate):
        if recording.scores.shape[0] != n:
            raise ValidationError(
                f"{recording.target}: {recording.scores.shape[0]} samples, {n} labels"
            )
    right_before = reference.predictions == labels
    right_after = candidate.predictions == labels
    pairs = list(zip(reference.names, reference.spikes, candidate.spikes, strict=True))
    return Parity(
        reference=reference.target,
        candidate=name or candidate.target,
        n_samples=n,
        reference_accuracy=wilson(int(right_before.sum()), n),
        accuracy=wilson(int(right_after.sum()), n),
        drop=paired_drop(right_before, right_after),
        same_prediction=100.0 * float(np.mean(reference.predictions == candidate.predictions)),
        layers=tuple(_layer(*pair) for pair in pairs),
        first_difference=_first_difference(pairs),
    )


def wilson(successes: int, n: int) -> Interval:
    """Return a proportion [%] with its 95 % score interval.

    References
    ----------
    Wilson (1927), Probable inference, the law of succession, and statistical inference.

    Examples
    --------
    >>> [round(x, 1) for x in wilson(95, 100)]
    [95.0, 88.8, 97.8]
    """
    if n < 1:
        raise ValidationError("no samples to score")
    p, z2 = successes / n, Z95**2
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = Z95 / (1 + z2 / n) * np.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    # the interval of 0 and of n successes ends there exactly, which rounding would miss
    low = float(centre - half) if successes else 0.0
    high = float(centre + half) if successes < n else 1.0
    return Interval(100 * p, 100 * low, 100 * high)


def paired_drop(before: Bool, after: Bool) -> Interval:
    """Return the points lost with the 95 % interval of the mean of paired differences."""
    lost = before.astype(np.float64) - after.astype(np.float64)
    mean = 100 * float(lost.mean())
    half = 100 * Z95 * float(lost.std()) / float(np.sqrt(lost.size))
    return Interval(mean, mean - half, mean + half)


def _layer(name: str, reference: Events, candidate: Events) -> LayerParity:
    either = np.union1d(_keys(reference), _keys(candidate)).size
    differing = _differing(reference, candidate).size
    agreement = 1 - differing / either if either else 1.0
    return LayerParity(name, reference.n_events, candidate.n_events, differing, agreement)


def _keys(events: Events) -> Int64:
    """Number every spike by its step first, then its sample and neuron."""
    rows = np.repeat(np.arange(events.indptr.size - 1), np.diff(events.indptr))
    sample, step = np.divmod(rows, events.n_steps)
    keys = (step * events.n_samples + sample) * events.n_neurons + events.index
    return keys.astype(np.int64)


def _differing(a: Events, b: Events) -> Int64:
    """Return the numbers of spikes that one has only, or both of another size, ascending."""
    keys_a, keys_b = _keys(a), _keys(b)
    alone: Int64 = np.setxor1d(keys_a, keys_b, assume_unique=True)
    if a.values is None and b.values is None:
        return alone
    common, in_a, in_b = np.intersect1d(keys_a, keys_b, assume_unique=True, return_indices=True)
    return np.union1d(alone, common[_sizes(a)[in_a] != _sizes(b)[in_b]])


def _sizes(events: Events) -> Int:
    return np.ones(events.n_events, np.int32) if events.values is None else events.values


def _first_difference(pairs: list[tuple[str, Events, Events]]) -> Difference | None:
    found = []
    for order, (name, a, b) in enumerate(pairs):
        keys = _differing(a, b)
        if keys.size:
            row, neuron = divmod(int(keys[0]), a.n_neurons)
            step, sample = divmod(row, a.n_samples)
            found.append((step, order, Difference(name, sample, step, neuron)))
    return min(found)[2] if found else None
