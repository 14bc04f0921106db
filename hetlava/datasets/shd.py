"""Spiking Heidelberg Digits: digits spoken in English and German, 8156 / 2264 recordings.

Two speakers are in the test set only. The official files ``shd_train.h5`` and ``shd_test.h5`` are
looked for in ``shd`` or tonic's ``SHD`` under HETLAVA_DATA and the cache folder.
"""

from hetlava.datasets import spoken
from hetlava.datasets.recordings import Defaults, Recordings, Split

FILES = spoken.SpokenFiles(
    name="shd",
    stem="shd",
    folders=("shd", "SHD"),
    source="the official files, from zenkelab.org/datasets, gunzipped",
)
DURATION = 1.0  # [s]
DEFAULTS = Defaults(
    dt=4e-3, n_steps=250, n_channels=spoken.N_CHANNELS, sensor=spoken.SENSOR, n_classes=20
)


def load(split: Split) -> Recordings:
    """Return a split of SHD; errors as of ``spoken.load``."""
    return spoken.load(FILES, split, DEFAULTS, DURATION)
