"""Spikes of a batch as events, in the form that the compiled loops of training read.

Neuron ``index[e]`` of sample ``b`` sends at step ``t`` for the ``e`` of row ``b * n_steps + t``,
``indptr[row] .. indptr[row + 1] - 1``: the order of :class:`hetlava.events.Events`.
"""

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from hetlava.arrays import AnyArray, Int, Int64
from hetlava.events import Events
from hetlava.train.spike_loops import list_nonzero

LEVEL_BITS = 8  # of graded input; training takes it in units of 2**8, so that it is below a spike


@dataclass(frozen=True, kw_only=True)
class SpikeRows:
    """Events of a batch.

    Attributes
    ----------
    shape : tuple
        (n_steps, n_samples, n_neurons).
    indptr : (n_samples * n_steps + 1,) int64
    index : (n_events,) int32
    value : (n_events,) or (0,)
        What each spike counts; without values, 1.
    """

    shape: tuple[int, int, int]
    indptr: Int64
    index: Int
    value: AnyArray

    @property
    def share(self) -> float:
        """Share of the neurons and steps that spike."""
        return len(self.index) / max(1, int(np.prod(self.shape)))


def rows_of(x: Tensor) -> SpikeRows:
    """List the spikes of ``x`` (n_steps, n_samples, n_neurons); their heights too if not all 1."""
    dense = x.detach().transpose(0, 1).contiguous().numpy()
    n_samples, n_steps, n = dense.shape
    counts = np.zeros(n_samples * n_steps, np.int64)
    graded = np.zeros(n_samples, np.bool_)
    # room for all to spike; the system finds memory for what is written only
    found = np.empty((n_samples, n_steps * n), np.int32)
    list_nonzero(dense, counts, found, graded)
    indptr = np.concatenate([[0], np.cumsum(counts)])
    ends = counts.reshape(n_samples, n_steps).sum(1)
    index = np.concatenate([row[:end] for row, end in zip(found, ends, strict=True)])
    value = np.zeros(0, dense.dtype)
    if graded.any():
        sample, step = np.divmod(np.repeat(np.arange(counts.size), counts), n_steps)
        value = dense[sample, step, index]
    return SpikeRows(shape=(n_steps, n_samples, n), indptr=indptr, index=index, value=value)


def rows_of_events(events: Events) -> SpikeRows:
    """Take over the events of a batch."""
    return SpikeRows(
        shape=(events.n_steps, events.n_samples, events.n_neurons),
        indptr=events.indptr,
        index=events.index,
        value=heights(events),
    )


def heights(events: Events) -> AnyArray:
    """Return what each event counts, (n_events,) float32; nothing where each counts 1."""
    if events.values is None:
        return np.zeros(0, np.float32)
    return events.values.astype(np.float32) * np.float32(2.0**-LEVEL_BITS)
