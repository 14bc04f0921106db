"""A kernel as the engine's loop reads it: for each input neuron, where to add which run of words.

For an input pixel the places of the kernel that meet the output depend on its phase, ``(y + top)
mod stride``; relative to the pixel's own place in the output they are the same for the whole phase.
Neighbouring ones make one run.
"""

from itertools import groupby
from typing import NamedTuple

import numpy as np

from hetlava.arrays import AnyArray, Int, Int16, Int64
from hetlava.convolution import QuantisedConvolution
from hetlava.sim.placing import Place
from hetlava.sim.storage import aligned

VECTOR = 16  # halves of words that are added at once


class Runs(NamedTuple):
    """What an event of channel c at an input pixel adds.

    ``pixel[yx] = (to, phase)`` and ``kinds[phase * channels + c] = (first, end, of, group)``: for
    every run r in ``first .. end - 1`` the numbers ``weights[of + from_[r]:]`` are added to
    ``sums[to + group + to_[r]:]``, ``length[r]`` of them, a multiple of 16. A weight is
    ``1 << double`` times its number.
    """

    pixel: Int  # (height * width, 2)
    kinds: Int64  # (n_phases * n_channels, 4)
    to: Int64
    of: Int64
    length: Int64
    weights: Int16
    double: int


class _Step(NamedTuple):
    """Kernel place ``k`` adds ``delta`` output places away."""

    k: int
    delta: int


def runs(kernel: QuantisedConvolution, place: Place) -> Runs:
    """Lay out a kernel for a population at ``place``."""
    per_out = kernel.weights.shape[0] // kernel.groups
    channels = kernel.output_shape[0]
    blocks = kernel.whole().reshape(kernel.groups, per_out, *kernel.weights.shape[1:])
    by_input = blocks.transpose(0, 2, 3, 4, 1).reshape(-1, *kernel.weights.shape[2:], per_out)
    double = 0 if kernel.span().bits % 2 else 1
    words = by_input >> double
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
        tables.append(np.concatenate([np.zeros((len(words), 0), np.int16), *parts], axis=1))
    within = [np.cumsum([0, *length[a:b]])[:-1] for a, b in zip(first, first[1:], strict=False)]
    return Runs(
        pixel=_pixels(kernel, place),
        kinds=_kinds(kernel, first, tables),
        to=np.array(to, np.int64),
        of=np.concatenate([np.zeros(0, np.int64), *within]).astype(np.int64),
        length=np.array(length, np.int64),
        weights=_aligned(tables),
        double=double,
    )


def _aligned(tables: list[AnyArray]) -> Int16:
    """Return all numbers, from the beginning of a cache line on."""
    numbers: Int16 = np.concatenate([t.ravel() for t in tables]).astype(np.int16)
    made = aligned(numbers.nbytes).view(np.int16)
    made[:] = numbers
    return made


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
    """Return for each phase and channel its runs, where its weights begin, where its group is."""
    channel = np.arange(kernel.input_shape[0])
    group = channel // kernel.weights.shape[1] * (kernel.weights.shape[0] // kernel.groups)
    starts = np.cumsum([0, *(t.size for t in tables)])
    return np.concatenate([
        np.stack(np.broadcast_arrays(a, b, start + channel * table.shape[1], group), axis=1)
        for a, b, start, table in zip(first[:-1], first[1:], starts[:-1], tables, strict=True)
    ]).astype(np.int64)  # fmt: skip


def _pixels(kernel: QuantisedConvolution, place: Place) -> Int:
    """Return where each input pixel adds, and of which phase it is."""
    (top, _), (left, _) = kernel.padding
    _, height, width = kernel.input_shape
    base_y, phase_y = np.divmod(np.arange(height)[:, None] + top, kernel.stride[0])
    base_x, phase_x = np.divmod(np.arange(width) + left, kernel.stride[1])
    to = place.lead + base_y * place.row + base_x * kernel.output_shape[0]
    phase = phase_y * kernel.stride[1] + phase_x
    return np.stack([to.ravel(), phase.ravel()], axis=1).astype(np.int32)
