"""MNIST: 70000 handwritten digits (60000 / 10000), as spikes of an encoder of ``images``.

References
----------
Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, "Gradient-based learning applied to document
recognition", Proceedings of the IEEE 86:2278-2324, 1998. CC BY-SA 3.0.
"""

from hetlava.datasets import images
from hetlava.datasets.recordings import Recordings, Split

FILES = images.ImageFiles(
    name="mnist",
    folder="mnist",
    torchvision="MNIST/raw",
    sha256={
        "train-images-idx3-ubyte": (
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"
        ),
        "train-labels-idx1-ubyte": (
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"
        ),
        "t10k-images-idx3-ubyte": (
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"
        ),
        "t10k-labels-idx1-ubyte": (
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"
        ),
    },
)
DEFAULTS, DEFAULTS_OF = images.DEFAULTS, images.DEFAULTS_OF
ENCODERS = images.ENCODERS


def load(split: Split, encoder: str = ENCODERS[0]) -> Recordings:
    """Return a split of MNIST as spikes; errors as of ``images.load``."""
    return images.load(FILES, split, encoder)
