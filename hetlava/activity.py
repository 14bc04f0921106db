"""What neurons did in a recording, in the form that codebooks take: how much each one matters,
and at what amplitude its states live."""

from typing import NamedTuple

import numpy as np

from hetlava.arrays import AnyArray, Float
from hetlava.errors import ValidationError
from hetlava.recording import Recording


class Amplitudes(NamedTuple):
    """Magnitudes [units of the state] at which current and voltage live, (n,) each; inf: never."""

    u: Float
    v: Float


def spike_sensitivity(recording: Recording) -> dict[str, Float]:
    """Weigh neurons by their spikes: who fires often carries the error of its decays further.

    Returns
    -------
    mapping of population to (n,) float64
        Spikes of each neuron plus one (silent neurons keep a say), 1 in the mean.
    """
    weights = {}
    for name, spikes in zip(recording.names, recording.spikes, strict=True):
        counts = np.bincount(spikes.index, minlength=spikes.n_neurons) + 1.0
        weights[name] = counts / counts.mean()
    return weights


def amplitudes(recording: Recording) -> dict[str, Amplitudes]:
    """Return the amplitude of every state for which truncation is made up best.

    Truncation takes about half a unit from a state ``x`` in every step, a decay word that is
    ``delta`` smaller gives ``delta x / 4096`` back. The squares of the difference are least for
    the amplitude ``E[x^2] / E[|x|]``.

    Raises
    ------
    ValidationError
        If the recording has no traces of ``u`` and ``v``.
    """
    if not recording.u or not recording.v:
        raise ValidationError("amplitudes need a recording with the traces u and v")
    pairs = zip(recording.names, recording.u, recording.v, strict=True)
    return {name: Amplitudes(_amplitude(u), _amplitude(v)) for name, u, v in pairs}


def _amplitude(trace: AnyArray) -> Float:
    x = np.abs(trace.astype(np.float64))
    first, second = x.sum(axis=(0, 1)), (x**2).sum(axis=(0, 1))
    y: Float = np.divide(second, first, out=np.full(first.shape, np.inf), where=first > 0)
    return y
