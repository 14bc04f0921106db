"""The ``.net`` file: HDF5 that netx loads where it can, and that holds every network in full.

The group ``hetlava`` holds the whole network. A network that netx computes exactly is there a
second time as lava-dl writes it (``layer``, ``simulation``); the two share arrays and must agree.
For any other network ``layer`` is missing, so that netx fails with a ``KeyError`` on it whatever
options it is given, instead of computing something else (it skips layers of an unknown type).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from hetlava.arrays import AnyArray
from hetlava.errors import FormatError, UnsupportedError
from hetlava.export.hdf5 import Group, opened, write_arrays
from hetlava.export.lava_dl_network import LAYERS, Asked, as_it_is, read_lava_dl, settle
from hetlava.export.net_layers import netx_arrays
from hetlava.export.net_records import OWN, own_arrays, read_header, read_own
from hetlava.export.net_storage import COMPACT, is_large, whole
from hetlava.export.netx_rules import netx_differences as netx_differences
from hetlava.network import Readout
from hetlava.quantised import QuantisedNetwork


def write(path: str | Path, net: QuantisedNetwork, *, compact: bool = False) -> None:
    """Write a network to a ``.net`` file; the same network and HDF5 give the same bytes.

    :func:`hetlava.export.netx_rules.netx_differences` says whether netx can load it, and why not.

    Parameters
    ----------
    compact : bool
        Store weights in bytes even if netx could load the network, which it then cannot; of use
        for matrices of more than two million weights, smaller ones do not change.

    Raises
    ------
    ValidationError
        If the provenance is not plain (text, numbers, lists, dicts) or far too long.
    DataError
        If the disk refuses; an old file of that name stays.
    """
    differences = netx_differences(net)
    if not differences and compact and any(map(is_large, net.projections)):
        differences = [COMPACT]
    if not differences:
        net = whole(net)
    arrays, pieces = own_arrays(net, differences)
    if not differences:
        arrays |= netx_arrays(net)
    write_arrays(Path(path), arrays, pieces)


def read(
    path: str | Path,
    *,
    dt: float | None = None,
    n_steps: int | None = None,
    chip: str = "loihi2",
    readout: Readout | None = None,
    as_netx: bool = False,
    input_message_bits: int | None = None,
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
    readout : str, optional
        How the last layer of a file of lava-dl is read: ``spike-count``, or ``mean-voltage`` where
        it never spikes, unless it is given.
    as_netx : bool
        Read a file of lava-dl as its loader netx computes it, not as SLAYER trained it.
    input_message_bits : int, optional
        Bits of the messages that a network of lava-dl hears, 0 for spikes: netx is told apart from
        the file. When not given, 16 where sigma-delta neurons hear the input, otherwise 0. An
        input of 1.0 is 64 for deltas at the input and 4096 for other sigma-delta neurons.

    Raises
    ------
    DataError
        If there is no such file.
    FormatError
        If it is damaged, or declares what it does not hold or what cannot be true.
    UnsupportedError
        If it holds layers, neurons or options that hetlava does not run exactly; with ``as_netx``
        also those that netx does not load.
    ValidationError
        If ``dt`` or ``n_steps`` is needed and missing, or contradicts the file.
    """
    asked = Asked(
        dt=dt,
        n_steps=n_steps,
        chip=chip,
        readout=readout,
        as_netx=as_netx,
        input_message_bits=input_message_bits,
    )
    with opened(Path(path)) as root:
        if OWN not in root.keys():
            if is_nir(root):
                raise UnsupportedError(
                    f"{path}: is a graph of NIR, of floats; hetlava import makes a model.pt of it"
                )
            return read_lava_dl(root, asked)
        net, differences = read_own(root)
        _check_layers(root, net, differences)
    settle(f"{path}: dt", net.dt, dt)
    settle(f"{path}: n_steps", net.n_steps, n_steps)
    as_it_is(str(path), differences, asked)
    return net


def is_nir(root: Group) -> bool:
    """Say whether a file holds a graph of NIR, as far as its first level tells."""
    return {"node", "version"} <= set(root.keys())


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
    _check_agreement(root, {OWN: None, **tree}, _weights_of(root, net))


def _weights_of(root: Group, net: QuantisedNetwork) -> dict[int, Any]:
    """Return the datasets of weights by the arrays that were read of them."""
    if not net.projections:
        return {}
    top = root.group(OWN).group("projections")
    return {
        id(q.weights): top.group(str(k)).dataset("weights") for k, q in enumerate(net.projections)
    }


def _check_agreement(group: Group, tree: Mapping[str, Any], shared: Mapping[int, Any]) -> None:
    if set(group.keys()) != tree.keys():
        raise FormatError(f"{group.where()}: {list(group.keys())[:20]}, expected {list(tree)[:20]}")
    for key, expected in tree.items():
        if isinstance(expected, Mapping):
            _check_agreement(group.group(key), expected, shared)
        elif expected is not None and not _holds(group, key, expected, shared):
            raise FormatError(
                f"{group.where(key)}: disagrees with the group {OWN}; whoever changes one changes "
                f"both, or removes {OWN}"
            )


def _holds(group: Group, key: str, expected: AnyArray, shared: Mapping[int, Any]) -> bool:
    if id(expected) in shared and group.dataset(key) == shared[id(expected)]:
        return True  # two links to one dataset
    if expected.dtype.kind == "S":
        return bool(group.text(key).encode() == expected[0])
    return np.array_equal(group.array(key, shape=expected.shape), expected)
