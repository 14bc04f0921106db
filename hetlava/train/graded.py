"""Networks that were trained on graded input, whose levels come as fractions in training."""

from dataclasses import replace

from hetlava.errors import ValidationError
from hetlava.graph import INPUT
from hetlava.network import Network
from hetlava.train.config import TrainConfig
from hetlava.train.spike_rows import LEVEL_BITS


def for_levels(network: Network) -> Network:
    """Return the network that does with levels what it did with levels in units of ``2**8``.

    A chip multiplies weights by whole levels and shifts the sum, which loses no bit of a weight.
    """
    share = 2.0**-LEVEL_BITS
    projections = tuple(
        replace(p, weights=p.weights * share, grid=p.grid * share, message_bits=LEVEL_BITS)
        if p.source == INPUT
        else p
        for p in network.projections
    )
    return replace(network, projections=projections)


def check_config(config: TrainConfig) -> None:
    """Refuse what graded input does not go together with.

    Raises
    ------
    ValidationError
        If the run augments spikes, or trains for a chip's grid or its dies.
    """
    for name in ("augment", "qat", "mismatch"):
        if getattr(config, name):
            raise ValidationError(
                f"{name} is {getattr(config, name)}, but {config.dataset} sends levels in place of "
                f"spikes; train on {config.dataset.partition(':')[0]}:rate, or leave {name} out"
            )
