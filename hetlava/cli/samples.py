"""Samples of a data set in the shape that a network takes."""

from typing import TYPE_CHECKING

from hetlava.arrays import Int64
from hetlava.errors import ValidationError
from hetlava.events import Events
from hetlava.network import Network
from hetlava.quantised import QuantisedNetwork

if TYPE_CHECKING:
    from hetlava.datasets.recordings import Recordings


def load_samples(
    net: Network | QuantisedNetwork, data: str, split: str, limit: int | None
) -> tuple[Events, Int64]:
    """Load a split, put into the network's steps, and its labels (n_samples,) int64.

    Errors as for :func:`load_recordings`.
    """
    recordings = load_recordings(net, data, split, limit)
    return recordings.binned(net.dt, net.n_steps), recordings.labels


def load_recordings(
    net: Network | QuantisedNetwork, data: str, split: str, limit: int | None
) -> "Recordings":
    """Load a split, or its first samples, as they were recorded.

    Raises
    ------
    ValidationError
        If the data set has other channels than the network, or more classes than outputs.
    """
    from hetlava.datasets import load

    recordings = load(data, split)
    if recordings.n_channels != net.n_inputs:
        raise ValidationError(
            f"{data} has {recordings.n_channels} channels, the network takes {net.n_inputs}"
        )
    if limit is not None:
        recordings = recordings.take(range(min(limit, recordings.n)))
    return recordings
