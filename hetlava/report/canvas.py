"""An empty figure, and the colours of all of them; matplotlib is loaded when one is drawn."""

from typing import TYPE_CHECKING

from hetlava.errors import MissingPackageError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK, BLUE, ORANGE, GREY = "#222222", "#2b6cb0", "#dd6b20", "#a0aec0"


def new_figure(width: float, height: float) -> "Figure":
    """Return an empty figure of that size [inch] that lays out its axes by itself.

    Raises
    ------
    MissingPackageError
        If matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingPackageError(
            'figures need matplotlib: pip install "hetlava[report]"'
        ) from error
    return Figure(figsize=(width, height), layout="constrained")
