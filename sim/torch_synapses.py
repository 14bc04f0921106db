"""Synapses on torch: exact sums of integers by products in floating point.

A float32 holds every integer up to 2**24, a float64 up to 2**53. Where the absolute weights of a
neuron sum to less, every partial sum is exact in whatever order a library adds, so that the fast
products of floats can be used. Graded messages are multiplied in halves of 16 bits. Convolutions
are sums of such products, one for each place of the kernel: the libraries' own take transforms
(Winograd, FFT) that round.
"""

import warnings
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import numpy as np

from hetlava.arrays import AnyArray
from hetlava.convolution import QuantisedConvolution
from hetlava.errors import UnsupportedError
from hetlava.sparse_synapses import QuantisedSparse
from hetlava.synapses import QuantisedProjection, QuantisedSynapses

if TYPE_CHECKING:
    import torch

SINGLE, DOUBLE = 1 << 24, 1 << 53  # integers below are exact
HALF_BITS = 16  # of a message


class Sums(ABC):
    """The synapses of one projection on a device."""

    def __init__(self, synapses: QuantisedSynapses, device: str) -> None:
        import torch

        self.synapses = synapses
        self.device = device
        self.dtype = _exact_dtype(synapses)
        self.delays = None
        if synapses.delays is not None:
            self.delays = torch.from_numpy(synapses.delays.astype(np.int64)).to(device)

    @abstractmethod
    def product(self, s: "torch.Tensor") -> "torch.Tensor":
        """Return the weighted sums of ``s`` (rows, n_pre) of ``self.dtype``, (rows, n_post)."""

    def over_time(self, sent: "torch.Tensor") -> "torch.Tensor":
        """Return what was sent (n_steps, n_samples, n_pre) gives to every step, int32."""
        import torch

        n_steps, n_samples, n_pre = sent.shape
        late = torch.zeros_like(sent)
        if self.delays is None:
            late[1:] = sent[:-1]
        else:
            for delay in set(self.delays.tolist()):
                if delay < n_steps - 1:
                    here = self.delays == delay
                    late[1 + delay :, :, here] = sent[: n_steps - 1 - delay, :, here]
        return self._given(late.view(-1, n_pre)).view(n_steps, n_samples, self.synapses.shape[0])

    def at(self, t: int, sent: "torch.Tensor") -> "torch.Tensor":
        """Return what was sent (n_steps, n_samples, n_pre) gives to step ``t``, int32."""
        import torch

        if self.delays is None:
            return self._given(sent[t - 1])
        when = t - 1 - self.delays
        neurons = torch.arange(sent.shape[2], device=self.device)
        s = sent[when.clamp(min=0), :, neurons].T
        return self._given(s * (when >= 0))

    def _given(self, s: "torch.Tensor") -> "torch.Tensor":
        import torch

        if self.synapses.message_bits and s.dtype != torch.bool:
            high, low = s >> HALF_BITS, s & ((1 << HALF_BITS) - 1)
            # a word of 32 bits, as in the reference, before it is shifted
            total = (self._exact(high) * (1 << HALF_BITS) + self._exact(low)).int().long()
        else:
            total = self._exact(s != 0)
        # a word of 32 bits before it is shifted, as in the reference
        total, exponent = total.int().long(), self.synapses.weight_exp
        return (total << exponent if exponent >= 0 else total >> -exponent).int()

    def _exact(self, s: "torch.Tensor") -> "torch.Tensor":
        return self.product(s.to(self.dtype)).long()

    def on_device(self, values: AnyArray) -> "torch.Tensor":
        """Return values on the device in the exact word."""
        import torch

        return torch.tensor(values, device=self.device).to(self.dtype).contiguous()


class MatrixSums(Sums):
    """All-to-all synapses: one product."""

    def __init__(self, synapses: QuantisedProjection, device: str) -> None:
        super().__init__(synapses, device)
        self.weights = self.on_device(synapses.whole().T)

    def product(self, s: "torch.Tensor") -> "torch.Tensor":
        """Return ``s @ weights.T``."""
        return s @ self.weights


