"""Synapses of any kind as Lava's processes that compute the same, bit for bit."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from hetlava.arrays import ArrayRecord, Int, Int8, Int16
from hetlava.convolution import QuantisedConvolution
from hetlava.delays import by_delay
from hetlava.export.lava_lists import SparsePart, sparse_parts, sparse_process
from hetlava.export.lava_models import DensePart, dense_parts, dense_process
from hetlava.sparse_synapses import QuantisedSparse
from hetlava.synapses import Pair, QuantisedProjection, QuantisedSynapses

CONV_BITS = 24  # what Lava's Conv wraps its sums to
INT8_MAX = 127  # Lava's Conv keeps sizes, and computes with them, in 8 bits
Shape = tuple[int, int, int]


@dataclass(frozen=True, eq=False, kw_only=True)
class ConvPart(ArrayRecord):
    """The arguments of one Lava ``Conv``, which orders images as (width, height, channels).

    Attributes
    ----------
    weight : (c_out, width, height, c_in / groups) int32
        Turned round in both directions: Lava convolves, where SLAYER correlates.
    input_shape, output_shape : (width, height, channels)
    stride, padding, dilation : (x, y)
    groups : int
    """

    weight: Int
    input_shape: Shape
    output_shape: Shape
    stride: Pair
    padding: Pair
    dilation: Pair
    groups: int


@dataclass(frozen=True, eq=False, kw_only=True)
class LavaSynapses(ArrayRecord):
    """Processes whose summed outputs are a projection's.

    Attributes
    ----------
    parts : tuple of DensePart, SparsePart or ConvPart
    delays : integers, optional
        Delays of the source's spikes, (n_pre,), or of synapses: (n_post, n_pre), of lists
        (n_synapses,).
    inside : bool
        Lava's ``DelayDense`` or ``DelaySparse`` delays, not a process of ours in front.
    message_bits : int
        Bits of graded messages, 0 for spikes.
    """

    parts: tuple[DensePart | SparsePart | ConvPart, ...]
    delays: Int8 | Int16 | None
    inside: bool
    message_bits: int = 0


def all_lava_synapses(projection: QuantisedSynapses) -> tuple[LavaSynapses, ...]:
    """Return which Lava processes a projection becomes, whose outputs add up to its own.

    Delays of synapses stay inside one process where Lava's does the same with them: not with the
    weights of kernels, and not where sums of graded messages may overflow before they are rounded.
    There every delay has processes of its own.

    Raises
    ------
    UnsupportedError
        If none holds it.
    """
    is_kernel = isinstance(projection, QuantisedConvolution)
    overflows = projection.message_bits > 0 and projection.weight_exp < 0
    if projection.synaptic_delays is None or not (is_kernel or overflows):
        return (lava_synapses(projection),)
    return tuple(map(lava_synapses, by_delay(projection)))


def lava_synapses(projection: QuantisedSynapses) -> LavaSynapses:
    """Return which Lava processes a projection becomes.

    ``Sparse`` for lists. ``Conv`` where it computes the kernel exactly, ``Dense`` with the kernel's
    matrix otherwise, as for graded messages, whose sums may be too long for ``Conv``.
    ``DelayDense`` and ``DelaySparse`` for delays of synapses. The former rounds the spikes of each
    delay by themselves, and overflows otherwise than ``Dense``: where that shows in delays of
    sources, the spikes are delayed by hetlava's process and summed by ``Dense``; those of lists in
    any case.

    Raises
    ------
    UnsupportedError
        If neither holds it.
    """
    by_synapse = projection.synaptic_delays is not None
    if isinstance(projection, QuantisedSparse):
        return LavaSynapses(
            parts=sparse_parts(projection),
            delays=projection.all_delays,
            inside=by_synapse,
            message_bits=projection.message_bits,
        )
    conv = conv_part(projection) if isinstance(projection, QuantisedConvolution) else None
    if conv is not None:
        return LavaSynapses(parts=(conv,), delays=projection.delays, inside=False)
    matrix = QuantisedProjection(
        source=projection.source,
        target=projection.target,
        weights=projection.matrix(),
        weight_exp=projection.weight_exp,
        weight_bits=projection.weight_bits,
        message_bits=projection.message_bits,
    )
    parts = dense_parts(matrix)
    whole = all(not np.any(p.weights % (1 << max(0, -p.weight_exp))) for p in parts)
    return LavaSynapses(
        parts=parts,
        delays=projection.all_delays,
        inside=by_synapse or (whole and not projection.message_bits),
        message_bits=projection.message_bits,
    )


def conv_part(q: QuantisedConvolution) -> ConvPart | None:
    """Return the kernel as Lava's Conv takes it, or None where Conv would compute otherwise."""
    (top, bottom), (left, right) = q.padding
    unit = 1 << max(0, -q.weight_exp)
    if q.message_bits or top != bottom or left != right or np.any(q.weights % unit):
        return None
    weights = q.weights.astype(np.int64) * (1 << max(0, q.weight_exp)) // unit
    if np.abs(weights).sum(axis=(1, 2, 3)).max() >= 1 << (CONV_BITS - 1):
        return None
    reach = [d * (k - 1) + 1 for d, k in zip(q.dilation, q.weights.shape[2:], strict=True)]
    if max(*reach, *q.stride, 2 * top, 2 * left, q.groups) > INT8_MAX:
        return None
    return ConvPart(
        weight=weights[:, :, ::-1, ::-1].transpose(0, 3, 2, 1).astype(np.int32),
        input_shape=(q.input_shape[2], q.input_shape[1], q.input_shape[0]),
        output_shape=(q.output_shape[2], q.output_shape[1], q.output_shape[0]),
        stride=(q.stride[1], q.stride[0]),
        padding=(left, top),
        dilation=(q.dilation[1], q.dilation[0]),
        groups=q.groups,
    )


def connect(synapses: LavaSynapses, s_out: Any, a_in: Any) -> None:
    """Lead spikes (n_pre,) of a Lava port to a port of summed inputs (n_post,)."""
    delays = synapses.delays
    if delays is not None and not synapses.inside:
        from hetlava.export.lava_processes.delay_line import DelayLine

        line = DelayLine(delays=delays.astype(np.int16))
        s_out.connect(line.s_in)
        s_out, delays = line.s_out, None
    for part in synapses.parts:
        if isinstance(part, ConvPart):
            _connect_conv(part, s_out, a_in)
            continue
        process = (
            sparse_process(part, synapses.message_bits, delays)
            if isinstance(part, SparsePart)
            else dense_process(part, synapses.message_bits, delays)
        )
        s_out.connect(process.s_in)
        process.a_out.connect(a_in)


def _connect_conv(part: ConvPart, s_out: Any, a_in: Any) -> None:
    from lava.proc.conv.process import Conv

    conv = Conv(
        weight=part.weight,
        input_shape=part.input_shape,
        padding=part.padding,
        stride=part.stride,
        dilation=part.dilation,
        groups=part.groups,
    )
    # hetlava's neurons stand in the order (channels, height, width)
    s_out.reshape(part.input_shape[::-1]).transpose((2, 1, 0)).connect(conv.s_in)
    conv.a_out.transpose((2, 1, 0)).reshape(a_in.shape).connect(a_in)
