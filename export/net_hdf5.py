"""The ``.net`` file: HDF5 that netx loads where it can, and that holds every network in full.

The group ``hetlava`` holds the whole network. A network that netx computes exactly is there a
second time as lava-dl writes it (``layer``, ``simulation``); the two share arrays and must agree.
For any other network ``layer`` is missing, so that netx fails with a ``KeyError`` on it whatever
options it is given, instead of computing something else (it skips layers of an unknown type).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from hetlava.arrays import AnyArray
from hetlava.errors import FormatError, ValidationError
from hetlava.export.hdf5 import Group, opened, write_arrays
from hetlava.export.lava_dl_file import read_chain
from hetlava.export.net_header import SIZE_MAX
from hetlava.export.net_layers import MILLISECOND, netx_arrays
from hetlava.export.net_records import OWN, own_arrays, read_header, read_own
from hetlava.export.netx_rules import netx_differences as netx_differences
from hetlava.network import DT_MAX, Plain
from hetlava.quantised import QuantisedNetwork

LAYERS, SIMULATION = "layer", "simulation"
TIMES = ("Ts", "tSample")
EARLY = "biases, which act from the first step on in netx, in SLAYER once input can arrive"
T = TypeVar("T", int, float)


def write(path: str | Path, net: QuantisedNetwork) -> None:
    """Write a network to a ``.net`` file; the same network and HDF5 give the same bytes.

    :func:`hetlava.export.netx_rules.netx_differences` says whether netx can load it, and why not.

    Raises
    ------
    ValidationError
        If the provenance is not plain (text, numbers, lists, dicts) or far too long.
    DataError
        If the disk refuses; an old file of that name stays.
    """
    differences = netx_differences(net)
    arrays = own_arrays(net, differences)
    if not differences:
        arrays |= netx_arrays(net)
    write_arrays(Path(path), arrays)


def read(
    path: str | Path,
    *,
    dt: float | None = None,
    n_steps: int | None = None,
    chip: str = "loihi2",
) -> QuantisedNetwork:
    """Read a ``.net`` file of hetlava or of lava-dl.

    Parameters
    ----------
    path : path
    dt : float, optional
        Step [s]; needed where the file has no ``simulation/Ts`` [ms].
    n_steps : int, optional
        Steps per sample; needed where the file has no ``simulation/tSample`` [ms].
    chip : str
        The chip that a file of lava-dl was made for; hetlava's own say so themselves.

    Raises
    ------
    DataError
        If there is no such file.
    FormatError
        If it is damaged, or declares what it does not hold or what cannot be true.
    UnsupportedError
        If it holds layers, neurons or options that hetlava does not run exactly.
    ValidationError
        If ``dt`` or ``n_steps`` is needed and missing, or contradicts the file.
    """
    with opened(Path(path)) as root:
        if OWN not in root.keys():
            return _read_lava_dl(root, dt, n_steps, chip)
        net, differences = read_own(root)
        _check_layers(root, net, differences)
    _settle(f"{path}: dt", net.dt, dt)
    _settle(f"{path}: n_steps", net.n_steps, n_steps)
    return net


def stored_differences(path: str | Path) -> list[str]:
    """Return why netx does not load the file, as its writer saw it; empty where it does."""
    with opened(Path(path)) as root:
        if OWN not in root.keys():
            return []
        return [str(reason) for reason in read_header(root)["netx_differences"]]


def _check_layers(root: Group, net: QuantisedNetwork, differences: list[str]) -> None:
    """Check that ``layer`` and ``simulation``, which netx reads, say what ``hetlava`` says."""
    members = set(root.keys()) - {OWN}
    if differences:
        if members:
            raise FormatError(f"{root.where()}: {sorted(members)} beside a network unfit for netx")
        return
    reasons = netx_differences(net)
    if reasons:
        raise FormatError(f"{root.where(LAYERS)}: netx would not compute {OWN}: {reasons[0]}")
    tree: dict[str, Any] = {}
    for path, array in netx_arrays(net).items():
        *parents, key = path.split("/")
        branch = tree
        for parent in parents:
            branch = branch.setdefault(parent, {})
        branch[key] = array
    _check_agreement(root, {OWN: None, **tree})


def _check_agreement(group: Group, tree: Mapping[str, Any]) -> None:
    if set(group.keys()) != tree.keys():
        raise FormatError(f"{group.where()}: {list(group.keys())[:20]}, expected {list(tree)[:20]}")
    for key, expected in tree.items():
        if isinstance(expected, Mapping):
            _check_agreement(group.group(key), expected)
        elif expected is not None and not _holds(group, key, expected):
            raise FormatError(
                f"{group.where(key)}: disagrees with the group {OWN}; whoever changes one changes "
                f"both, or removes {OWN}"
            )


def _holds(group: Group, key: str, expected: AnyArray) -> bool:
    if expected.dtype.kind == "S":
        return bool(group.text(key).encode() == expected[0])
    return np.array_equal(group.array(key, shape=expected.shape), expected)


def _read_lava_dl(
    root: Group, dt: float | None, n_steps: int | None, chip: str
) -> QuantisedNetwork:
    unknown = set(root.keys()) - {LAYERS, SIMULATION}
    if unknown or LAYERS not in root.keys():
        raise FormatError(f"{root.where()}: {list(root.keys())[:20]}, expected {LAYERS!r}")
    chain = read_chain(root)
    in_file, steps_in_file = _times(root)
    dt = _settle(f"{root.path}: dt", in_file, dt)
    n_steps = _settle(f"{root.path}: n_steps", steps_in_file, n_steps)
    changes: list[Plain] = [text for layer in chain for text in layer.changes]
    biased = [layer for layer in chain if layer.population.start or layer.helpers]
    changes += [f"{layer.population.name}: {EARLY}" for layer in biased]
    return QuantisedNetwork(
        chip=chip,
        dt=dt,
        n_inputs=chain[0].projections[0].shape[1],
        n_steps=n_steps,
        populations=tuple(p for layer in chain for p in (*layer.helpers, layer.population)),
        projections=tuple(p for layer in chain for p in layer.projections),
        output=chain[-1].population.name,
        provenance={"format": "lava-dl", "netx_changes": changes},
    )


def _times(root: Group) -> tuple[float | None, int | None]:
    """Return dt [s] and the steps of a sample, each None where the file does not say it."""
    if SIMULATION not in root.keys():
        return None, None
    group = root.group(SIMULATION)
    times: dict[str, float] = {}
    for key in group.keys():
        value = group.array(key)
        if key not in TIMES or value.size != 1 or not 0 < float(value.reshape(())) < np.inf:
            raise FormatError(f"{group.where(key)}: expected {TIMES}, one time [ms] above 0 each")
        times[key] = float(value.reshape(()))
    if "Ts" not in times:
        return None, None
    dt = times["Ts"] * MILLISECOND
    n_steps = max(1, round(times["tSample"] / times["Ts"])) if "tSample" in times else None
    if dt > DT_MAX or (n_steps or 1) > SIZE_MAX:
        raise FormatError(f"{group.where()}: a step of {dt} s, {n_steps} of them, is beyond reason")
    return dt, n_steps


def _settle(what: str, found: T | None, given: T | None) -> T:
    if found is not None and given is not None and found != given:
        raise ValidationError(f"{what} is {found} in the file, {given} was asked for")
    value = given if found is None else found
    if value is None:
        raise ValidationError(f"{what} is not in the file; pass {what.rpartition(' ')[2]}=...")
    return value
