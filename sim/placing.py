"""Where the neurons of a population stand inside the engine: in lanes, and for images by pixel.

Neurons are padded with silent ones to whole vectors. A population that a kernel leads to stands
pixel by pixel, channels innermost, with a gap of silent neurons between the rows of the image: what
a kernel adds beyond an edge lands in the gap, so that no loop asks where the edge is.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from hetlava.arrays import Int
from hetlava.convolution import QuantisedConvolution
from hetlava.sliding import Shape
from hetlava.synapses import QuantisedSynapses

LANES = 64  # neurons whose spikes make a word
CHUNK_BYTES = 1 << 18  # of weights that a pass over time should find in the second cache
CHUNK_MAX = 1024
SPARSE_CHUNK = 1 << 16  # neurons whose sums stay in the second cache; fewer make short lists


class Place(NamedTuple):
    """Neuron ``k`` of a population stands at ``where[k]`` of ``size`` places.

    The sums of what arrives are an array of ``lead + size + tail`` words; those of place 0 are at
    ``lead``. ``chunk`` places are brought through all steps before the next ones.
    """

    size: int
    where: Int  # (n,)
    chunk: int
    lead: int = 0
    tail: int = 0
    image: Shape | None = None  # (channels, height, width)
    row: int = 0  # places from one row of the image to the next

    @property
    def straight(self) -> bool:
        """Neurons stand in their own order."""
        return self.image is None


class Reach(NamedTuple):
    """How far a kernel adds beyond the edges of its output, in pixels."""

    top: int
    bottom: int
    left: int
    right: int


def padded(n: int) -> int:
    """Return ``n`` rounded up to whole words of spikes."""
    return -(-n // LANES) * LANES


def place(n: int, wires: Sequence[QuantisedSynapses], sparse: Sequence[bool]) -> Place:
    """Choose the place of ``n`` neurons that ``wires`` lead to; ``sparse`` says how those lie."""
    kernels = [w for w in wires if isinstance(w, QuantisedConvolution)]
    if kernels:
        return _image(n, kernels)
    size = padded(n)
    if any(sparse):
        return Place(size, np.arange(n, dtype=np.int32), min(size, SPARSE_CHUNK))
    sources = sum(w.shape[1] for w in wires)
    fit = CHUNK_BYTES // max(1, sources) // LANES * LANES
    return Place(size, np.arange(n, dtype=np.int32), min(max(LANES, fit), CHUNK_MAX, size))


def _image(n: int, kernels: Sequence[QuantisedConvolution]) -> Place:
    shape = kernels[0].output_shape
    channels, height, width = shape
    reach = Reach(*np.max([reach_of(k) for k in kernels if k.output_shape == shape], axis=0))
    row = (width + max(reach.left, reach.right)) * channels
    c, y, x = np.unravel_index(np.arange(n, dtype=np.int32), shape)
    size = padded(height * row)
    return Place(
        size=size,
        where=(y * row + x * channels + c).astype(np.int32),
        chunk=size,
        lead=reach.top * row + reach.left * channels,
        tail=reach.bottom * row + reach.right * channels + LANES,
        image=shape,
        row=row,
    )


def reach_of(kernel: QuantisedConvolution) -> Reach:
    """Return how far beyond its output's edges the kernel would add, were they not there."""
    ends = []
    for axis in (0, 1):
        last = kernel.output_shape[1 + axis] - 1
        to = [t for _, _, t in meetings(kernel, axis)]
        ends += [max(0, -min(to, default=0)), max(0, max(to, default=0) - last)]
    return Reach(*ends)


def meetings(kernel: QuantisedConvolution, axis: int) -> list[tuple[int, int, int]]:
    """Return (input place, kernel place, output place) along an axis, edges not regarded."""
    start, step = kernel.padding[axis][0], kernel.stride[axis]
    found = []
    for y in range(kernel.input_shape[1 + axis]):
        for i in range(kernel.weights.shape[2 + axis]):
            to, rest = divmod(y + start - i * kernel.dilation[axis], step)
            if not rest:
                found.append((y, i, to))
    return found
