"""The 1797 handwritten 8x8 digits that ship inside scikit-learn, as spikes.

A pixel of value p (0 .. 16) gives p spikes evenly spaced over 32 ms, the k-th at
``(k + 1/2) * 32 ms / p``: nothing is drawn at random. Channel ``8 y + x`` is the pixel at row y,
column x. Split: the digits 4, 9, 14, ... in scikit-learn's order (index % 5 == 4) are the test
set (359), the others the training set (1438).

References
----------
E. Alpaydin and C. Kaynak, "Optical recognition of handwritten digits", UCI, 1998 (test part).
"""

import numpy as np

from hetlava.arrays import AnyArray, Int, Int64
from hetlava.datasets.recordings import Defaults, Recordings, Split
from hetlava.datasets.sensors import Sensor
from hetlava.errors import MissingPackageError

DURATION_US = 32_000
# 8 steps after the last spike let it reach the output of a deep network
DEFAULTS = Defaults(dt=1e-3, n_steps=40, n_channels=64, n_classes=10, sensor=Sensor(1, 8, 8))
FULL = 16  # the largest value of a pixel
FOLDS, TEST_FOLD = 5, 4


def load(split: Split) -> Recordings:
    """Return a split of the digits.

    Raises
    ------
    MissingPackageError
        If scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise MissingPackageError(
            'the data set digits needs scikit-learn; pip install "hetlava[data]"'
        ) from error
    pixels, labels = load_digits(return_X_y=True)
    is_test = np.arange(len(labels)) % FOLDS == TEST_FOLD
    chosen = is_test if split == "test" else ~is_test
    indptr, times, channels = encode(pixels[chosen].astype(np.int64))
    return Recordings(
        name="digits",
        split=split,
        n_channels=DEFAULTS.n_channels,
        n_classes=DEFAULTS.n_classes,
        duration=DURATION_US * 1e-6,
        indptr=indptr,
        times=times,
        channels=channels,
        labels=labels[chosen].astype(np.int64),
    )


def encode(pixels: Int64) -> tuple[Int64, Int64, Int]:
    """Turn pixels (n, n_channels) of 0 .. 16 into ``indptr``, ``times`` [us], ``channels``."""
    values: AnyArray = pixels[:, :, None]
    k = np.arange(FULL)
    spikes = k < values
    times = (2 * k + 1) * DURATION_US // (2 * np.maximum(values, 1))
    sample, channel, _ = np.nonzero(spikes)
    order = np.lexsort((channel, times[spikes], sample))
    indptr = np.concatenate([[0], np.cumsum(pixels.sum(axis=1))]).astype(np.int64)
    return indptr, times[spikes][order].astype(np.int64), channel[order].astype(np.int32)
