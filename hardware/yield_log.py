"""Finished dies on disk, so that a run that was stopped goes on where it was."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from hetlava.arrays import Int64
from hetlava.errors import DataError, FormatError, ValidationError
from hetlava.events import Events
from hetlava.files import replacing, to_write
from hetlava.hardware.yields import Dies, Outcome
from hetlava.network import Network


class YieldLog:
    """Finished dies on disk, a line of JSON each, so that a run that was stopped goes on.

    Parameters
    ----------
    path : Path
    fingerprint : str
        Of all that the accuracies depend on, see :func:`fingerprint`.

    Raises
    ------
    ValidationError
        If the file is of another run.
    DataError, FormatError
        If it cannot be read or written, or is no such file.
    """

    def __init__(self, path: Path, fingerprint: str) -> None:
        self.path = path
        to_write(path)
        self.done = _read(path, fingerprint) if path.exists() else ()
        lines = [{"run": fingerprint}, *(o._asdict() for o in self.done)]
        # written anew: the line that a killed run left half-written goes
        with replacing(path) as temporary:
            temporary.write_text("".join(json.dumps(line) + "\n" for line in lines))

    def add(self, outcome: Outcome) -> None:
        """Append a finished die."""
        try:
            with self.path.open("a") as file:
                file.write(json.dumps(outcome._asdict()) + "\n")
        except OSError as error:
            raise DataError(f"{self.path}: cannot be written: {error.strerror}") from error


def _read(path: Path, fingerprint: str) -> tuple[Outcome, ...]:
    try:
        lines = path.read_text().splitlines()
        head: Any = json.loads(lines[0])["run"]
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (ValueError, LookupError, TypeError) as error:
        raise FormatError(f"{path}: is no log of dies; give another name") from error
    if head != fingerprint:
        raise ValidationError(
            f"{path}: is of another run: other networks, data, dies or seed; give another name, "
            "or remove it"
        )
    done = []
    for line in lines[1:]:
        try:
            values = json.loads(line)
            done.append(
                Outcome(int(values["network"]), int(values["chip_seed"]), float(values["accuracy"]))
            )
        except (ValueError, LookupError, TypeError):
            continue  # the line that a killed run left half-written
    return tuple(done)


def fingerprint(networks: Sequence[Network], inputs: Events, labels: Int64, dies: Dies) -> str:
    """Return a hash of all that accuracies depend on but the number of dies."""
    digest = hashlib.sha256()
    mismatch = dies.found()
    for part in (dies.target, dies.seed, *((n, getattr(mismatch, n)) for n in mismatch.limits())):
        digest.update(repr(part).encode())
    for net in networks:
        digest.update(repr((net.dt, net.output, net.readout, net.discretisation)).encode())
        for p in net.populations:
            for f in fields(p.neurons):
                digest.update(np.asarray(getattr(p.neurons, f.name)).tobytes())
        for q in net.projections:
            digest.update(f"{q.source} {q.target}".encode() + q.weights.tobytes())
            for name, value in q.arrangement().items():
                digest.update(name.encode() + np.asarray(value).tobytes())
    digest.update(inputs.indptr.tobytes() + inputs.index.tobytes() + labels.tobytes())
    return digest.hexdigest()
