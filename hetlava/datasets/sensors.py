"""Where the channel of an event lies on the sensor that recorded it."""

from typing import NamedTuple

from hetlava.arrays import Int64
from hetlava.errors import ValidationError


class Sensor(NamedTuple):
    """Channel ``(p * height + y) * width + x`` is the pixel (x, y) of kind p.

    A row of channels without an image is ``Sensor(1, 1, n)``.
    """

    kinds: int
    height: int
    width: int

    @property
    def n_channels(self) -> int:
        """Number of channels."""
        return self.kinds * self.height * self.width

    def pixels(self, channels: Int64) -> tuple[Int64, Int64, Int64]:
        """Return x, y and p of channels."""
        rows, x = channels // self.width, channels % self.width
        return x, rows % self.height, rows // self.height

    def channels(self, x: Int64, y: Int64, p: Int64) -> Int64:
        """Return the channels of pixels."""
        return (p * self.height + y) * self.width + x


def check_sensor(sensor: Sensor | None, n_channels: int, what: str) -> Sensor:
    """Return the sensor of data with that many channels.

    Raises
    ------
    ValidationError
        If it is not known how the channels lie, or there are others.
    """
    if sensor is None or sensor.n_channels != n_channels:
        raise ValidationError(
            f"{what}: how the {n_channels} channels of this data lie on a sensor is not known"
        )
    return sensor
