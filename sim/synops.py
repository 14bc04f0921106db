"""Counts of synaptic work, in NeuroBench's terms."""

from collections.abc import Iterable

import numpy as np

from hetlava.arrays import Int64
from hetlava.connectivity import Synapses
from hetlava.events import Events


def effective_synops(projections: Iterable[Synapses], spikes: dict[str, Events]) -> Int64:
    """Count a synaptic operation per spike and non-zero weight, (n_samples,) int64.

    ``spikes`` maps the name of every source (``"input"`` included) to its events. Spikes of the
    last step are counted too: they are sent, though nothing after the run sees them.

    References
    ----------
    NeuroBench 2.3.0, "effective synaptic operations".
    """
    n_samples = next(iter(spikes.values())).n_samples
    total = np.zeros(n_samples, np.int64)
    for projection in projections:
        total += spikes[projection.source].counts() @ projection.fan_out()
    return total
