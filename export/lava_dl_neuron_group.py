"""The group ``neuron`` of a layer in a file of lava-dl."""

from collections.abc import Mapping, Set
from dataclasses import dataclass

import numpy as np

from hetlava.arrays import Int
from hetlava.errors import UnsupportedError
from hetlava.export.hdf5 import Group
from hetlava.export.lava_dl_parts import check_keys, limited, vector

# of SLAYER's surrogate gradient, without effect on a run
TRAINING_KEYS = {"scaleRho", "tauRho", "theta"}


@dataclass(frozen=True)
class NeuronGroup:
    """The group ``neuron`` of a layer, and what its values are spread over.

    Attributes
    ----------
    layer, neuron : Group
    n, channels : int
        Neurons, in channels of equally many each; values are one for all, one per channel or one
        per neuron.
    at_input : bool
        Whether the layer is the network's input.
    """

    layer: Group
    neuron: Group
    n: int
    channels: int
    at_input: bool = False

    def word(self, key: str) -> Int:
        """Return ``n`` values of the group."""
        return vector(self.neuron, key, self.n, self.channels)

    def bias(self) -> Int:
        """Return ``n`` biases of the neurons, 0 where there are none; see
        :func:`current_bias`."""
        return np.zeros(self.n, np.int32) if biased_current(self.layer) else self.any_bias()

    def any_bias(self) -> Int:
        """Return ``n`` biases of the layer, 0 where it has none."""
        if "bias" not in self.layer.keys():
            return np.zeros(self.n, np.int32)
        return vector(self.layer, "bias", self.n, self.channels)

    def check(
        self, needed: set[str], harmless: Mapping[str, int], optional: Set[str] = frozenset()
    ) -> None:
        """Check that all that is ``needed`` is there, and of the rest only what is ``harmless``
        with that value, or ``optional``."""
        check_keys(self.neuron, {"type", *needed}, {*harmless, *optional, *TRAINING_KEYS})
        for key, value in harmless.items():
            if key in self.neuron.keys() and np.any(
                limited(self.neuron, key, self.n, self.channels) != value
            ):
                raise UnsupportedError(
                    f"{self.neuron.where(key)}: only {value} is read; netx ignores it or differs"
                )


def biased_current(layer: Group) -> bool:
    """Whether SLAYER adds the bias of a layer to what the neurons hear, not to their voltage.

    It does so at the input; and a recurrent block goes on each step with the current that the bias
    was added to, so that it decays like all else that was heard.
    """
    return layer.text("type") in ("input", "dense_rec")
