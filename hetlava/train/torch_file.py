"""Files of tensors and plain values in PyTorch's format, read without trusting them."""

import io
import pickletools
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from hetlava.errors import DataError, FormatError, HetlavaError, ValidationError
from hetlava.files import replacing, to_read

MAX_BYTES = 4 << 30  # a larger file is refused before it is read
MAX_PICKLE_BYTES = 8 << 20  # the structure without the tensors
MAX_NODES = 100_000  # references may fold a tree of any size into a few bytes
MAX_DEPTH = 50

# all that PyTorch writes for plain dictionaries of dense tensors; its own list is far longer and
# holds callables that allocate what they are told to
GLOBALS = frozenset(
    {"collections OrderedDict", "torch._utils _rebuild_tensor_v2"}
    | {
        f"torch {kind}Storage"
        for kind in ("Double", "Float", "Long", "Int", "Short", "Char", "Byte", "Bool")
    }
)


def write_torch(path: Path, kind: str, version: int, content: Mapping[str, Any]) -> None:
    """Write tensors and plain values; the same content gives the same bytes.

    Raises
    ------
    ValidationError
        If the content holds anything but dictionaries with text keys, lists, tensors, plain values.
    DataError
        If the file cannot be written; the old one stays.
    """
    buffer = io.BytesIO()
    # through memory, because torch writes the (temporary) file's name into the archive
    torch.save({"format": kind, "version": version, **_detached(content, "content")}, buffer)
    with replacing(path) as temporary:
        temporary.write_bytes(buffer.getbuffer())


def read_torch(path: Path, kind: str, version: int) -> dict[str, Any]:
    """Read what :func:`write_torch` wrote, tensors on the CPU; no code of the file is run.

    Raises
    ------
    DataError
        If the file is missing or cannot be read.
    FormatError
        If it is damaged, too large, of another kind or version, or holds anything but tensors and
        plain values.
    """
    data = _bytes(path)
    try:
        _check_archive(data)
        content: dict[str, Any] = torch.load(
            io.BytesIO(data), map_location="cpu", weights_only=True
        )
        _check_content(content, len(data))
    except HetlavaError as error:
        raise FormatError(f"{path}: {error}") from error
    # hostile bytes raise whatever the parsers below happen to raise
    except Exception as error:
        raise FormatError(f"{path}: damaged, or not written by hetlava: {error}") from error
    if content.pop("format", None) != kind:
        raise FormatError(f"{path}: not a {kind} file")
    found = content.pop("version", None)
    if found != version:
        raise FormatError(f"{path}: {kind} version {found!r}, this hetlava reads {version}")
    return content


def _bytes(path: Path) -> bytes:
    try:
        size = to_read(path).stat().st_size
        if size > MAX_BYTES:
            raise FormatError(f"{path}: {size} bytes, at most {MAX_BYTES} are read")
        return path.read_bytes()
    except HetlavaError:
        raise
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error


def _check_archive(data: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = archive.infolist()
        if any(m.compress_type != zipfile.ZIP_STORED for m in members):
            raise FormatError("a compressed member, which PyTorch never writes")
        if len({m.filename for m in members}) != len(members):
            raise FormatError("a doubled member")
        if sum(m.file_size for m in members) > len(data):
            raise FormatError("members that overlap")
        pickles = [m for m in members if m.filename.endswith(".pkl")]
        if len(pickles) != 1 or pickles[0].file_size > MAX_PICKLE_BYTES:
            raise FormatError("not one pickle of a plausible size")
        _check_pickle(archive.read(pickles[0]))


def _check_pickle(pickled: bytes) -> None:
    """Refuse callables other than those of dense tensors; nothing is run."""
    for opcode, argument, _ in pickletools.genops(pickled):
        if opcode.name == "GLOBAL" and argument not in GLOBALS:
            raise FormatError(f"names {argument!r}; only tensors and plain values are read")
        if opcode.name in ("STACK_GLOBAL", "INST", "OBJ", "NEWOBJ_EX", "EXT1", "EXT2", "EXT4"):
            raise FormatError(f"the pickle uses {opcode.name}, which PyTorch never writes")


def _check_content(content: object, size: int) -> None:
    if not isinstance(content, dict):
        raise FormatError(f"holds a {type(content).__name__}, expected a dictionary")
    for count, (depth, value) in enumerate(_walk(content, 0)):
        if count > MAX_NODES or depth > MAX_DEPTH:
            raise FormatError(f"more than {MAX_NODES} values or {MAX_DEPTH} levels")
        if isinstance(value, torch.Tensor):
            if not value.is_contiguous() or value.numel() * value.element_size() > size:
                raise FormatError(f"a tensor of shape {tuple(value.shape)} that the file lacks")
        elif value is not None and not isinstance(value, str | int | float | dict | list):
            raise FormatError(f"holds a {type(value).__name__}")


def _walk(value: object, depth: int) -> Iterator[tuple[int, object]]:
    yield depth, value
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise FormatError("a dictionary with keys that are not text")
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _walk(item, depth + 1)


def _detached(value: Any, where: str) -> Any:
    if isinstance(value, torch.Tensor):
        return value.detach().cpu().contiguous().clone()
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise ValidationError(f"{where}: keys that are not text cannot be written")
        return {key: _detached(item, f"{where}/{key}") for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_detached(item, f"{where}[{i}]") for i, item in enumerate(value)]
    if value is None or type(value) in (str, int, float, bool):
        return value
    raise ValidationError(f"{where}: a {type(value).__name__} cannot be written")
