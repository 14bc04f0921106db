"""A kernel as the engine's loop reads it: for each input neuron, where to add which run of words.

For an input pixel the places of the kernel that meet the output depend on its phase, ``(y + top)
mod stride``; relative to the pixel's own place in the output they are the same for the whole phase.
Neighbouring ones make one run.
"""

from itertools import groupby
from typing import NamedTuple

import numpy as np

from hetlava.arrays import AnyArray, Int, Int64
from hetlava.convolution import QuantisedConvolution
from hetlava.sim.placing import Place

VECTOR = 8  # words that are added at once


class Runs(NamedTuple):
    """What an event of input neuron ``j`` adds.

    ``pixel[j] = (to, kind)`` and ``kinds[kind] = (first, end, of)``: for every run r in
    ``first .. end - 1`` the
    words ``weights[of + from_[r]:]`` are added to ``sums[to + to_[r]:]``, ``length[r]`` of them, a
    multiple of 8.
    """

    pixel: Int  # (n_pre, 2)
    kinds: Int64  # (n_phases * n_channels, 3), by phase and channel of the input
    to: Int64
    of: Int64
    length: Int64
    weights: Int


class _Step(NamedTuple):
    """Kernel place ``k`` adds ``delta`` output places away."""

    k: int
    delta: int


def runs(kernel: QuantisedConvolution, place: Place, shift: int) -> Runs:
    """Lay out a kernel for a population at ``place``, its weights shifted left by ``shift``."""
    per_out = kernel.weights.shape[0] // kernel.groups
    channels = kernel.output_shape[0]
    blocks = kernel.weights.reshape(kernel.groups, per_out, *kernel.weights.shape[1:])
    by_input = blocks.transpose(0, 2, 3, 4, 1).reshape(-1, *kernel.weights.shape[2:], per_out)
    words = (by_input.astype(np.int64) << shift).astype(np.int32)
    phases = [
        (_steps(kernel, 0, py), _steps(kernel, 1, px))
        for py in range(kernel.stride[0])
        for px in range(kernel.stride[1])
    ]
    first, to, length, tables = [0], [], [], []
    for rows, columns in phases:
        parts = []
        for row in rows:
            for run in _joined(columns, whole=per_out == channels):
                to.append(row.delta * place.row + run[0].delta * channels)
                part = words[:, row.k, [step.k for step in run]].reshape(len(words), -1)
                part = np.pad(part, ((0, 0), (0, -part.shape[1] % VECTOR)))
                length.append(part.shape[1])
                parts.append(part)
        first.append(len(to))
        tables.append(np.concatenate([np.zeros((len(words), 0), np.int32), *parts], axis=1))
    within = [np.cumsum([0, *length[a:b]])[:-1] for a, b in zip(first, first[1:], strict=False)]
    return Runs(
        pixel=_pixels(kernel, place),
        kinds=_kinds(kernel, first, tables),
        to=np.array(to, np.int64),
        of=np.concatenate([np.zeros(0, np.int64), *within]).astype(np.int64),
        length=np.array(length, np.int64),
        weights=np.concatenate([t.ravel() for t in tables]),
    )


def _steps(kernel: QuantisedConvolution, axis: int, phase: int) -> list[_Step]:
    """Return the places of the kernel that an input of that phase meets, by where they add."""
    stride, dilation = kernel.stride[axis], kernel.dilation[axis]
    found = [
        _Step(i, (phase - i * dilation) // stride)
        for i in range(kernel.weights.shape[2 + axis])
        if (phase - i * dilation) % stride == 0
    ]
    return sorted(found, key=lambda step: step.delta)


def _joined(steps: list[_Step], whole: bool) -> list[list[_Step]]:
    """Join neighbours to runs; those of a group of channels are no neighbours."""
    if not whole:
        return [[step] for step in steps]
    numbered = groupby(enumerate(steps), key=lambda pair: pair[1].delta - pair[0])
    return [[step for _, step in run] for _, run in numbered]


def _kinds(kernel: QuantisedConvolution, first: list[int], tables: list[AnyArray]) -> Int64:
    """Return for each phase and channel its runs, and where its weights begin."""
    channel = np.arange(kernel.input_shape[0])
    starts = np.cumsum([0, *(t.size for t in tables)])
    return np.concatenate([
        np.stack(np.broadcast_arrays(a, b, start + channel * table.shape[1]), axis=1)
        for a, b, start, table in zip(first[:-1], first[1:], starts[:-1], tables, strict=True)
    ]).astype(np.int64)  # fmt: skip


def _pixels(kernel: QuantisedConvolution, place: Place) -> Int:
    """Return where each input neuron adds, and of which phase and channel it is."""
    per_out = kernel.weights.shape[0] // kernel.groups
    c, y, x = np.unravel_index(np.arange(kernel.shape[1]), kernel.input_shape)
    (top, _), (left, _) = kernel.padding
    base_y, phase_y = np.divmod(y + top, kernel.stride[0])
    base_x, phase_x = np.divmod(x + left, kernel.stride[1])
    group = c // kernel.weights.shape[1]
    to = place.lead + base_y * place.row + base_x * kernel.output_shape[0] + group * per_out
    phase = phase_y * kernel.stride[1] + phase_x
    return np.stack([to, phase * kernel.input_shape[0] + c], axis=1).astype(np.int32)
