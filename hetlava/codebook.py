"""Decay codebooks: a few shared decay words that stand for many time constants.

Words are chosen among those that the register can hold, not rounded afterwards. Errors are taken
in the logarithm of the time constant, so that 10 % of a short and of a long one weigh the same.
One time constant has an optimum (:mod:`hetlava.codebook_search`); pairs of them have a heuristic
(:mod:`hetlava.codebook_pairs`).
"""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from hetlava.arrays import AnyArray, ArrayRecord, Float, Int, require
from hetlava.codebook_search import least_radius, least_squares, nearest
from hetlava.errors import ValidationError
from hetlava.fixedpoint import DECAY_BITS, decay_tau

Method = Literal["rms", "minimax"]
WORD_MAX = (1 << DECAY_BITS) - 1


@dataclass(frozen=True, eq=False, kw_only=True)
class Codebook(ArrayRecord):
    """Shared decay words and who uses which.

    Attributes
    ----------
    words : (k, m) int32
        Decay words, each row used by at least one neuron; m is 1 for one time constant and 2 for
        the pairs (synapse, membrane).
    assignment : (n,) int32
        Row of each neuron.
    errors : (n, m) float64
        Relative error of each time constant, ``tau of the word / tau - 1``.
    method : str
        What was minimised: ``rms`` or ``minimax``.
    optimal : bool
        True where no other words of that number do better, false where a heuristic chose them.
    """

    words: Int
    assignment: Int
    errors: Float
    method: Method = "rms"
    optimal: bool = True

    @property
    def k(self) -> int:
        """Number of words, or of pairs."""
        return int(self.words.shape[0])

    @property
    def rms(self) -> Float:
        """Root mean square of the relative errors, (m,)."""
        y: Float = np.sqrt(np.mean(self.errors**2, axis=0))
        return y

    @property
    def worst(self) -> Float:
        """Largest relative error in magnitude, (m,)."""
        y: Float = np.max(np.abs(self.errors), axis=0)
        return y


def build(
    taus: Float,
    k: int,
    *,
    dt: float,
    weights: Float | None = None,
    method: Method = "rms",
    largest: int = WORD_MAX,
) -> Codebook:
    """Choose at most ``k`` decay words for time constants: the best there are.

    Parameters
    ----------
    taus : (n,) float64
        Time constants [s].
    dt : float
        Length of a step [s].
    weights : (n,) float64 or None
        How much the squared error of each counts. ``minimax`` bounds every error, and only leaves
        out those of weight 0.
    method : str
        ``rms``: least weighted squared error of log tau. ``minimax``: least largest error, and
        among the words that reach it those of least squared error.
    largest : int
        Largest word that the register holds.

    Raises
    ------
    ValidationError
        If a time constant or weight is impossible, or ``k`` is below 1.

    Examples
    --------
    >>> build(np.array([0.01, 0.011, 0.05]), 2, dt=1e-3).words.ravel().tolist()
    [372, 81]
    """
    weights = check(taus, k, dt, weights, method, largest)
    levels = level_table(dt, largest)
    kept = np.flatnonzero(weights)
    order = kept[np.argsort(np.log(taus[kept]), kind="stable")]
    x = np.log(taus[order])
    radius = np.inf if method == "rms" else least_radius(x, levels, k)
    chosen = least_squares(x, weights[order], levels, k, radius)
    words = (largest - chosen).astype(np.int32)
    assignment = nearest(levels[chosen], np.log(taus))
    return assigned(taus[:, None], words[:, None], assignment, dt, method)


def check(
    taus: Float, k: int, dt: float, weights: Float | None, method: str, largest: int
) -> Float:
    """Check what a codebook is asked for and return the weights, 1 where none are given."""
    if k < 1:
        raise ValidationError(f"codebook: {k} words, expected at least 1")
    if method not in get_args(Method):
        known = ", ".join(get_args(Method))
        raise ValidationError(f"codebook: method {method!r} is unknown; known: {known}")
    if not dt > 0 or not 1 <= largest <= WORD_MAX:
        raise ValidationError(f"codebook: dt {dt} s or largest word {largest} is impossible")
    if taus.shape[:1] == (0,):
        raise ValidationError("codebook: no time constants to share words")
    require(taus, (taus > 0) & np.isfinite(taus), "codebook: tau [s]", "are not above 0 and finite")
    n = taus.shape[0]
    weights = np.ones(n) if weights is None else np.asarray(weights, np.float64)
    if weights.shape != (n,):
        raise ValidationError(f"codebook: weights of shape {weights.shape}, expected ({n},)")
    fine = np.isfinite(weights) & (weights >= 0)
    require(weights, fine, "codebook: weights", "are negative or not finite")
    if not np.any(weights > 0):
        raise ValidationError("codebook: every weight is 0; give one neuron a weight")
    return weights


def level_table(dt: float, largest: int = WORD_MAX) -> Float:
    """Return log tau of the words ``largest .. 1``, ascending, (largest,) float64."""
    y: Float = np.log(decay_tau(np.arange(largest, 0, -1, dtype=np.int32), dt))
    return y


def assigned(
    taus: Float, words: Int, assignment: AnyArray, dt: float, method: Method, optimal: bool = True
) -> Codebook:
    """Return the codebook of the words that are used, its errors computed; taus are (n, m)."""
    used, rows = np.unique(assignment, return_inverse=True)
    kept = words[used]
    return Codebook(
        words=kept,
        assignment=rows.astype(np.int32),
        errors=decay_tau(kept[rows], dt) / taus - 1,
        method=method,
        optimal=optimal,
    )
