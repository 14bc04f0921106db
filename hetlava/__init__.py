"""Spiking networks with per-neuron time constants, from training to neuromorphic hardware."""

from pathlib import Path as _Path

__version__ = "0.1.0"

# A checkout without symbolic links (Windows, some archives): the parts lie beside this folder.
_here = _Path(__file__).resolve().parent
if not (_here / "sim").is_dir() and (_here.parent / "sim" / "__init__.py").is_file():
    __path__.append(str(_here.parent))
