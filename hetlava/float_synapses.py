"""Synapses in volts: a matrix, a kernel for images, or lists; what quantisation rounds."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hetlava.arrays import AnyArray, Bool, Float, require
from hetlava.connectivity import Matrix, Synapses
from hetlava.convolution import QuantisedConvolution
from hetlava.errors import ValidationError
from hetlava.listed import Listed
from hetlava.sliding import Sliding
from hetlava.sparse_synapses import QuantisedSparse
from hetlava.synapses import QuantisedProjection, QuantisedSynapses

MESSAGE_BITS_MAX = 24  # of a chip's graded spike


@dataclass(frozen=True, eq=False, kw_only=True)
class FloatSynapses(Synapses):
    """Synapses from a population (or ``"input"``) to a population, one step of delay.

    Attributes
    ----------
    source, target : str
        Names of populations; ``source`` may be ``"input"``.
    weights : float64
        What one spike adds to the current of the target [V per step]; the shape is the subclass's.
    grid : float
        Step [V] of the grid that the weights were trained on, 0 if none. Quantisation keeps the
        grid where the chip can hold it, so that nothing is rounded twice.
    message_bits : int
        Bits of what the source sends, where it sends numbers that weights are multiplied by; 0
        where it spikes.
    """

    in_registers: ClassVar[type[QuantisedSynapses]]  # what they are rounded to

    weights: Float
    grid: float = 0.0
    message_bits: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        label = f"{self.label}: weights"
        require(self.weights, np.isfinite(self.weights), label, "are not finite")
        if not 0 <= self.message_bits <= MESSAGE_BITS_MAX:
            raise ValidationError(
                f"{label}: message_bits {self.message_bits} outside [0, {MESSAGE_BITS_MAX}]"
            )
        if not 0 <= self.grid < np.inf:
            raise ValidationError(f"{label}: grid {self.grid} is not a step of at least 0")

    @abstractmethod
    def product(self, s: AnyArray) -> Float:
        """Return the weighted sums of ``s`` (n_samples, n_pre), (n_samples, n_post)."""

    @abstractmethod
    def by_target(self, values: Float) -> Float:
        """Return one of ``values`` (n_post,) for every weight: its target's, broadcastable.

        Of a kernel, which the neurons of a channel share: that of the first, see
        :meth:`shares_evenly`.
        """

    def shares_evenly(self, values: Float) -> Bool:
        """Tell which neurons have one of ``values`` with all that share their weights, (n_post,)"""
        return np.ones(values.size, np.bool_)

    @abstractmethod
    def all_of_target(self, holds: Bool) -> Bool:
        """Tell which neurons have only weights for which it ``holds`` (of weights), (n_post,)."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Projection(Matrix, FloatSynapses):
    """All-to-all synapses: ``product(s) = weights @ s`` with weights (n_post, n_pre) float64."""

    in_registers = QuantisedProjection

    def __post_init__(self) -> None:
        if self.weights.ndim != 2 or self.weights.dtype != np.float64:
            raise ValidationError(
                f"{self.label}: weights of shape {self.weights.shape} {self.weights.dtype}, "
                "expected (n_post, n_pre) float64"
            )
        super().__post_init__()

    def product(self, s: AnyArray) -> Float:
        """Return ``weights @ s``."""
        y: Float = s @ self.weights.T
        return y

    def by_target(self, values: Float) -> Float:
        """Return a column."""
        return values[:, None]

    def all_of_target(self, holds: Bool) -> Bool:
        """Ask every row."""
        y: Bool = np.all(holds, axis=1)
        return y


@dataclass(frozen=True, eq=False, kw_only=True)
class Convolution(Sliding, FloatSynapses):
    """A kernel of float64 that slides over an image, see :class:`hetlava.sliding.Sliding`."""

    in_registers = QuantisedConvolution

    def __post_init__(self) -> None:
        self._check_kernel(np.float64)
        super().__post_init__()

    def product(self, s: AnyArray) -> Float:
        """Return the convolution of images (n_samples, n_pre), (n_samples, n_post)."""
        return self._convolved(s, np.float64)

    def by_target(self, values: Float) -> Float:
        """Return that of each channel's first neuron."""
        return values.reshape(self.output_shape)[:, :1, :1, None]

    def shares_evenly(self, values: Float) -> Bool:
        """Ask every channel."""
        channels, height, width = self.output_shape
        rows = values.reshape(channels, -1)
        y: Bool = np.repeat((rows == rows[:, :1]).all(axis=1), height * width)
        return y

    def all_of_target(self, holds: Bool) -> Bool:
        """Ask every kernel."""
        channels, height, width = self.output_shape
        y: Bool = np.repeat(holds.all(axis=(1, 2, 3)), height * width)
        return y


@dataclass(frozen=True, eq=False, kw_only=True)
class Sparse(Listed, FloatSynapses):
    """Lists of float64, see :class:`hetlava.listed.Listed`;
    :func:`hetlava.synapse_forms.sparse` makes them."""

    in_registers = QuantisedSparse

    def __post_init__(self) -> None:
        self._check_lists(np.float64)
        super().__post_init__()

    def product(self, s: AnyArray) -> Float:
        """Return the weighted sums, each added up in the order of the sources."""
        counts, total = np.diff(self.indptr), np.zeros((len(s), self.n_post))
        for row, sums in zip(s, total, strict=True):
            active = np.flatnonzero(row)
            n = counts[active]
            # places of all their synapses: of each list its start and how far in
            here = np.arange(n.sum()) + np.repeat(self.indptr[active] - np.cumsum(n) + n, n)
            given = self.weights[here] * np.repeat(row[active], n)
            sums[:] = np.bincount(self.post[here], given, self.n_post)
        return total

    def by_target(self, values: Float) -> Float:
        """Return that of each synapse."""
        return values[self.post]

    def all_of_target(self, holds: Bool) -> Bool:
        """Ask every synapse."""
        y: Bool = np.bincount(self.post[~holds], minlength=self.n_post) == 0
        return y
