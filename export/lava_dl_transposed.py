"""Layers of lava-dl's files that enlarge images: transposed kernels and unpooling, as matrices."""

from collections.abc import Iterator
from math import prod

import numpy as np

from hetlava.arrays import Int16, Int64
from hetlava.connectivity import SIZE_MAX, Pair
from hetlava.errors import FormatError, UnsupportedError
from hetlava.export.hdf5 import Group
from hetlava.export.lava_dl_images import (
    CONV_OPTIONS,
    SLIDING_KEYS,
    image_layer,
    read_kernels,
    read_one,
)
from hetlava.export.lava_dl_parts import (
    Signal,
    SlayerLayer,
    check_keys,
    check_says,
    in_file,
    layer_name,
    pair,
)
from hetlava.quantised import QuantisedProjection
from hetlava.sliding import Shape

TAPS_MAX = 1 << 16  # of a kernel; a larger one than any image of this size needs


def conv_t_layer(group: Group, signal: Signal) -> SlayerLayer:
    """Read a layer of one transposed kernel, (channels in, channels out / groups, y, x)."""
    check_keys(group, SLIDING_KEYS | {"groups"}, CONV_OPTIONS)
    kernels, image = read_kernels(group), signal.image(group)
    kernel = kernels[0]
    groups = read_one(group, "groups")
    if groups < 1 or image[0] % groups or len(kernel) != image[0]:
        raise FormatError(
            f"{group.where('weight')}: {len(kernel)} channels in {groups} groups for an image of "
            f"{image[0]}"
        )
    channels = kernel.shape[1] * groups
    says = {"inChannels": image[0], "outChannels": channels, "kernelSize": kernel.shape[2:]}
    check_says(group, says)
    rows, columns = _extent(group, (image[1], image[2]), kernel.shape)
    return _matrix_layer(group, signal, kernels, image, (channels, rows, columns))


def unpool_layer(group: Group, signal: Signal) -> SlayerLayer:
    """Read a layer that spreads every spike over a window.

    SLAYER lets the window slide over the channels on top of each other.
    """
    check_keys(group, SLIDING_KEYS, {"kernelSize", "delay"})
    kernels, (channels, height, width) = read_kernels(group), signal.image(group)
    kernel = kernels[0]
    if kernel.shape[:2] != (1, 1):
        raise FormatError(f"{group.where('weight')}: shape {kernel.shape}, expected one window")
    check_says(group, {"kernelSize": kernel.shape[2:]})
    tower = (1, channels * height, width)
    rows, columns = _extent(group, tower[1:], kernel.shape)
    if rows % channels:
        raise FormatError(
            f"{group.where()}: {rows} rows for {channels} channels, which SLAYER cannot part"
        )
    return _matrix_layer(group, signal, kernels, tower, (1, rows, columns), channels)


def _extent(group: Group, image: Pair, kernel: tuple[int, ...]) -> Pair:
    """Return the rows and columns that a transposed kernel makes."""
    stride, padding, dilation = (pair(group, key) for key in ("stride", "padding", "dilation"))
    if min(*stride, *dilation) < 1 or min(padding) < 0 or prod(kernel) > TAPS_MAX * kernel[0]:
        raise FormatError(f"{group.where()}: a stride, dilation, padding or kernel beyond reason")
    rows, columns = (
        (image[k] - 1) * stride[k] - 2 * padding[k] + dilation[k] * (kernel[k + 2] - 1) + 1
        for k in range(2)
    )
    if min(rows, columns) < 1:
        raise FormatError(f"{group.where()}: {rows} x {columns} pixels are left of the image")
    return rows, columns


def _matrix_layer(
    group: Group,
    signal: Signal,
    kernels: list[Int16],
    image: Shape,
    made: Shape,
    channels: int | None = None,
) -> SlayerLayer:
    kind = group.text("type")
    if prod(image) * prod(made) > SIZE_MAX:
        raise UnsupportedError(
            f"{group.where()}: a layer {kind!r} is run as a matrix, here of {prod(made)} x "
            f"{prod(image)} weights; at most {SIZE_MAX} are"
        )
    with in_file(group):
        parts = [
            QuantisedProjection(
                source=signal.source,
                target=layer_name(group),
                weights=_spread(group, kernel, image, made),
                delays=signal.delays,
            )
            for kernel in kernels
        ]
    shape = made if channels is None else (channels, made[1] // channels, made[2])
    change = f"{group.name}: a layer {kind!r}, which netx does not load"
    return image_layer(group, signal, parts, shape, change)


def _spread(group: Group, kernel: Int16, image: Shape, made: Shape) -> Int16:
    """Return the matrix (prod(made), prod(image)) of a transposed kernel."""
    stride, padding, dilation = (pair(group, key) for key in ("stride", "padding", "dilation"))
    matrix = np.zeros((*made, *image), np.int16)
    n_groups = made[0] // kernel.shape[1]
    inner, outer = image[0] // n_groups, kernel.shape[1]
    for ky, kx in np.ndindex(*kernel.shape[2:]):
        y, to_y = _met(image[1], made[1], stride[0], ky * dilation[0] - padding[0])
        x, to_x = _met(image[2], made[2], stride[1], kx * dilation[1] - padding[1])
        for g, block in _blocks(kernel[:, :, ky, kx], n_groups):
            into, of = slice(g * outer, (g + 1) * outer), slice(g * inner, (g + 1) * inner)
            matrix[into, to_y[:, None], to_x, of, y[:, None], x] = block.T
    return matrix.reshape(prod(made), prod(image))


def _met(n: int, n_made: int, stride: int, offset: int) -> tuple[Int64, Int64]:
    """Return which pixels a tap takes somewhere, and where to."""
    source = np.arange(n)
    to = source * stride + offset
    inside = (to >= 0) & (to < n_made)
    return source[inside], to[inside]


def _blocks(tap: Int16, n_groups: int) -> Iterator[tuple[int, Int16]]:
    yield from enumerate(tap.reshape(n_groups, -1, tap.shape[1]))
