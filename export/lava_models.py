"""Integer populations and projections as Lava's processes: the numbers are handed over exactly."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from hetlava.arrays import ArrayRecord, Int, Int8, Int16
from hetlava.errors import UnsupportedError
from hetlava.fixedpoint import weight_step
from hetlava.neurons.cuba import CubaRegisters
from hetlava.quantised import QuantisedProjection
from hetlava.sparse_synapses import QuantisedSparse

Lif = Literal["stock", "vector", "levels"]
SignMode = Literal["EXCITATORY", "INHIBITORY", "MIXED"]

NEVER = 1 << 17  # a threshold mantissa that the saturated voltage cannot exceed
WEIGHT_BITS = 8
WEIGHT_FULL = 1 << WEIGHT_BITS


@dataclass(frozen=True, eq=False, kw_only=True)
class DensePart(ArrayRecord):
    """The arguments of one Lava ``Dense`` that truncates nothing of its weights.

    Attributes
    ----------
    weights : (n_post, n_pre) int32
        Of lists, whose places stand elsewhere, (n_synapses,).
    weight_exp : int
    sign_mode : str
        Name of Lava's ``SignMode``.
    num_weight_bits : int
    """

    weights: Int
    weight_exp: int
    sign_mode: SignMode
    num_weight_bits: int

    def options(self, message_bits: int) -> dict[str, Any]:
        """Return what every process of Lava's takes beside weights; Lava must be enabled."""
        from lava.utils.weightutils import SignMode as LavaSignMode

        return {
            "weight_exp": self.weight_exp,
            "num_weight_bits": self.num_weight_bits,
            "sign_mode": LavaSignMode[self.sign_mode],
            "num_message_bits": message_bits,
        }


def dense_parts(projection: QuantisedProjection | QuantisedSparse) -> tuple[DensePart, ...]:
    """Return the Dense processes whose summed outputs equal the projection, bit for bit.

    Those of lists are Sparse, which treats weights alike. Lava clears the lowest bit of weights of
    mixed sign and takes -256 for them only. What a single Dense cannot hold is doubled under a
    smaller exponent or, where that overflows, split::

        W = A + B,  B = W mod 2**k,  A a multiple of 2**k,  k = max(1, -weight_exp)

    ``A @ s`` loses nothing in a right shift by k, so the two floors add up to the one of ``W @ s``.
    Sums of graded messages may overflow 32 bits before they are shifted; where they are shifted
    right, only the weights as they are overflow alike.

    Raises
    ------
    UnsupportedError
        If no such split exists: odd weights beyond +-127 of mixed sign with an exponent below -8,
        or odd weights of mixed sign for graded messages with an exponent below 0.
    """
    weights, exp = projection.whole().astype(np.int32), projection.weight_exp
    whole = _hold(weights, exp, projection.weight_bits)
    if projection.message_bits == 0:
        whole = whole or _hold(2 * weights, exp - 1, WEIGHT_BITS)
    if whole is not None:
        return (whole,)
    if projection.message_bits and exp < 0:
        raise UnsupportedError(
            f"{projection.label}: Lava's Dense cannot hold odd weights of mixed sign for graded "
            f"messages under weight_exp {exp}; make them even or raise weight_exp to 0 or more"
        )
    low = weights & ((1 << max(1, -exp)) - 1)
    parts = [_hold(part, exp, WEIGHT_BITS) for part in (weights - low, low)]
    held = tuple(part for part in parts if part is not None)
    if len(held) < len(parts):
        raise UnsupportedError(
            f"projection {projection.source} -> {projection.target}: Lava's Dense cannot hold odd "
            f"weights of mixed sign in [{weights.min()}, {weights.max()}] under weight_exp {exp}; "
            "make them even or raise weight_exp to -8 or more"
        )
    return held


def _hold(weights: Int, weight_exp: int, weight_bits: int) -> DensePart | None:
    low, high = int(weights.min(initial=0)), int(weights.max(initial=0))
    if low < -WEIGHT_FULL or high >= WEIGHT_FULL:
        return None
    mode: SignMode = "MIXED"
    if low >= 0:
        mode = "EXCITATORY"
    elif high <= 0 and low > -WEIGHT_FULL:
        mode = "INHIBITORY"
    for bits in (weight_bits, WEIGHT_BITS):
        if not np.any(weights % weight_step(bits, mode == "MIXED")):
            return DensePart(
                weights=weights, weight_exp=weight_exp, sign_mode=mode, num_weight_bits=bits
            )
    return None


def dense_process(
    part: DensePart, message_bits: int = 0, delays: Int8 | Int16 | None = None
) -> Any:
    """Return the Lava process of a part; Lava must be enabled.

    ``delays`` are (n_pre,) of sources or (n_post, n_pre) of synapses.
    """
    from lava.proc.dense.process import DelayDense, Dense

    options = part.options(message_bits) | {"weights": part.weights}
    if delays is None:
        return Dense(**options)
    late = np.broadcast_to(delays.astype(int), part.weights.shape).copy()
    return DelayDense(delays=late, **options)


def lif_process(
    registers: CubaRegisters,
    lif: Lif,
    n_steps: int,
    n_samples: int,
    *,
    reset_interval: int = 0,
    reset_offset: int = 0,
    start: int = 0,
) -> Any:
    """Return the Lava process of a population, at rest every ``n_steps``; Lava must be enabled.

    ``stock`` is Lava's own LIF (LIFReset where it is reset): its model takes vectors of decays and
    thresholds although its Vars are scalars. ``vector`` is hetlava's. ``levels`` is Lava's own with
    scalars, for neurons of equal decays and thresholds. Within samples only one of several
    samples may be reset, unless by ``vector``. Neurons that start late are ``vector`` in any case.
    """
    from lava.proc.lif.process import LIF, LIFReset

    from hetlava.export.lava_processes.lif import VectorLIF

    words = {name: getattr(registers, name) for name in ("du", "dv", "bias_mant", "bias_exp")}
    shape = (registers.n,)
    if lif == "vector" or start:
        return VectorLIF(
            shape=shape,
            vth=registers.vth,
            spiking=registers.spiking,
            reset_interval=reset_interval,
            reset_offset=reset_offset,
            sample_length=n_steps if n_samples > 1 else 0,
            start=start,
            **words,
        )
    words["vth"] = registers.vth if registers.spiking else np.full(shape, NEVER, np.int32)
    if lif == "levels":
        words |= {name: int(words[name][0]) for name in ("du", "dv", "vth")}
    if reset_interval:
        return LIFReset(
            shape=shape, reset_interval=reset_interval, reset_offset=reset_offset, **words
        )
    if n_samples > 1:
        return LIFReset(shape=shape, reset_interval=n_steps, reset_offset=1, **words)
    return LIF(shape=shape, **words)
