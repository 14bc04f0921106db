"""Fashion-MNIST: 70000 pictures of clothes (60000 / 10000), as spikes of an encoder of ``images``.

References
----------
H. Xiao, K. Rasul and R. Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking machine
learning algorithms", arXiv:1708.07747, 2017. MIT licence, Zalando SE.
"""

from hetlava.datasets import images
from hetlava.datasets.recordings import Recordings, Split

FILES = images.ImageFiles(
    name="fashion-mnist",
    folder="fashion_mnist",
    torchvision="FashionMNIST/raw",
    sha256={
        "train-images-idx3-ubyte": (
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"
        ),
        "train-labels-idx1-ubyte": (
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"
        ),
        "t10k-images-idx3-ubyte": (
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"
        ),
        "t10k-labels-idx1-ubyte": (
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"
        ),
    },
)
DEFAULTS, DEFAULTS_OF = images.DEFAULTS, images.DEFAULTS_OF
ENCODERS = images.ENCODERS


def load(split: Split, encoder: str = ENCODERS[0]) -> Recordings:
    """Return a split of Fashion-MNIST as spikes; errors as of ``images.load``."""
    return images.load(FILES, split, encoder)
