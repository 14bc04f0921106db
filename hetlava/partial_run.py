"""The finished blocks of a run that is not finished: kept beside its file, so that it can go on."""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from hetlava.errors import DataError, ValidationError
from hetlava.files import replacing, to_write
from hetlava.network import Plain
from hetlava.recording import Recording, join
from hetlava.recording_file import read_recording, write_recording

Identity = Mapping[str, Plain]

IDENTITY = "run.json"
VARIES = ("threads",)  # of a recording's details: what differs from run to run


class PartialRun:
    """A folder of recordings, one for each finished block, and what they are recordings of.

    Parameters
    ----------
    out : path
        The file that the run will write.
    identity : mapping of str to plain values
        What the run depends on; only an equal one may go on with the blocks.
    resume : bool
        Whether to go on with finished blocks; otherwise those of an earlier run are removed.

    Raises
    ------
    ValidationError
        If there are blocks of another run; the message says what differs.
    DataError
        If the folder cannot be made, or no file of the name ``out`` can be written.
    """

    def __init__(self, out: Path, identity: Identity, *, resume: bool) -> None:
        to_write(out)
        self.out = out
        self.folder = out.with_name(f"{out.name}.partial")
        if resume and (self.folder / IDENTITY).is_file():
            self._check(identity)
            return
        self.remove()
        with _disk(self.folder):
            self.folder.mkdir()
        with replacing(self.folder / IDENTITY) as temporary:
            temporary.write_text(json.dumps(dict(identity), indent=1))

    def _check(self, identity: Identity) -> None:
        try:
            found = json.loads((self.folder / IDENTITY).read_text())
            differs = [key for key in identity if found.get(key) != identity[key]]
        except (ValueError, AttributeError) as error:
            raise DataError(f"{self.folder}: damaged; remove it or leave out --resume") from error
        if differs:
            raise ValidationError(
                f"{self.folder}: of another run, with another {', '.join(differs)}; leave out "
                "--resume to begin anew"
            )

    def finished(self) -> Iterator[Recording]:
        """Yield the finished blocks from the first on, up to one that is missing."""
        k = 0
        while (path := self._path(k)).is_file():
            yield read_recording(path)
            k += 1

    def put(self, k: int, recording: Recording) -> None:
        """Keep the finished block ``k``."""
        write_recording(self._path(k), recording)

    def complete(self) -> None:
        """Write the run's file from its blocks and remove them.

        The file holds nothing that differs from run to run: no times, no number of threads.
        """
        whole = join(list(self.finished()))
        details = {key: x for key, x in whole.details.items() if key not in VARIES}
        write_recording(self.out, replace(whole, seconds=0.0, details=details))
        self.remove()

    def remove(self) -> None:
        """Remove the blocks, if there are any."""
        if self.folder.exists():
            with _disk(self.folder):
                shutil.rmtree(self.folder)

    def _path(self, k: int) -> Path:
        return self.folder / f"{k:06d}.npz"


@contextmanager
def _disk(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DataError(f"{folder}: {error.strerror or error}") from error
