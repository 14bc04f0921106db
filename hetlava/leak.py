"""Decay words that make up for the leak of truncation.

A core rounds the magnitude of a decayed state down. On the average that takes TRUNCATION_LOSS
units in every step, so a state of magnitude ``A`` decays as if its word were larger::

    d_effective = d + 4096 * TRUNCATION_LOSS / A

The word that is smaller by as much has the time constant that was asked for, at that amplitude.
"""

import numpy as np

from hetlava.arrays import Float
from hetlava.budget import TRUNCATION_LOSS
from hetlava.fixedpoint import DECAY_BITS

FULL = 1 << DECAY_BITS
LEAST = 0.5  # of a word: what remains if truncation alone is faster than what is asked for


def compensated_tau(tau: Float, dt: float, amplitude: Float) -> Float:
    """Return the time constants that words should stand for, so that ``tau`` results [s].

    Parameters
    ----------
    tau : (n,) float64
        Time constants that states of magnitude ``amplitude`` (n,) shall have [s].
    dt : float
        Length of a step [s].

    Examples
    --------
    >>> compensated_tau(np.array([0.1, 0.1]), 1e-3, np.array([1024.0, np.inf])).round(4).tolist()
    [0.1051, 0.1]
    """
    word = -np.expm1(-dt / tau) * FULL
    extra = FULL * TRUNCATION_LOSS / np.maximum(amplitude, 1.0)
    y: Float = -dt / np.log1p(-np.maximum(word - extra, LEAST) / FULL)
    return y
