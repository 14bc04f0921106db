"""Arrays of bytes in idx files, plain or gzipped: the format of MNIST and Fashion-MNIST.

Two zero bytes, the type (8: unsigned byte), the number of axes, the length of each axis (32 bits,
big-endian), then the values.
"""

import gzip
import hashlib
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hetlava.errors import DataError

UNSIGNED_BYTE = 8
CONTENT_MAX = 256 << 20  # [byte] unpacked; the training images of MNIST have 47 MB
GZIP = b"\x1f\x8b"


def read_idx(path: Path, shape: tuple[int | None, ...], sha256: str = "") -> npt.NDArray[np.uint8]:
    """Return the array of a file.

    Parameters
    ----------
    shape : tuple
        The lengths that its axes must have, None for any.
    sha256 : str
        The checksum that its unpacked content must have; not compared if empty.

    Raises
    ------
    DataError
        If it cannot be read, is damaged, of another shape, or unpacks to too much.
    """
    content = _content(path)
    start = 4 + 4 * len(shape)
    if len(content) < start:
        raise DataError(f"{path}: {len(content)} bytes are no idx file; fetch it again")
    magic = content[:4]
    if magic != bytes([0, 0, UNSIGNED_BYTE, len(shape)]):
        raise DataError(
            f"{path}: begins with {magic.hex()}, not as an idx file of bytes with {len(shape)} "
            "axes; fetch it again"
        )
    lengths = tuple(int(n) for n in np.frombuffer(content, ">u4", len(shape), 4))
    wrong = any(want not in (None, n) for want, n in zip(shape, lengths, strict=True))
    # in Python's integers: the product of what a file declares may overflow
    declared = start + int(np.prod(lengths, dtype=object))
    if wrong or declared != len(content):
        raise DataError(
            f"{path}: declares {lengths}, {declared} bytes, and has {len(content)}; expected "
            f"{tuple('any' if n is None else n for n in shape)}; fetch it again"
        )
    if sha256 and hashlib.sha256(content).hexdigest() != sha256:
        raise DataError(f"{path}: is not the published file (sha256); fetch it again")
    return np.frombuffer(content, np.uint8, offset=start).reshape(lengths)


def _content(path: Path) -> bytes:
    """Return the unpacked bytes, never more than the limit of them."""
    try:
        with path.open("rb") as raw:
            packed = raw.read(len(GZIP)) == GZIP
            raw.seek(0)
            # one byte more than the limit tells too much from just enough
            content = gzip.GzipFile(fileobj=raw).read(CONTENT_MAX + 1) if packed else b""
            content = content if packed else raw.read(CONTENT_MAX + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path}: is damaged ({error}); fetch it again") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    if len(content) > CONTENT_MAX:
        raise DataError(f"{path}: holds more than {CONTENT_MAX} bytes, which are not read")
    return content
