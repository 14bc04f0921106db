"""What netx makes of weight matrices, and where that is not what the file holds.

netx passes every matrix through two steps that change some of them: it scales them up to fill 8
bits, and Lava's ``Dense`` then clips them and clears low bits by the signs it finds. Both are
simulated here and the result is compared, so that no list of known troubles has to be complete.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from operator import or_
from typing import NamedTuple

import numpy as np

from hetlava.arrays import AnyArray, Bool, Int64
from hetlava.errors import UnsupportedError
from hetlava.fixedpoint import shift
from hetlava.quantised import QuantisedProjection
from hetlava.synapses import QuantisedSynapses

FULL = 8  # bits of a weight's magnitude
CLIP = (-256, 254)  # what netx clips weights of both signs to
BLOCK = 1 << 20  # weights that are looked at in one go


class NetxWeights(NamedTuple):
    """What netx computes with: ``weights * 2**exponent``; weights int64."""

    weights: Int64
    exponent: int


def file_weights(projection: QuantisedSynapses) -> Int64 | None:
    """Return ``weights * 2**weight_exp``, or None where that is no whole number."""
    if projection.span().bits & ((1 << max(-projection.weight_exp, 0)) - 1):
        return None
    return shift(projection.whole().astype(np.int64), projection.weight_exp)


def netx_weights(*matrices: Int64) -> tuple[NetxWeights, ...]:
    """Return what netx makes of the matrices of one layer, (n_post, n_pre) each.

    Two matrices (forward, recurrent) are scaled together and truncated one by one.

    Raises
    ------
    UnsupportedError
        If netx fails on them: nothing but zeros.
    """
    ways = _ways([(m, 0) for m in matrices])
    return tuple(
        NetxWeights(np.concatenate([_load(block, way) for block in _blocks(m)]), -way.scale_bits)
        for m, way in zip(matrices, ways, strict=True)
    )


class _Span(NamedTuple):
    """Smallest and largest weight, and the bits that any weight has."""

    low: int
    high: int
    bits: int


class _Way(NamedTuple):
    """What happens to a weight: clip, shift left, clip by the signs of all, clear low bits."""

    clipped: bool
    scale_bits: int
    inhibitory: bool
    mixed: bool
    cleared: int


def _blocks(weights: AnyArray, exponent: int = 0) -> Iterator[Int64]:
    """Yield rows of ``weights * 2**exponent``; all at once would take many times the memory."""
    rows = max(1, BLOCK // weights.shape[1])
    for start in range(0, len(weights), rows):
        yield shift(weights[start : start + rows].astype(np.int64), exponent)


def _stored(p: QuantisedProjection) -> tuple[AnyArray, int]:
    """Return what is stored and the exponent of that: one more than the weights' for halves."""
    return p.weights, p.weight_exp + p.halved


def _span(blocks: Iterable[Int64]) -> _Span:
    spans = [
        _Span(int(b.min()), int(b.max()), int(np.bitwise_or.reduce(b, axis=None))) for b in blocks
    ]
    return _joined(spans)


def _joined(spans: Sequence[_Span]) -> _Span:
    bits = reduce(or_, (span.bits for span in spans))
    return _Span(min(s.low for s in spans), max(s.high for s in spans), bits)


def _ways(matrices: Sequence[tuple[AnyArray, int]]) -> list[_Way]:
    """Return how netx loads matrices ``weights * 2**exponent`` of one layer."""
    spans = [_span(_blocks(*m)) for m in matrices]
    low, high, bits = _joined(spans)
    clipped = low < 0 and (high > CLIP[1] or (low < CLIP[0] and high > 0))
    if clipped:
        spans = [_span(np.clip(block, *CLIP) for block in _blocks(*m)) for m in matrices]
        low, high, bits = _joined(spans)
    if low == high == 0:
        raise UnsupportedError("all weights are 0, on which netx raises OverflowError")
    mixed = low < 0 <= high
    scale_bits = _scale_bits(low, high, mixed)
    spare = scale_bits + min(FULL, (bits & -bits).bit_length() - 1) - mixed
    return [_way(clipped, scale_bits, spare, span) for span in spans]


def _way(clipped: bool, scale_bits: int, spare: int, span: _Span) -> _Way:
    """Return how Lava's fixed-point Dense with ``8 - spare`` weight bits takes one matrix."""
    # numpy shifts to 0 by a negative count
    zero = scale_bits < 0
    excitatory = zero or span.low >= 0
    inhibitory = not excitatory and span.high <= 0
    mixed = not (excitatory or inhibitory)
    return _Way(clipped, scale_bits, inhibitory, mixed, spare + mixed)


def _load(weights: Int64, way: _Way) -> Int64:
    """Return what of ``weights`` is computed with, in units of ``2**-scale_bits``."""
    # numpy again: every word is shifted out
    if way.scale_bits < 0 or way.cleared < 0:
        return np.zeros_like(weights)
    scaled = (np.clip(weights, *CLIP) if way.clipped else weights) << way.scale_bits
    magnitude = -scaled if way.inhibitory else scaled
    clipped = np.clip(magnitude, -(1 << FULL) if way.mixed else 0, (1 << FULL) - 1)
    kept = (clipped >> way.cleared) << way.cleared
    y: Int64 = -kept if way.inhibitory else kept
    return y


def _scale_bits(low: int, high: int, mixed: bool) -> int:
    if mixed:
        scale = min(127 / high if high else np.inf, -128 / low)
    else:
        scale = -256 / low if high < 0 else 255 / high
    return int(np.floor(np.log2(scale))) + mixed


def weight_changes(*projections: QuantisedProjection) -> Iterator[str]:
    """Say which weights of one layer, forward and recurrent, netx computes with others for."""
    for p in projections:
        lost = (1 << max(-p.weight_exp, 0)) - 1
        if p.span().bits & lost:
            yield (
                f"weights from {p.source} with weight_exp {p.weight_exp} are no whole numbers; "
                "netx reads whole numbers without an exponent"
            )
            return
    try:
        ways = _ways(list(map(_stored, projections)))
    except UnsupportedError as error:
        yield str(error)
        return
    for p, way in zip(projections, ways, strict=True):
        yield from _changes(p, way)


def _changes(projection: QuantisedProjection, way: _Way) -> Iterator[str]:
    count, first, row = 0, "", 0
    for block in _blocks(*_stored(projection)):
        got = NetxWeights(_load(block, way), -way.scale_bits)
        changed = changed_weights(block, got)
        count += int(changed.sum())
        if count and not first:
            at = tuple(int(k) for k in np.argwhere(changed)[0])
            to = got.weights[at] * 2.0**got.exponent
            first = f"first {block[at]} to {to:g} at {(at[0] + row, at[1])}"
        row += len(block)
    if count:
        total = projection.weights.size
        yield f"weights from {projection.source}: netx changes {count} of {total}, {first}"


def changed_weights(wanted: Int64, got: NetxWeights) -> Bool:
    """Return where netx computes with another weight than the file holds, bool."""
    # exact: both sides have at most 24 bits
    changed: Bool = wanted.astype(np.float64) != got.weights * 2.0**got.exponent
    return changed
