"""Calibrations on disk: HDF5, a group for each parameter."""

from pathlib import Path
from typing import Any

import numpy as np

from hetlava.errors import FormatError
from hetlava.files import replacing, to_read
from hetlava.hardware.calibration import Calibration, Found
from hetlava.hardware.virtual_chip import CODE_MAX, KNOBS, RANGES

FORMAT = "hetlava calibration 1"
NEURONS_MAX = 1 << 20
DTYPES = {"target": np.float64, "measured": np.float64, "code": np.int32, "success": np.bool_}


def write_calibration(path: Path, calibration: Calibration) -> None:
    """Write a calibration; :func:`read_calibration` gives an equal one.

    Raises
    ------
    DataError
        If the file cannot be written; an old one stays.
    """
    import h5py

    with replacing(path) as temporary, h5py.File(temporary, "w") as file:
        file.attrs["format"] = FORMAT
        file.attrs["chip"], file.attrs["serial"] = calibration.chip, calibration.serial
        for knob in KNOBS:
            group, found = file.create_group(knob), getattr(calibration, knob)
            for name in DTYPES:
                group.create_dataset(name, data=getattr(found, name))


def read_calibration(path: Path) -> Calibration:
    """Read what :func:`write_calibration` wrote.

    Raises
    ------
    DataError
        If the file is missing.
    FormatError
        If it is no calibration, damaged, or holds codes that no converter has.
    """
    import h5py

    to_read(path)
    try:
        with h5py.File(path, "r") as file:
            if file.attrs["format"] != FORMAT:
                raise ValueError(f"format {file.attrs['format']!r}, expected {FORMAT!r}")
            found = {knob: _read(file[knob], knob) for knob in KNOBS}
            chip, serial = (str(file.attrs[name]) for name in ("chip", "serial"))
    except (OSError, KeyError, ValueError, TypeError, AttributeError, RuntimeError) as error:
        raise FormatError(f"{path}: is no calibration, or damaged: {error}") from error
    if len({f.code.size for f in found.values()}) != 1:
        raise FormatError(f"{path}: parameters are of different numbers of neurons")
    return Calibration(chip=chip, serial=serial, **found)


def _read(group: Any, knob: str) -> Found:
    arrays = {}
    for name, dtype in DTYPES.items():
        data = group[name]
        # looked at before it is read: a few bytes may declare any size
        if data.ndim != 1 or data.size > NEURONS_MAX or data.dtype != dtype:
            raise ValueError(f"{knob}/{name} is {data.dtype} of shape {data.shape}")
        arrays[name] = data[()]
    if len({a.size for a in arrays.values()}) != 1 or not arrays["code"].size:
        raise ValueError(f"{knob}: arrays of different lengths, or empty")
    limit = len(RANGES.get(knob, (0,))) * (CODE_MAX + 1)
    if arrays["code"].min() < 0 or arrays["code"].max() >= limit:
        raise ValueError(f"{knob}: codes outside [0, {limit - 1}]")
    return Found(**arrays)