class ListSums(Sums):
    """Lists of synapses: a product with a sparse matrix in rows of targets."""

    def __init__(self, synapses: QuantisedSparse, device: str) -> None:
        import torch

        super().__init__(synapses, device)
        indptr, post, weight = synapses.rows()
        order = np.argsort(post, kind="stable")
        starts = np.concatenate([[0], np.cumsum(np.bincount(post, minlength=synapses.n_post))])
        pre = np.repeat(np.arange(synapses.shape[1]), np.diff(indptr))[order]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # torch calls its rows a beta
            self.weights = torch.sparse_csr_tensor(
                torch.from_numpy(starts.astype(np.int64)).to(device),
                torch.from_numpy(pre.astype(np.int64)).to(device),
                self.on_device(weight[order]),
                size=synapses.shape,
                check_invariants=True,
            )

    def product(self, s: "torch.Tensor") -> "torch.Tensor":
        """Return ``s @ weights.T``, the sparse matrix on the left, where torch has it."""
        return (self.weights @ s.T).T


class KernelSums(Sums):
    """Convolutions: a product for every place of the kernel."""

    def __init__(self, synapses: QuantisedConvolution, device: str) -> None:
        super().__init__(synapses, device)
        self.kernel = synapses
        kernels = synapses.weights.reshape(synapses.groups, -1, *synapses.weights.shape[1:])
        # (place, groups, channels in, channels out)
        places = kernels.transpose(3, 4, 0, 2, 1)
        self.weights = self.on_device(places.reshape(-1, *places.shape[2:]))

    def product(self, s: "torch.Tensor") -> "torch.Tensor":
        """Return the convolution of images, channel by channel as their neurons are numbered."""
        import torch

        c = self.kernel
        (top, bottom), (left, right) = c.padding
        channels, h, w = c.input_shape
        images = s.view(len(s), c.groups, channels // c.groups, h, w)
        images = torch.nn.functional.pad(images, (left, right, top, bottom))
        c_out, height, width = c.output_shape
        total = s.new_zeros((c.groups, len(s) * height * width, c_out // c.groups))
        for place, (i, j) in enumerate(np.ndindex(c.weights.shape[2:])):
            y, x = i * c.dilation[0], j * c.dilation[1]
            seen = images[
                ...,
                y : y + c.stride[0] * (height - 1) + 1 : c.stride[0],
                x : x + c.stride[1] * (width - 1) + 1 : c.stride[1],
            ]
            rows = seen.permute(1, 0, 3, 4, 2).reshape(c.groups, -1, channels // c.groups)
            total.baddbmm_(rows, self.weights[place])
        by_pixel = total.view(c.groups, len(s), height, width, -1)
        return by_pixel.permute(1, 0, 4, 2, 3).reshape(len(s), c.shape[0])


def synaptic_sums(synapses: QuantisedSynapses, device: str) -> Sums:
    """Put the synapses of a projection on a device.

    Raises
    ------
    UnsupportedError
        If torch has no sum for synapses of that kind, or one could leave 53 bits.
    """
    if isinstance(synapses, QuantisedConvolution):
        return KernelSums(synapses, device)
    if isinstance(synapses, QuantisedProjection):
        return MatrixSums(synapses, device)
    if isinstance(synapses, QuantisedSparse):
        return ListSums(synapses, device)
    raise UnsupportedError(
        f"{synapses.label}: the torch engine has no {type(synapses).__name__}; run it without "
        "--device"
    )


def _exact_dtype(synapses: QuantisedSynapses) -> "torch.dtype":
    """Return the narrowest word that holds every sum of the absolute products of a neuron."""
    import torch

    low, high = synapses.signed_sums(np.ones(synapses.shape[1], bool))
    largest = int((high - low).max()) << (HALF_BITS if synapses.message_bits else 0)
    if largest >= DOUBLE:
        raise UnsupportedError(f"{synapses.label}: sums up to {largest} do not fit 53 bits")
    return torch.float32 if largest < SINGLE else torch.float64
