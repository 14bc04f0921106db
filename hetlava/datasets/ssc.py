"""Spiking Speech Commands: 35 English words, 75466 / 9981 / 20382 recordings (valid: the middle).

The official files ``ssc_train.h5``, ``ssc_valid.h5`` and ``ssc_test.h5`` are looked for in ``ssc``
or tonic's ``SSC`` under HETLAVA_DATA and the cache folder. A loaded spike takes 12 bytes.
"""

from hetlava.datasets import spoken
from hetlava.datasets.recordings import Defaults, Recordings, Split

FILES = spoken.SpokenFiles(
    name="ssc",
    stem="ssc",
    folders=("ssc", "SSC"),
    source="the official files, from zenkelab.org/datasets, gunzipped",
)
DURATION = 1.0  # [s]
DEFAULTS = Defaults(
    dt=4e-3,
    n_steps=250,
    n_channels=spoken.N_CHANNELS,
    sensor=spoken.SENSOR,
    n_classes=35,
    splits=("train", "valid", "test"),
)


def load(split: Split) -> Recordings:
    """Return a split of SSC; errors as of ``spoken.load``."""
    return spoken.load(FILES, split, DEFAULTS, DURATION)
