"""Kernels as Lava's Conv, taken into ``graph.py`` where a network has them."""

import sys
from typing import Any

import numpy as np
from lava.proc.conv.process import Conv


def connect_kernel(sources: Any, ports: Any, projection: dict[str, Any]) -> None:
    """Join by Convs, for which images (channels, height, width) are turned round."""
    kernel = (projection["weights"] * 2.0 ** projection["weight_exp"]).astype(np.int32)
    _, height, width = projection["input_shape"]
    area = sum(len(rows) for rows, _ in ports) // len(kernel)
    for columns, port in sources:
        for rows, heard in ports:
            part = kernel
            if len(sources) > 1 or len(ports) > 1:
                to, from_ = channels(rows, area), channels(columns, height * width)
                if projection["groups"] > 1 or to is None or from_ is None:
                    sys.exit("levels part the channels of a kernel: take --lif vector")
                part = kernel[np.ix_(to, from_)]
            image = (len(columns) // (height * width), height, width)
            conv = conv_process(part, image, projection)
            port.reshape(image).transpose((2, 1, 0)).connect(conv.s_in)
            conv.a_out.transpose((2, 1, 0)).reshape(heard.shape).connect(heard)


def conv_process(kernel: Any, image: tuple[int, ...], projection: dict[str, Any]) -> Any:
    """Return the Conv of a kernel (out, in, height, width)."""
    top, _, left, _ = projection["padding"]
    return Conv(
        # Lava convolves where lava-dl correlates, so the kernel is turned round too
        weight=kernel[:, :, ::-1, ::-1].transpose(0, 3, 2, 1),
        input_shape=image[::-1],
        padding=(left, top),
        stride=tuple(projection["stride"][::-1]),
        dilation=tuple(projection["dilation"][::-1]),
        groups=projection["groups"],
    )


def channels(neurons: Any, area: int) -> Any:
    """Return the channels that neurons of an image are all of, None if of some they are a part."""
    found = np.unique(neurons // area)
    return found if len(neurons) == len(found) * area else None
