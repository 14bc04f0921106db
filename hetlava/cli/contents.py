"""Files told apart by what they hold, not by their name."""

from pathlib import Path

from hetlava.cli.net_files import NetOptions
from hetlava.errors import FormatError
from hetlava.files import to_read
from hetlava.network import Network
from hetlava.quantised import QuantisedNetwork
from hetlava.recording import Recording

HDF5 = b"\x89HDF\r\n\x1a\n"
ZIP = b"PK\x03\x04"


def is_quantised(path: Path) -> bool:
    """Return whether a file is one of quantised networks, as far as its first bytes tell."""
    try:
        with path.open("rb") as file:
            return file.read(len(HDF5)) == HDF5
    except OSError:
        return False


def read_any(path: Path, options: NetOptions) -> Network | QuantisedNetwork | Recording:
    """Read a model, a quantised network (as ``options`` say) or a recording.

    Raises
    ------
    DataError
        If there is no such file.
    FormatError
        If it is none of these.
    """
    to_read(path)
    with path.open("rb") as file:
        head = file.read(8)
    if head == HDF5:
        return options.read(path)
    options.refuse(path)
    if head.startswith(ZIP):
        return _read_zip(path)
    raise FormatError(f"{path}: is no model (.pt), quantised network (.net) or recording (.npz)")


def _read_zip(path: Path) -> Network | Recording:
    import zipfile

    try:
        with zipfile.ZipFile(path) as archive:
            recording = "header.npy" in archive.namelist()
    except zipfile.BadZipFile as error:
        raise FormatError(f"{path}: damaged archive: {error}") from error
    if recording:
        from hetlava.recording_file import read_recording

        return read_recording(path)
    from hetlava.train.model_file import read_model

    return read_model(path)
