"""Which neurons a layer is reached from, and through weights of which shape.

Pools are no populations. A sum over windows and the weights behind it are one linear map, so that a
layer takes both: nothing is rounded between them, no spike of a window is lost, no step of delay is
spent. On the chip it is one kernel in which each weight stands in ``pool x pool`` places.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import prod

from hetlava.errors import ValidationError
from hetlava.train.layer_text import SIZE_MAX, Convolved, Dense, Pooled, parse_layer

Shape = tuple[int, int, int]


@dataclass(frozen=True, kw_only=True)
class Wiring:
    """How a layer is reached from the one before it.

    Attributes
    ----------
    source, target : (channels, height, width)
        Images of what sends and what receives; dense layers are channels of one place.
    pool : int
        Windows of pool x pool that are summed over first; 1: none.
    kernel : int
        Its height and width; 0: all-to-all weights.
    stride, padding : int
    """

    source: Shape
    target: Shape
    pool: int = 1
    kernel: int = 0
    stride: int = 1
    padding: int = 0

    @property
    def n_pre(self) -> int:
        """Number of neurons that send."""
        return prod(self.source)

    @property
    def n(self) -> int:
        """Number of neurons."""
        return prod(self.target)

    @property
    def positions(self) -> int:
        """Neurons of a channel."""
        return self.target[1] * self.target[2]

    @property
    def pooled(self) -> Shape:
        """Image of the sums; what fills no window is not seen."""
        channels, height, width = self.source
        return channels, height // self.pool, width // self.pool

    @property
    def plain(self) -> bool:
        """Whether all-to-all weights are all there is."""
        return self.pool == 1 and not self.kernel

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """Shape of what is learned: (n, n_pooled), or (c_out, c_in, kernel, kernel)."""
        if self.kernel:
            return self.target[0], self.source[0], self.kernel, self.kernel
        return self.n, prod(self.pooled)


def has_images(hidden: Iterable[int | str]) -> bool:
    """Say whether any of the layers needs an image."""
    return not all(isinstance(parse_layer(item), Dense) for item in hidden)


def wirings(hidden: Iterable[int | str], image: Shape, n_outputs: int) -> list[Wiring]:
    """Return the wiring of every layer, the dense output's last.

    Parameters
    ----------
    image : (channels, height, width)
        Of the input; (n_inputs, 1, 1) if it is none.

    Raises
    ------
    ValidationError
        If a kernel or a window is larger than its image, or a layer too large.
    """
    found, source, pool = [], image, 1
    for item in (*hidden, n_outputs):
        layer = parse_layer(item)
        if isinstance(layer, Pooled):
            pool *= layer.window
            if min(source[1:]) < pool:
                raise ValidationError(
                    f"hidden: windows of {item} do not fit an image of {_size(source, 1)}"
                    + (
                        f", of {pool} x {pool} with those before them"
                        if pool > layer.window
                        else ""
                    )
                )
            continue
        wiring = _wired(str(item), layer, source, pool)
        found.append(wiring)
        source, pool = wiring.target, 1
    return found


def dense_wirings(n_inputs: int, sizes: Iterable[int]) -> list[Wiring]:
    """Return the wirings of dense layers of these sizes."""
    *hidden, n_outputs = sizes
    return wirings(hidden, (n_inputs, 1, 1), n_outputs)


def _wired(text: str, layer: Dense | Convolved, source: Shape, pool: int) -> Wiring:
    if isinstance(layer, Dense):
        return Wiring(source=source, target=(layer.n, 1, 1), pool=pool)
    over = [n % pool for n in source[1:]]
    if layer.padding and any(over):
        raise ValidationError(
            f"hidden: {text} pads the sums over windows of {pool} of an image of "
            f"{_size(source, 1)}, which leave {max(over)} over at its edge; leave the padding "
            "out, or choose windows that fill the image"
        )
    room = [n // pool + 2 * layer.padding - layer.kernel for n in source[1:]]
    if min(room) < 0:
        padded = f" with a padding of {layer.padding}" if layer.padding else ""
        raise ValidationError(
            f"hidden: the kernel of {text} does not fit an image of {_size(source, pool)}{padded}"
        )
    height, width = (n // layer.stride + 1 for n in room)
    target = layer.channels, height, width
    if prod(target) > SIZE_MAX:
        raise ValidationError(
            f"hidden: {text} makes {prod(target)} neurons, expected 1 to 2^20 neurons a layer"
        )
    return Wiring(
        source=source,
        target=target,
        pool=pool,
        kernel=layer.kernel,
        stride=layer.stride,
        padding=layer.padding,
    )


def _size(image: Shape, pool: int) -> str:
    return f"{image[1] // pool} x {image[2] // pool}"
