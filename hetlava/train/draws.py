"""Random numbers of a batch's samples that do not depend on how many processes share the batch."""

from collections.abc import Callable

import torch
from torch import Tensor


class SharedGenerator(torch.Generator):
    """A generator that all processes hold alike: each draws for whole batches, and keeps a part.

    Attributes
    ----------
    whole : int
        Samples of the batch.
    part : slice
        Those of this process.
    """

    whole: int = 0
    part: slice = slice(0, 0)

    def turn_to(self, whole: int, part: slice) -> None:
        """Say which part of the next batch is this process's."""
        self.whole, self.part = whole, part


def per_sample(draw: Callable[[int], Tensor], n: int, rng: torch.Generator | None) -> Tensor:
    """Return ``draw(n)``, or this process's part of what is drawn for the whole batch."""
    if not isinstance(rng, SharedGenerator):
        return draw(n)
    return draw(rng.whole)[rng.part]
