"""When neurons are set to rest on Lava's time axis, on which samples follow each other."""

from typing import NamedTuple


class Resets(NamedTuple):
    """Resets at the first step of every sample, and within samples at an interval.

    Attributes
    ----------
    sample_length : int
        Steps of a sample; 0 for one sample without end.
    interval, offset : int
        A reset comes before the steps of a sample, counted from 1, that are equal to ``offset``
        modulo ``interval``; 0 for none.
    start : int
        Steps at the beginning of every sample in which neurons do nothing.
    """

    sample_length: int = 0
    interval: int = 0
    offset: int = 0
    start: int = 0

    def come_before(self, time_step: int) -> bool:
        """Return whether neurons are reset before a step of Lava's, which counts from 1."""
        t = time_step - 1
        if self.sample_length:
            t %= self.sample_length
            if t == 0:
                return True
        return self.interval > 0 and (t + 1) % self.interval == self.offset % self.interval

    def wait(self, time_step: int) -> bool:
        """Return whether neurons do nothing in a step of Lava's."""
        t = time_step - 1
        return (t % self.sample_length if self.sample_length else t) < self.start
