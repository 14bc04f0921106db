"""What codebooks are told of a network's activity, measured on its training samples."""

from dataclasses import replace

import numpy as np

from hetlava.activity import amplitudes, spike_sensitivity
from hetlava.chip_spec import ChipSpec
from hetlava.datasets import load
from hetlava.errors import ValidationError
from hetlava.hardware.core_sharing import Sharing
from hetlava.network import Network
from hetlava.quantisation import quantise
from hetlava.scaling import Precision
from hetlava.sim import engine

SAMPLES = 64  # that are looked at; traces of all states are kept for them
SENSITIVITIES = ("none", "spikes", "loss")


def measured_sharing(
    net: Network,
    chip: ChipSpec,
    precision: Precision,
    sharing: Sharing,
    asked: tuple[str, bool],
    data: str | None,
) -> Sharing:
    """Return ``sharing`` with the weights and amplitudes that are asked for.

    Parameters
    ----------
    asked : (str, bool)
        Weigh neurons by ``none``, ``spikes`` or ``loss``; make up for truncation.
    data : str or None
        Data set; that of the network's training by default.
    """
    sensitivity, make_up = asked
    if sensitivity not in SENSITIVITIES:
        known = ", ".join(SENSITIVITIES)
        raise ValidationError(f"codebook weights {sensitivity!r} are unknown; known: {known}")
    if sensitivity == "none" and not make_up:
        return sharing
    if sensitivity != "none" and not sharing.coarse:
        raise ValidationError("--codebook-weights weighs the errors of a codebook; add --codebook")
    name = data or net.metadata.get("dataset")
    if not isinstance(name, str):
        raise ValidationError("the network does not say its data set; name one with --data")
    samples = load(name, "train")
    # spread over the file, which may be sorted by class
    samples = samples.take(np.unique(np.linspace(0, samples.n - 1, SAMPLES).astype(np.int64)))
    if sensitivity == "loss":
        from hetlava.train.sensitivity import loss_sensitivity

        sharing = replace(sharing, weights=loss_sensitivity(net, samples))
    if sensitivity == "spikes" or make_up:
        rounded = quantise(net, replace(chip, decay_profiles=0, vth_profiles=0), precision)
        probes = ("u", "v") if make_up else ()
        recording = engine.run(rounded, samples.binned(net.dt, net.n_steps), probes=probes)
        if sensitivity == "spikes":
            sharing = replace(sharing, weights=spike_sensitivity(recording))
        if make_up:
            sharing = replace(sharing, amplitudes=amplitudes(recording))
    return sharing
