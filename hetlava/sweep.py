"""Sweeps: many runs side by side, a result file for each, and a restart that skips what is done.

A run is known by its configuration alone. Its file ``<key>.json`` is named by a hash of it and
holds it too, so that a folder may serve several sweeps and a result is never taken for that of
another configuration.
"""

import hashlib
import json
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from hetlava.errors import DataError, FormatError, WorkerLostError
from hetlava.executor import map_as_finished
from hetlava.files import replacing

FORMAT = "hetlava.sweep-run"
VERSION = 1
TRIES = 3  # times that workers may die, one after the other, with no run finished in between
KEY_LENGTH = 16  # hexadecimal digits; two of a million runs share a key once in 4e7 sweeps
RESULT_MAX = 64 << 20  # [byte] of a file

Made = TypeVar("Made")
Plain = Mapping[str, Any]  # what JSON can hold


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run: what people call it, and the configuration that decides its result.

    Attributes
    ----------
    name : str
    config : mapping
        Plain values as JSON holds them: no tuples, no NaN.
    """

    name: str
    config: Plain

    @property
    def key(self) -> str:
        """Hash of the configuration; the name is no part of it."""
        canonical = json.dumps(self.config, sort_keys=True, allow_nan=False)
        return hashlib.sha256(canonical.encode()).hexdigest()[:KEY_LENGTH]


def sweep(
    function: Callable[[Made, Run], Plain],
    runs: Sequence[Run],
    folder: Path,
    *,
    setup: Callable[[], Made],
    workers: int = 1,
    dask: str | None = None,
    executor: Executor | None = None,
) -> Generator[tuple[Run, Plain], None, None]:
    """Yield every run with its result: first those whose files are there, then as they finish.

    Runs of equal configuration are one. A result is on the disk, whole, before it is yielded.
    When a worker dies, what it had not finished is tried again in a new one.

    Parameters
    ----------
    function, setup, workers, dask, executor
        As of :func:`hetlava.executor.map_over`; ``function(setup(), run)`` gives plain values.
    folder : Path
        Exists; gets a file per run.

    Raises
    ------
    ValidationError
        If ``workers`` is below 1, or more than one kind of executor is asked for.
    FormatError
        If a file in the folder is damaged or holds another configuration.
    DataError
        If a file cannot be read or written.
    WorkerLostError
        If workers die again and again without finishing a run.
    """
    left = {run.key: run for run in runs}
    for key, run in list(left.items()):
        path = folder / f"{key}.json"
        if path.is_file():
            del left[key]
            yield run, read_result(path, run)
    deaths = 0
    while left:
        where = {"workers": workers, "dask": dask, "executor": executor}
        try:
            for run, result in map_as_finished(
                function,
                list(left.values()),
                setup=setup,
                **where,  # type: ignore[arg-type]
            ):
                _write_result(folder / f"{run.key}.json", run, result)
                del left[run.key]
                deaths = 0
                yield run, result
        except WorkerLostError as error:
            deaths += 1
            if deaths == TRIES or executor is not None:
                raise WorkerLostError(
                    f"{error}; {len(left)} runs are missing, the finished ones are kept in "
                    f"{folder}: the same command goes on from there"
                ) from error


def read_result(path: Path, run: Run) -> Plain:
    """Return the result of a run from its file.

    Raises
    ------
    DataError
        If it cannot be read.
    FormatError
        If it is damaged, of another version, or of another configuration.
    """
    advice = "delete the file to repeat the run, or name another folder"
    try:
        if path.stat().st_size > RESULT_MAX:
            raise FormatError(f"{path}: larger than {RESULT_MAX >> 20} MiB; {advice}")
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{path}: no result of a run ({error}); {advice}") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise FormatError(f"{path}: no result of a run; {advice}")
    if content.get("version") != VERSION:
        raise FormatError(
            f"{path}: version {content.get('version')!r}, this hetlava reads {VERSION}; {advice}"
        )
    result, config = content.get("result"), content.get("config")
    if config != run.config:
        raise FormatError(f"{path}: the result of another configuration; {advice}")
    if not isinstance(result, dict):
        raise FormatError(f"{path}: holds no result; {advice}")
    return result


def _write_result(path: Path, run: Run, result: Plain) -> None:
    content = {"format": FORMAT, "version": VERSION, "name": run.name}
    content |= {"config": run.config, "result": result}
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
