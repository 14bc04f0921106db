"""Packing the targets of convolutions, whose synapses are stored once for all places of a kernel.

Loihi stores lists of synapses that population spikes refer to: an axon carries a base, to which
the indices of its list are added, so that sources whose targets lie alike share one list
(nengo-loihi's ``Synapse.set_population_weights``; bases of 0 .. 255, and with free bases two slots
for every output axon of the source). Indices are those of the core's neurons, therefore neurons
stay in the order of their population, and each core takes a stretch of it.
"""

from typing import NamedTuple

import numpy as np

from hetlava.arrays import Int, Int16, Int64
from hetlava.hardware.packing import Packing
from hetlava.hardware.packing_demand import RESOURCES, Demand, Limits

BASE_MAX = 255
SLOTS = 2  # output axons that a source needs for a core it reaches in this way


class Kernel(NamedTuple):
    """The synapses of a projection, sorted by source and target, and what lists of them take."""

    pre: Int
    post: Int
    weight: Int16
    bits: Int64  # (most + 1,) memory [bit] of a list of so many synapses


def pack_kernels(demand: Demand, kernels: list[Kernel], limits: Limits) -> Packing:
    """Put stretches of the only population of a demand on cores, each as long as can be found.

    Every neuron must fit a core of its own. A longer stretch may store fewer lists than a shorter
    one, hence lengths are searched by doubling and halving, and what is found is checked.
    """
    core = np.zeros(demand.n, np.int32)
    usage, closed_by = list[Int64](), list[int]()
    start = 0
    while start < demand.n:
        stop = _longest(demand, kernels, limits, start)
        core[start:stop] = len(usage)
        usage.append(used(demand, kernels, start, stop))
        over = -1
        if stop < demand.n:
            more = used(demand, kernels, start, stop + 1)
            over = int(np.argmax(more > limits.values()))
        closed_by.append(over)
        start = stop
    return Packing(
        core=core,
        usage=np.array(usage, np.int64),
        closed_by=np.array(closed_by, np.int8),
        order="index, kernels stored once",
    )


def _longest(demand: Demand, kernels: list[Kernel], limits: Limits, start: int) -> int:
    """Return where a stretch from ``start`` ends that fits and would not with one more."""

    def fits(stop: int) -> bool:
        return bool(np.all(used(demand, kernels, start, stop) <= limits.values()))

    low, step = start + 1, 1
    while low < demand.n and fits(min(low + step, demand.n)):
        low, step = min(low + step, demand.n), 2 * step
    high = min(low + step, demand.n + 1)
    while low + 1 < high:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def used(demand: Demand, kernels: list[Kernel], start: int, stop: int) -> Int64:
    """Return what the neurons ``start .. stop - 1`` need together, of each of ``RESOURCES``."""
    total = np.zeros(len(RESOURCES), np.int64)
    total[0] = stop - start
    total[1] = np.unique(demand.profile[start:stop]).size
    total[2] = np.unique(demand.threshold[start:stop]).size
    total[3] = sum(kernel_bits(kernel, start, stop) for kernel in kernels)
    total[4] = np.unique(demand.source[demand.indptr[start] : demand.indptr[stop]]).size
    total[5] = demand.axons[start:stop].sum()
    return total


def kernel_bits(kernel: Kernel, start: int, stop: int) -> int:
    """Return the memory [bit] of the distinct lists of synapses onto ``start .. stop - 1``."""
    here = (kernel.post >= start) & (kernel.post < stop)
    pre, post, weight = kernel.pre[here], kernel.post[here] - start, kernel.weight[here]
    if not pre.size:
        return 0
    first = np.flatnonzero(np.concatenate([[True], pre[1:] != pre[:-1]]))
    length = np.diff(np.append(first, pre.size))
    base = np.minimum(post[first], BASE_MAX)
    index = post - np.repeat(base, length)
    total = 0
    for k in np.unique(length):
        rows = first[length == k][:, None] + np.arange(k)
        lists = np.concatenate([index[rows], weight[rows]], axis=1)
        total += len(np.unique(lists, axis=0)) * int(kernel.bits[k])
    return total
