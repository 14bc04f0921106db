"""What plain values of a file must be, told before anything is made of them."""

from typing import Any

import torch

from hetlava.errors import ValidationError


def array(value: Any, what: str) -> Any:
    """Return a tensor as an array.

    Raises
    ------
    ValidationError
        If it is none.
    """
    return check_type(value, torch.Tensor, what).numpy()


def check_type(value: Any, kind: type, what: str) -> Any:
    """Return a value, or raise ValidationError if it is of another type."""
    # bool is an int to Python, never to us
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise ValidationError(f"{what} is a {type(value).__name__}, expected {kind.__name__}")
    return value


def check_keys(plain: Any, expected: tuple[str, ...], what: str) -> None:
    """Raise ValidationError unless ``plain`` is a dictionary of these keys."""
    check_type(plain, dict, what)
    missing, unknown = set(expected) - plain.keys(), plain.keys() - set(expected)
    if missing or unknown:
        raise ValidationError(
            f"{what}: missing {sorted(missing)}, unknown {sorted(unknown)}; expected {expected}"
        )


def whole_numbers(value: Any, like: Any, what: str) -> Any:
    """Return lists of whole numbers as tuples nested as those of ``like``.

    Raises
    ------
    ValidationError
        If they are of another shape, or anything else.
    """
    if not isinstance(like, tuple):
        return check_type(value, int, what)
    if len(check_type(value, list, what)) != len(like):
        raise ValidationError(f"{what} has {len(value)} values, expected {len(like)}")
    return tuple(whole_numbers(v, part, what) for v, part in zip(value, like, strict=True))
