"""How the engine may run a layer, by the names that users choose them by."""

from typing import Literal, get_args

from hetlava.errors import ValidationError

Mode = Literal["auto", "events", "dense", "numpy"]
MODES: tuple[Mode, ...] = get_args(Mode)


def checked_mode(mode: str) -> Mode:
    """Return the mode of that name.

    Raises
    ------
    ValidationError
        If there is none; the message lists those there are.
    """
    for known in MODES:
        if mode == known:
            return known
    raise ValidationError(f"engine mode {mode!r} is unknown; known: {', '.join(MODES)}")
