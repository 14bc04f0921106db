"""Makes lava-nc 0.10.0 and lava-dl 0.6.0 importable on today's Python, touching no installed file.

Both stopped at Python 3.10, and NumPy and torchvision went on. What is broken is mended while the
module that holds it is imported; nothing else is changed and nothing is imported before it is
asked for. Importing Lava makes ``fork`` the process-wide start method of :mod:`multiprocessing`.
"""

import importlib
import sys
import warnings
from dataclasses import dataclass
from importlib import metadata
from types import ModuleType

from hetlava.errors import MissingPackageError
from hetlava.export.lava_repairs import REPAIRS, Finder

KNOWN = {"lava-nc": "0.10.0", "lava-dl": "0.6.0"}

INSTALL = """\
    pip install "hetlava[lava]"
    pip install --no-deps --ignore-requires-python lava-nc==0.10.0 lava-dl==0.6.0"""


@dataclass(frozen=True)
class LavaVersions:
    """The Lava that was found.

    Attributes
    ----------
    nc : str
        Version of lava-nc.
    dl : str or None
        Version of lava-dl, None when it is not installed.
    """

    nc: str
    dl: str | None


def enable_lava() -> LavaVersions:
    """Let ``import lava`` work from here on; calling it again changes nothing.

    Warns
    -----
    RuntimeWarning
        Once for each version that is not the one that the repairs were written for.

    Raises
    ------
    MissingPackageError
        If lava-nc is not installed; the message holds the lines that install it.
    """
    nc, dl = _version("lava-nc"), _version("lava-dl")
    if nc is None:
        raise MissingPackageError(f"lava-nc is not installed; install it with\n{INSTALL}")
    if any(isinstance(finder, Finder) for finder in sys.meta_path):
        return LavaVersions(nc, dl)
    for package, version in (("lava-nc", nc), ("lava-dl", dl)):
        if version not in (None, KNOWN[package]):
            warnings.warn(
                f"{package} {version} is unknown to hetlava, whose repairs were written for "
                f"{KNOWN[package]}: they are still applied ({', '.join(REPAIRS)}); if an import "
                f"fails, install the known version with\n{INSTALL}",
                RuntimeWarning,
                stacklevel=2,
            )
    sys.meta_path.insert(0, Finder())
    # an earlier attempt without the repairs may have left modules behind
    for name, repair in REPAIRS.items():
        if name in sys.modules:
            repair.after(sys.modules[name])
    return LavaVersions(nc, dl)


def lava_unavailable() -> str | None:
    """Return why Lava cannot be used here, None if it can; nothing is imported."""
    if _version("lava-nc") is None:
        return f"lava-nc is not installed; install it with\n{INSTALL}"
    return None


def slayer() -> ModuleType:
    """Return ``lava.lib.dl.slayer``.

    Raises
    ------
    MissingPackageError
        If lava-nc, lava-dl or torch is not installed.
    """
    return _lava_dl("lava.lib.dl.slayer")


def netx() -> ModuleType:
    """Return ``lava.lib.dl.netx``.

    Raises
    ------
    MissingPackageError
        If lava-nc, lava-dl or torch (which lava-dl imports everywhere) is not installed.
    """
    return _lava_dl("lava.lib.dl.netx")


def lava_module(name: str) -> ModuleType:
    """Return a module of Lava, enabled first.

    Raises
    ------
    MissingPackageError
        If lava-nc is not installed, or a package that the module imports.
    """
    enable_lava()
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("lava"):
            raise
        raise MissingPackageError(
            f"{name} needs {error.name}, which is not installed; install it with\n{INSTALL}"
        ) from error


def _lava_dl(name: str) -> ModuleType:
    if enable_lava().dl is None:
        raise MissingPackageError(f"lava-dl is not installed; install it with\n{INSTALL}")
    return lava_module(name)


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
