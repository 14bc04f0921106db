"""Memory of arrays that live from a forward to a backward pass, kept for the next batch.

The system finds and clears memory anew for every array of this size, which takes as long as a third
of the time loop that fills it.
"""

from collections import deque
from threading import Lock

import torch
from torch import Tensor

KEPT = 8  # arrays; the oldest goes first


class Buffers:
    """Arrays that nobody reads any more."""

    def __init__(self) -> None:
        self._free: deque[Tensor] = deque(maxlen=KEPT)
        self._lock = Lock()

    def take(self, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        """Return a tensor of any content."""
        with self._lock:
            for k, tensor in enumerate(self._free):
                if tensor.shape == shape and tensor.dtype == dtype:
                    del self._free[k]
                    return tensor
        return torch.empty(shape, dtype=dtype)

    def give(self, tensor: Tensor) -> None:
        """Keep a tensor that nothing else holds."""
        with self._lock:
            self._free.append(tensor)


BUFFERS = Buffers()
