"""Weights on the chip's grid: the scale of a population, exponents, rounding."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from hetlava.arrays import Float, Int, Int16
from hetlava.budget import truncation_leak
from hetlava.chips import ChipSpec
from hetlava.errors import ValidationError
from hetlava.fixedpoint import DECAY_BITS, STATE_SHIFT, round_to_grid, weight_step
from hetlava.float_synapses import FloatSynapses
from hetlava.synapses import QuantisedSynapses

UNIT = 1 << STATE_SHIFT  # units of the state per unit of weight, threshold mantissa and bias
BARE_VTH = 256  # threshold mantissa of a population without weights to take a scale from


@dataclass(frozen=True, kw_only=True)
class Precision:
    """How finely a network is rounded.

    Attributes
    ----------
    weight_bits : int
        Bits of a weight, 2 .. 8.
    decay_bits : int
        Bits of a decay word, 1 .. 12; coarser words stand in the upper bits of the register.
    netx : bool
        Keep to what lava-dl's own loader can hold: no weight exponent above 0, bias exponent 6.
        Without it larger exponents make the truncation leak smaller.
    leak_tolerance : float
        Largest median relative error of the membrane's decay by truncation at half threshold for
        which a larger exponent is not tried.
    """

    weight_bits: int = 8
    decay_bits: int = DECAY_BITS
    netx: bool = True
    leak_tolerance: float = 0.005

    def __post_init__(self) -> None:
        if not 2 <= self.weight_bits <= 8:
            raise ValidationError(f"weight bits: {self.weight_bits} is outside [2, 8]")
        if not 1 <= self.decay_bits <= DECAY_BITS:
            raise ValidationError(f"decay bits: {self.decay_bits} is outside [1, {DECAY_BITS}]")
        if not self.leak_tolerance > 0:
            raise ValidationError(f"leak tolerance: {self.leak_tolerance} is not above 0")


def within(precision: Precision, chip: ChipSpec) -> Precision:
    """Return a precision that is no finer than the chip's words."""
    return replace(
        precision,
        weight_bits=min(precision.weight_bits, chip.weight_bits),
        decay_bits=min(precision.decay_bits, chip.decay_bits),
    )


class _Limits(NamedTuple):
    step: int
    low: int
    high: int


def _limits(projection: FloatSynapses, precision: Precision) -> _Limits:
    """Return the grid of the mantissas: weights of one sign have twice the resolution."""
    w = projection.weights
    mixed = bool(np.min(w, initial=0) < 0 < np.max(w, initial=0))
    step = weight_step(precision.weight_bits, mixed)
    high = 255 // step * step
    return _Limits(step, -256 // step * step if mixed else -high, high)


def choose_scale(
    threshold: Float,
    d_mem: Int,
    incoming: list[FloatSynapses],
    chip: ChipSpec,
    precision: Precision,
) -> float:
    """Return the units of the state per volt of a population.

    Parameters
    ----------
    threshold : (n,) float64
        Firing thresholds [V]; of a readout the range that it should resolve.
    d_mem : (n,) int32
        Decay words of the membrane.
    """
    largest = max((float(np.max(np.abs(p.weights), initial=0.0)) for p in incoming), default=0.0)
    ceiling = chip.vth_max * UNIT / float(np.max(threshold))
    if largest == 0.0:
        return min(BARE_VTH * UNIT / float(np.median(threshold)), ceiling)
    kept = _scale_of_grid(incoming, precision)
    if kept is not None and kept <= ceiling:
        return kept
    full = min(_limits(p, precision).high for p in incoming)
    scale = ceiling
    for exponent in range(1 if precision.netx else chip.weight_exp_max + 1):
        scale = min(full * UNIT * 2.0**exponent / largest, ceiling)
        leak = truncation_leak(d_mem, threshold * scale / 2)
        if float(np.median(leak)) <= precision.leak_tolerance:
            break
    return scale


def _scale_of_grid(incoming: list[FloatSynapses], precision: Precision) -> float | None:
    """Return the scale that puts the grid of training on the chip's, if there is one."""
    # of what a whole message sends: its lower half stays below a unit, and its upper half above,
    # so that sums lose little and states that large messages drive keep their room
    grids = {p.grid * 2.0**p.message_bits for p in incoming}
    finer = 2.0 ** max(p.message_bits // 2 for p in incoming)
    if len(grids) != 1 or not min(grids) > 0 or precision.weight_bits != 8:
        return None
    grid = grids.pop()
    # half a step of slack: what the trainer's own rounding puts on the grid fits
    fits = all(np.all(np.abs(p.weights / p.grid + 0.5) <= 128) for p in incoming)
    return finer * 2 * UNIT / grid if fits else None


def choose_exponents(
    incoming: list[FloatSynapses], scale: float, chip: ChipSpec, precision: Precision
) -> list[int]:
    """Return the smallest exponents that hold the weights and lose no bit of a sum of spikes.

    Projections into a population that also projects onto itself share one exponent, since
    lava-dl's loader stacks their matrices, unless it cannot hold what they send anyway.
    """
    exponents = []
    for p in incoming:
        step, low, high = _limits(p, precision)
        w = p.weights * (scale / UNIT)
        ratio = max(float(np.max(w, initial=0)) / high, float(np.min(w, initial=0)) / low, 1e-9)
        # the slack keeps a largest weight of exactly the limit, which rounding may have moved
        least = max(1 - step.bit_length() - p.message_bits // 2, chip.weight_exp_min)
        exponents.append(max(int(np.ceil(np.log2(ratio) - 1e-9)), least))
    if any(p.source == p.target for p in incoming) and not any(p.message_bits for p in incoming):
        return [max(exponents)] * len(exponents)
    return exponents


def round_weights(
    projection: FloatSynapses, scale: float, exponent: int, precision: Precision
) -> QuantisedSynapses:
    """Round weights to the chip's grid, half to even, and clip to its range."""
    step, low, high = _limits(projection, precision)
    target = projection.weights * (scale / (UNIT * 2.0**exponent))
    weights: Int16 = round_to_grid(target, step, low, high).astype(np.int16)
    if weights.max(initial=0) <= 0:  # of one sign after rounding: the range is symmetric
        weights = np.maximum(weights, -high).astype(np.int16)
    return projection.in_registers(
        source=projection.source,
        target=projection.target,
        weights=weights,
        weight_exp=exponent,
        weight_bits=precision.weight_bits,
        message_bits=projection.message_bits,
        **projection.arrangement(),
        **projection.lateness(),
    )
