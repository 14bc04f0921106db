"""Training: the only package that imports torch."""

from importlib.util import find_spec

from hetlava.errors import MissingPackageError

if find_spec("torch") is None:
    raise MissingPackageError(
        'training, and reading trained networks, needs torch; pip install "hetlava[train]"'
    )
