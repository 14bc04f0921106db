"""Which wires of a layer are multiplied instead of summed event by event, and how that is run."""

from typing import TYPE_CHECKING

import numpy as np

from hetlava.arrays import AnyArray
from hetlava.sim import columns as col
from hetlava.sim.dense import spread
from hetlava.sim.trains import Train

if TYPE_CHECKING:
    from hetlava.sim.blocks import Block
    from hetlava.sim.wiring import Group

QUIET = 0.05  # events of a source neuron and step, below which no processor multiplies faster


def dense_wires(block: "Block", group: "Group") -> list[int]:
    """Return which wires into populations that run together are to be multiplied.

    Raises
    ------
    UnsupportedError
        If all must be and one cannot be without losing bits.
    """
    if block.mode == "events" or group.loops:
        return []
    if block.mode == "dense":
        for w, _, _ in group.wires:
            block.prepared.products.require_exact(w, _largest(block, w))
        return [w for w, _, _ in group.wires]
    quiet = QUIET * block.n_samples * block.n_steps
    return [w for w, q, n in group.wires if block.counts[q] > quiet * n and _pays(block, w, q, n)]


def _pays(block: "Block", w: int, source: int, n: int) -> bool:
    products = block.prepared.products
    if block.wires[w, col.KIND] != col.MATRIX or products.lacks[w]:
        return False  # lists of few synapses are faster than what they leave out
    if not products.is_exact(w, _largest(block, w)):
        return False
    from hetlava.sim.crossover import crossover

    return block.counts[source] > crossover() * block.n_samples * block.n_steps * n


def _largest(block: "Block", w: int) -> int:
    """Return the largest magnitude of what comes through wire w."""
    sent = [t.values for t in (block.messages(w), block.before(w)) if t.values is not None]
    return max((int(np.abs(v.astype(np.int64)).max(initial=1)) for v in sent), default=1)


def run_dense(block: "Block", group: "Group", wires: list[int]) -> None:
    """Run a population sample by sample, with sums made for as many steps as memory should hold."""
    products, table = block.prepared.products, block.table
    steps = min(products.steps_at_once(w) for w in wires)
    whole = table[[col.SAMPLE_FROM, col.SAMPLE_TO, col.STEP_FROM, col.STEP_TO]]
    for sample in range(block.n_samples):
        for start in range(0, block.n_steps, steps):
            if block.stop[0]:
                return
            stop = min(start + steps, block.n_steps)
            table[[col.SAMPLE_FROM, col.SAMPLE_TO]] = sample, sample + 1
            table[[col.STEP_FROM, col.STEP_TO]] = start, stop
            made = [products.sums(w, _arriving(block, w, sample, start, stop)) for w in wires]
            block.wires[wires, col.SUMS_AT] = [sums.ctypes.data for sums in made]
            block.run_group(group)
    block.wires[wires, col.SUMS_AT] = 0
    table[[col.SAMPLE_FROM, col.SAMPLE_TO, col.STEP_FROM, col.STEP_TO]] = whole


def _arriving(block: "Block", w: int, sample: int, start: int, stop: int) -> AnyArray:
    """Return what arrives through wire w at steps ``start .. stop - 1`` as a matrix."""
    n, first = int(block.wires[w, col.ROWS]), sample * block.n_steps
    train = block.messages(w)
    if block.wires[w, col.MODE] == col.FROM_LATE:
        return spread(train, first + start, first + stop, n)
    if start:
        return spread(train, first + start - 1, first + stop - 1, n)
    before = spread(block.before(w), sample, sample + 1, n)
    return np.concatenate([before, spread(train, first, first + stop - 1, n)])


def without_sizes(train: Train) -> Train:
    """Return events that all count as 1."""
    return train if train.values is None else train._replace(values=None)
