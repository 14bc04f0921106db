"""Hidden layers as text: ``16c5`` convolves, ``2p`` sums over windows, ``128`` is dense.

``16c5s2p1`` are 16 channels of a kernel of 5 x 5 that moves by 2 over an image with a border of 1.
"""

import re
from typing import NamedTuple

from hetlava.errors import ValidationError

EXAMPLES = "128, 256,128 or 16c5,2p,32c3,128"
SIZE_MAX = 1 << 20  # neurons of a layer
# one to six digits hold every size below it, and no number that Python refuses to read
CONVOLVED = re.compile(r"(\d{1,7})c(\d{1,7})(?:s(\d{1,7}))?(?:p(\d{1,7}))?")
POOLED = re.compile(r"(\d{1,7})p")


class Dense(NamedTuple):
    """All-to-all weights onto ``n`` neurons."""

    n: int


class Convolved(NamedTuple):
    """A kernel x kernel of weights for each of ``channels``, moved by ``stride``."""

    channels: int
    kernel: int
    stride: int = 1
    padding: int = 0


class Pooled(NamedTuple):
    """Sums over windows of ``window`` x ``window`` neurons of a channel, side by side."""

    window: int


Layer = Dense | Convolved | Pooled


def parse_layer(item: int | str) -> Layer:
    """Return what a number or a text asks for.

    Raises
    ------
    ValidationError
        If it is no layer, or of impossible numbers.

    Examples
    --------
    >>> parse_layer("16c5s2")
    Convolved(channels=16, kernel=5, stride=2, padding=0)
    >>> parse_layer("2p"), parse_layer(128)
    (Pooled(window=2), Dense(n=128))
    """
    text = str(item).strip()
    if found := CONVOLVED.fullmatch(text):
        channels, kernel, stride, padding = (None if n is None else int(n) for n in found.groups())
        layer: Layer = Convolved(
            channels or 0, kernel or 0, 1 if stride is None else stride, padding or 0
        )
    elif found := POOLED.fullmatch(text):
        layer = Pooled(int(found[1]))
    else:
        try:
            layer = Dense(int(text))
        except ValueError:
            raise ValidationError(
                f"hidden is {text!r}, expected layers such as {EXAMPLES}"
            ) from None
    _check(text, layer)
    return layer


def layer_text(item: int | str) -> int | str:
    """Return the one way that an equal layer is written in: dense ones are numbers."""
    layer = parse_layer(item)
    if isinstance(layer, Dense):
        return layer.n
    if isinstance(layer, Pooled):
        return f"{layer.window}p"
    stride = f"s{layer.stride}" if layer.stride > 1 else ""
    padding = f"p{layer.padding}" if layer.padding else ""
    return f"{layer.channels}c{layer.kernel}{stride}{padding}"


def _check(text: str, layer: Layer) -> None:
    least = min(layer[:3])
    if least < 1 or max(layer) > SIZE_MAX:
        limit = "1 to 2^20 neurons a layer" if isinstance(layer, Dense) else "numbers 1 to 2^20"
        raise ValidationError(f"hidden is {text}, expected {limit}")
    if isinstance(layer, Convolved) and layer.padding >= layer.kernel:
        raise ValidationError(
            f"hidden is {text}, expected padding below the kernel: beyond it nothing is seen"
        )
