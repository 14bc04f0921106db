"""Spoken English digits as spikes of a model cochlea: the chain of SHD on another corpus.

Made from the Free Spoken Digit Dataset (6 speakers, 8 kHz), in SHD's file format. These are not
SHD's recordings: 10 classes, less bandwidth, shorter, so no accuracy on them is one on SHD. The
split is the corpus's own: takes 0 .. 4 of every speaker and digit are the test set (300), the
others the training set (2700).

Source: ``fsdd_cochlea/fsdd-cochlea-h5.zip`` under HETLAVA_DATA, read in place, or the two files in
it, unpacked beside it. CC BY-SA 4.0.
"""

from hetlava.datasets import spoken
from hetlava.datasets.recordings import Defaults, Recordings, Split

FILES = spoken.SpokenFiles(
    name="cochlea-digits",
    stem="fsdd",
    folders=("fsdd_cochlea",),
    archive="fsdd-cochlea-h5.zip",
    source="2700 and 300 spoken digits, computed from the Free Spoken Digit Dataset",
)
DURATION = 0.6  # [s]; 99.9 % of the spikes come earlier
DEFAULTS = Defaults(
    dt=4e-3, n_steps=150, n_channels=spoken.N_CHANNELS, sensor=spoken.SENSOR, n_classes=10
)


def load(split: Split) -> Recordings:
    """Return a split of the digits; errors as of ``spoken.load``."""
    return spoken.load(FILES, split, DEFAULTS, DURATION)
