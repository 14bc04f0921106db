"""How layers of CUBA-LIF neurons step in training: the equations, the choices, the parameters.

One step, with weights ``W``, a loop ``R`` of the layer onto itself, the rest per neuron::

    u[t] = alpha u[t-1] + W s_in[t - delay] + R s[t-1]
    v[t] = beta z[t-1] + u[t] + bias
    s[t] = v[t] > threshold
    z[t] = v[t] (1 - s[t])             (reset "zero")
    z[t] = v[t] - threshold s[t]       (reset "subtract")
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

from torch import Tensor

from hetlava.errors import ValidationError
from hetlava.fixedpoint import DECAY_BITS, STATE_SHIFT
from hetlava.train.surrogates import Surrogate, round_to

Reset = Literal["zero", "subtract"]
ResetGradient = Literal["full", "detached", "ignored"]

FULL = 1 << DECAY_BITS


@dataclass(frozen=True, kw_only=True)
class CubaRule:
    """What a layer does at a step.

    Attributes
    ----------
    surrogate : Surrogate, optional
        Derivative of the spike; None: integrators, which neither spike nor are reset.
    reset : str
    reset_gradient : str
        ``full``: the spike in the reset is differentiated; ``detached``: the pattern of resets is
        taken as given; ``ignored``: gradients pass as if nothing were reset, as in SLAYER.
    scale : float, optional
        Units of the state per volt. With it the forward pass is what the chip computes: weights,
        thresholds and biases are multiples of ``2**6 / scale``, decays of 1/4096, states are whole
        numbers that are truncated, u wraps and v saturates; gradients pass all rounding.
    delay : int
        Steps that input takes, 0 or 1; the chip's projections take 1.
    """

    surrogate: Surrogate | None
    reset: Reset = "zero"
    reset_gradient: ResetGradient = "full"
    scale: float | None = None
    delay: int = 1

    def __post_init__(self) -> None:
        if self.delay not in (0, 1):
            raise ValidationError(f"delay is {self.delay}, expected 0 or 1 steps")
        if self.scale is not None and not self.scale > 0:
            raise ValidationError(f"scale is {self.scale}, expected above 0 units per volt")

    @property
    def grid(self) -> float:
        """The weight [V] of one unit of the chip's."""
        if self.scale is None:
            raise ValidationError("a rule without a scale has no grid")
        return (1 << STATE_SHIFT) / self.scale


class CubaParameters(NamedTuple):
    """Parameters of a layer, (n,) each.

    ``alpha`` and ``beta`` are the shares of u and v that a step keeps; threshold and bias are in
    volts; ``unit`` [V] is the unit in which the surrogate derivative takes its argument.
    """

    alpha: Tensor
    beta: Tensor
    threshold: Tensor
    bias: Tensor
    unit: Tensor


def on_grid(p: CubaParameters, rule: CubaRule) -> CubaParameters:
    """Return the parameters as the chip holds them; gradients pass."""
    if rule.scale is None:
        return p
    return p._replace(
        alpha=round_to(p.alpha, 1 / FULL),
        beta=round_to(p.beta, 1 / FULL),
        threshold=round_to(p.threshold, rule.grid),
        bias=round_to(p.bias, rule.grid),
    )
