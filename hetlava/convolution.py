"""Convolutions with integer kernels; pooling is one of them, with a kernel of equal weights."""

from dataclasses import dataclass

import numpy as np

from hetlava.arrays import AnyArray, Int16, Int64
from hetlava.connectivity import Pair
from hetlava.sliding import IMAGE_MAX as IMAGE_MAX
from hetlava.sliding import Padding, Shape, Sliding
from hetlava.synapses import QuantisedSynapses


@dataclass(frozen=True, eq=False, kw_only=True)
class QuantisedConvolution(Sliding, QuantisedSynapses):
    """A kernel of int16 that slides over an image, see :class:`hetlava.sliding.Sliding`."""

    weights: Int16

    def __post_init__(self) -> None:
        self._check_kernel(np.int16)
        super().__post_init__()

    def product(self, s: AnyArray) -> Int64:
        """Return the convolution of images (n_samples, n_pre), (n_samples, n_post)."""
        return self._convolved(s, np.int64)


def pooling(
    source: str,
    target: str,
    weight: int,
    input_shape: Shape,
    window: Pair,
    *,
    stride: Pair | None = None,
    padding: Padding = ((0, 0), (0, 0)),
) -> QuantisedConvolution:
    """Return sums over windows of each channel, all of one weight; windows do not overlap unless
    a smaller ``stride`` says so."""
    kernel: Int16 = np.full((input_shape[0], 1, *window), weight, np.int16)
    return QuantisedConvolution(
        source=source,
        target=target,
        weights=kernel,
        input_shape=input_shape,
        stride=stride or window,
        padding=padding,
        groups=input_shape[0],
    )
