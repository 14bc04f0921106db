"""Membrane time constants of cortical cells, from the Allen Cell Types Database.

Two populations as Perez-Nieves et al. (2021) select them: 290 spiny cells of layer 4 of the mouse's
primary visual cortex, and 236 of the human middle temporal gyrus. The database may be used for
non-commercial purposes with citation. Looked for as ``allen_tau/allen-cell-types-tau.zip`` in the
folder that HETLAVA_DATA names.
"""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from hetlava.arrays import Float
from hetlava.datasets.archives import open_archive
from hetlava.datasets.places import data_folder
from hetlava.errors import DataError, ValidationError

ARCHIVE = "allen_tau/allen-cell-types-tau.zip"
POPULATIONS: Mapping[str, str] = MappingProxyType(
    {
        "mouse-v1-l4": "allen/mouse_v1_l4_spiny_tau_ms.csv",
        "human-mtg": "allen/human_mtg_spiny_tau_ms.csv",
    }
)
HEADER = "specimen_id,tau_ms"
SIZE_MAX = 1 << 20  # [byte] of a table
MILLISECOND = 1e-3


def measured(population: str) -> Float:
    """Return the measured time constants of a population, (n,) [s].

    Raises
    ------
    ValidationError
        If the population is unknown; the message lists the known.
    DataError
        If the table is not there (the message says where to put it) or is damaged.
    """
    if population not in POPULATIONS:
        raise ValidationError(
            f"population {population!r} is unknown; known: {', '.join(POPULATIONS)}"
        )
    folder = data_folder()
    path = None if folder is None else folder / ARCHIVE
    if path is None or not path.is_file():
        raise DataError(
            f"{ARCHIVE} is missing: set HETLAVA_DATA to the folder that holds it; its tables are "
            "made of the Allen Cell Types Database's"
        )
    with open_archive(path) as archive:
        text = archive.read(POPULATIONS[population], SIZE_MAX).decode("utf-8", "replace")
    header, *rows = text.splitlines()
    try:
        if header != HEADER:
            raise ValueError(f"columns {header!r:.80}, expected {HEADER!r}")
        tau = np.array([float(row.split(",")[1]) for row in rows]) * MILLISECOND
    except (ValueError, IndexError) as error:
        raise DataError(f"{path}: {POPULATIONS[population]}: {error}") from error
    if not tau.size or not np.all(np.isfinite(tau) & (tau > 0)):
        raise DataError(f"{path}: {POPULATIONS[population]}: a time constant is not above 0 ms")
    return tau
