"""Sums of a layer as products of matrices, for layers in which so much fires that it pays.

A product of 32-bit floats is exact, whatever its order, where no sum of magnitudes reaches 2**24.
"""

from collections.abc import Sequence

import numpy as np

from hetlava.arrays import AnyArray, Int
from hetlava.convolution import QuantisedConvolution
from hetlava.errors import UnsupportedError
from hetlava.sim.memory import require_memory
from hetlava.sim.placing import Place
from hetlava.sim.trains import Train
from hetlava.synapses import QuantisedProjection, QuantisedSynapses

EXACT = 1 << 24  # whole numbers up to which floats of 32 bits have no gaps
BYTES = 1 << 22  # of spikes or sums that are made at a time
WORD = 4


class Products:
    """The matrices of a network as floats, each made when it is first multiplied.

    Parameters
    ----------
    wires : sequence of QuantisedSynapses
    places : sequence of Place
        Of the target of each wire.
    looped : sequence of bool
        Whether a wire is on a loop, so that its spikes are not known beforehand.
    peaks : sequence of int
        The largest magnitude of a weight.
    """

    def __init__(
        self,
        wires: Sequence[QuantisedSynapses],
        places: Sequence[Place],
        looped: Sequence[bool],
        peaks: Sequence[int],
    ) -> None:
        self._places = tuple(places)
        self.lacks = tuple(map(_lacks, wires, looped))
        self._refused = [_refusal(q, lacks) for q, lacks in zip(wires, self.lacks, strict=True)]
        # what is never multiplied may be a copy that nothing else holds: a part by delay
        pairs = enumerate(zip(wires, self.lacks, strict=True))
        self._wires = {w: wire for w, (wire, lacks) in pairs if not lacks}
        self._peaks = tuple(peaks)
        self._made: dict[int, AnyArray] = {}

    def require_all(self) -> None:
        """Check that every wire can be multiplied.

        Raises
        ------
        UnsupportedError
            Naming the first that cannot be and why.
        """
        for refused, lacks in zip(self._refused, self.lacks, strict=True):
            if lacks:
                raise UnsupportedError(refused)

    def is_exact(self, w: int, most: int) -> bool:
        """Say whether floats hold every sum of wire w of messages up to a magnitude."""
        return self._wires[w].fan_in * self._peaks[w] * most < EXACT

    def require_exact(self, w: int, most: int) -> None:
        """Raise UnsupportedError if floats do not hold every sum of wire w."""
        if not self.is_exact(w, most):
            raise UnsupportedError(_refusal(self._wires[w], "sums of 2**24 or more"))

    def steps_at_once(self, w: int) -> int:
        """Return for how many steps the sums of wire w are made at a time."""
        widest = max(self._wires[w].shape[1], self._places[w].size)
        return max(1, BYTES // (WORD * widest))

    def sums(self, w: int, spikes: AnyArray) -> Int:
        """Multiply messages (n_steps, n_pre) float32 with the weights, (n_steps, size) int32."""
        return (spikes @ self._matrix(w)).astype(np.int32)

    def _matrix(self, w: int) -> AnyArray:
        """Return the weights (n_pre, size) by place; threads may both make them, which is alike."""
        if w not in self._made:
            wire, place = self._wires[w], self._places[w]
            n_bytes = WORD * wire.shape[1] * place.size
            require_memory(n_bytes, f"{wire.label}: the dense copy of the weights")
            made = np.zeros((wire.shape[1], place.size), np.float32)
            first = 0
            for block in wire.blocks():  # which may be bytes in a file
                made[:, place.where[first : first + len(block)]] = block.T
                first += len(block)
            self._made[w] = made
        return self._made[w]


def _refusal(wire: QuantisedSynapses, lacks: str) -> str:
    return f"{wire.label}: the dense engine takes no {lacks}; take the mode auto or events"


def _lacks(wire: QuantisedSynapses, looped: bool) -> str:
    """Return what forbids that a wire is multiplied, nothing if it can be."""
    if not isinstance(wire, QuantisedProjection):
        return "kernels" if isinstance(wire, QuantisedConvolution) else "lists of synapses"
    if looped:
        return "loops"
    return ""


def spread(train: Train, first: int, last: int, n: int) -> AnyArray:
    """Return rows ``first .. last - 1`` of events as a matrix (n_rows, n) float32."""
    dense = np.zeros((last - first, n), np.float32)
    rows = train.rows[first : last + 1]
    row = np.repeat(np.arange(last - first), np.diff(rows))
    events = slice(int(rows[0]), int(rows[-1]))
    dense[row, train.neurons[events]] = 1 if train.values is None else train.values[events]
    return dense
