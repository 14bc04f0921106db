"""Where recorded data is looked for: the folder named by HETLAVA_DATA, then the cache."""

import os
from pathlib import Path

from hetlava.errors import DataError


def data_folder() -> Path | None:
    """Return the folder that HETLAVA_DATA names, None if it is not set.

    Raises
    ------
    DataError
        If it is set to what is no folder.
    """
    named = os.environ.get("HETLAVA_DATA")
    if not named:
        return None
    folder = Path(named).expanduser()
    if not folder.is_dir():
        raise DataError(f"HETLAVA_DATA={named}: no such folder; name the folder of the data sets")
    return folder


def cache_folder() -> Path:
    """Return the folder of downloaded data: HETLAVA_CACHE, or ``~/.cache/hetlava``."""
    return Path(os.environ.get("HETLAVA_CACHE") or "~/.cache/hetlava").expanduser()
