"""Kernels that slide over images: their geometry, whatever the weights are."""

from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from hetlava.arrays import AnyArray, Bool, Int64
from hetlava.connectivity import Pair, Rows, Synapses, own_fields
from hetlava.errors import ValidationError

IMAGE_MAX = 1 << 22  # neurons of an image, padding included

Shape = tuple[int, int, int]
Padding = tuple[Pair, Pair]
Word = TypeVar("Word", np.int64, np.float64)


@dataclass(frozen=True, eq=False, kw_only=True)
class Sliding(Synapses):
    """Synapses that slide one kernel over an image; not flipped, as in SLAYER and PyTorch::

        product(s)[o, y, x] = sum_(c, i, j) weights[o, c, i, j] s[c', y', x']

        y' = y stride_y + i dilation_y - top,  x' = x stride_x + j dilation_x - left,
        c' = c + (c_in / groups) (o // (c_out / groups))

    Neuron ``(c, y, x)`` of an image of shape (channels, height, width) is number
    ``(c * height + y) * width + x`` of its population.

    Attributes
    ----------
    weights : (c_out, c_in / groups, height, width)
    input_shape : (c_in, height, width)
    stride, dilation : (y, x)
    padding : ((top, bottom), (left, right))
        Silent neurons around the image.
    groups : int
        Blocks of channels that are not connected with each other.
    """

    input_shape: Shape
    stride: Pair = (1, 1)
    padding: Padding = ((0, 0), (0, 0))
    dilation: Pair = (1, 1)
    groups: int = 1

    def _check_kernel(self, dtype: type[np.generic]) -> None:
        if self.weights.ndim != 4 or self.weights.dtype != dtype or not self.weights.size:
            raise ValidationError(
                f"{self.label}: weights of shape {self.weights.shape} {self.weights.dtype}, "
                f"expected (c_out, c_in / groups, height, width) {np.dtype(dtype)}"
            )
        c, h, w = self.input_shape
        (top, bottom), (left, right) = self.padding
        numbers = (c, h, w, *self.stride, *self.dilation, self.groups)
        if min(numbers) < 1 or max(numbers) > IMAGE_MAX:
            raise ValidationError(
                f"{self.label}: input {self.input_shape}, stride {self.stride}, dilation "
                f"{self.dilation} and groups {self.groups} must be at least 1 and at most "
                f"{IMAGE_MAX}"
            )
        if min(top, bottom, left, right) < 0:
            raise ValidationError(f"{self.label}: padding {self.padding} must be at least 0")
        c_out, per_group = self.weights.shape[:2]
        if c != per_group * self.groups or c_out % self.groups:
            raise ValidationError(
                f"{self.label}: {c} channels in and {c_out} out do not divide into "
                f"{self.groups} groups of {per_group} in"
            )
        if min(self.output_shape) < 1:
            raise ValidationError(
                f"{self.label}: a kernel {self.weights.shape[2:]} with dilation {self.dilation} "
                f"does not fit an input {self.input_shape} with padding {self.padding}"
            )
        if max(c * (h + top + bottom) * (w + left + right), prod(self.output_shape)) > IMAGE_MAX:
            raise ValidationError(f"{self.label}: an image has more than {IMAGE_MAX} neurons")

    def arrangement(self) -> dict[str, Any]:
        """Return the geometry by name."""
        return own_fields(self, Sliding)

    @property
    def output_shape(self) -> Shape:
        """(c_out, height, width)."""
        height, width = (
            (n + sum(pads) - d * (k - 1) - 1) // s + 1
            for n, pads, d, k, s in zip(
                self.input_shape[1:],
                self.padding,
                self.dilation,
                self.weights.shape[2:],
                self.stride,
                strict=True,
            )
        )
        return self.weights.shape[0], height, width

    @property
    def shape(self) -> Pair:
        """(n_post, n_pre)."""
        return prod(self.output_shape), prod(self.input_shape)

    @property
    def fan_in(self) -> int:
        """Weights of one kernel."""
        return prod(self.weights.shape[1:])

    def _convolved(self, s: AnyArray, word: type[Word]) -> npt.NDArray[Word]:
        """Return the convolution of images (n_samples, n_pre), summed in words, place by place."""
        (dy, dx), (sy, sx), (_, height, width) = self.dilation, self.stride, self.output_shape
        c, h, w = self.input_shape
        grouped: Shape = (len(s), self.groups, c // self.groups)
        images = np.pad(
            s.astype(word).reshape(*grouped, h, w), ((0, 0), (0, 0), (0, 0), *self.padding)
        )
        kernels = self.weights.astype(word).reshape(self.groups, -1, *self.weights.shape[1:])
        total = np.zeros((*grouped[:2], kernels.shape[1], height * width), word)
        for i, j in np.ndindex(self.weights.shape[2:]):
            rows = slice(i * dy, i * dy + sy * (height - 1) + 1, sy)
            columns = slice(j * dx, j * dx + sx * (width - 1) + 1, sx)
            seen = images[..., rows, columns].reshape(*grouped, height * width)
            total += kernels[..., i, j] @ seen
        return total.reshape(len(s), -1)

    def fan_out(self) -> Int64:
        """Return the synapses of each input neuron; fewer at the edges."""
        c_out, _, kh, kw = self.weights.shape
        used = np.count_nonzero(self.weights.reshape(self.groups, -1, *self.weights.shape[1:]), 1)
        meets_y, meets_x = ((self._meetings(axis) >= 0).astype(np.int64) for axis in (0, 1))
        per_channel = used.reshape(-1, kh, kw).astype(np.int64)
        y: Int64 = np.einsum("cij,yi,xj->cyx", per_channel, meets_y, meets_x, optimize=True)
        return y.ravel()

    def rows(self) -> Rows:
        """Return the synapses one by one: as many as kernel weights times image positions."""
        per_in, per_out = (n // self.groups for n in (self.input_shape[0], self.weights.shape[0]))
        _, height, width = self.output_shape
        y, i, to_y = _listed(self._meetings(0))
        x, j, to_x = _listed(self._meetings(1))
        pre, post, weight = [], [], []
        for o, c in product(range(self.weights.shape[0]), range(per_in)):
            source = c + per_in * (o // per_out)
            here = self.weights[o, c][i[:, None], j]
            keep = here != 0
            from_ = (source * self.input_shape[1] + y[:, None]) * self.input_shape[2] + x
            to = (o * height + to_y[:, None]) * width + to_x
            pre.append(from_[keep])
            post.append(to[keep])
            weight.append(here[keep])
        order = np.argsort(np.concatenate(pre), kind="stable")
        starts = np.concatenate([[0], np.cumsum(self.fan_out())]).astype(np.int64)
        return Rows(
            starts,
            np.concatenate(post)[order].astype(np.int32),
            np.concatenate(weight)[order],
        )

    def _meetings(self, axis: int) -> Int64:
        """Return where along an axis input ``y`` meets kernel place ``i``, (n, k), -1: nowhere."""
        n, k = self.input_shape[1 + axis], self.weights.shape[2 + axis]
        start, step = self.padding[axis][0], self.stride[axis]
        at = np.arange(n)[:, None] + start - np.arange(k) * self.dilation[axis]
        to = at // step
        meets: Bool = (at % step == 0) & (to >= 0) & (to < self.output_shape[1 + axis])
        y: Int64 = np.where(meets, to, -1)
        return y


def _listed(meetings: Int64) -> tuple[Int64, Int64, Int64]:
    n, k = np.nonzero(meetings >= 0)
    return n, k, meetings[n, k]
