"""Which wires of a layer are multiplied instead of summed event by event, and how that is run."""

from typing import TYPE_CHECKING

import numpy as np

from hetlava.arrays import AnyArray
from hetlava.sim import columns as col
from hetlava.sim.dense import spread
from hetlava.sim.modes import Mode
from hetlava.sim.trains import Train

if TYPE_CHECKING:
    from hetlava.sim.blocks import Block

QUIET = 0.05  # events of a source neuron and step, below which no processor multiplies faster


def dense_wires(block: "Block", p: int, mode: Mode) -> list[int]:
    """Return the wires into population p that are to be multiplied.

    Raises
    ------
    UnsupportedError
        If all must be and one cannot be without losing bits.
    """
    row = block.sources[p + 1]
    wires = range(int(row[col.FIRST_WIRE]), int(row[col.LAST_WIRE]))
    if mode == "events":
        return []
    if mode == "dense":
        for w in wires:
            block.prepared.products.require_exact(w, _largest(block, w))
        return list(wires)
    return [w for w in wires if _pays(block, w)]


def _pays(block: "Block", w: int) -> bool:
    products, train = block.prepared.products, block.messages(w)
    places = block.n_samples * block.n_steps * int(block.wires[w, col.ROWS])
    activity = int(train.rows[-1] - train.rows[0]) / max(1, places)
    if activity < QUIET or products.lacks[w] or not products.is_exact(w, _largest(block, w)):
        return False
    from hetlava.sim.crossover import crossover

    return activity > crossover()


def _largest(block: "Block", w: int) -> int:
    """Return the largest magnitude of what comes through wire w."""
    sent = [t.values for t in (block.messages(w), block.before(w)) if t.values is not None]
    return max((int(np.abs(v.astype(np.int64)).max(initial=1)) for v in sent), default=1)


def run_dense(block: "Block", p: int, wires: list[int]) -> None:
    """Run a population sample by sample, with sums made for as many steps as memory should hold."""
    products, table = block.prepared.products, block.table
    block.sources[p + 1, col.PLAIN] = 0
    steps = min(products.steps_at_once(w) for w in wires)
    for sample in range(block.n_samples):
        for start in range(0, block.n_steps, steps):
            stop = min(start + steps, block.n_steps)
            table[[col.SAMPLE_FROM, col.SAMPLE_TO]] = sample, sample + 1
            table[[col.STEP_FROM, col.STEP_TO]] = start, stop
            made = [products.sums(w, _arriving(block, w, sample, start, stop)) for w in wires]
            block.wires[wires, col.SUMS_AT] = [sums.ctypes.data for sums in made]
            block.run_group(p, p + 1, loops=False)
    block.take_all()


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
