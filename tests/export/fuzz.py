"""Reads damaged copies of a ``.net`` file; run in a process of its own, which may die.

``python fuzz.py FILE FIRST COUNT``: copy ``k`` differs from FILE in one to three random bytes or
ends early. Prints a JSON object: how many copies gave an error of hetlava, the same network, and
another network. Dies on anything else: a crash, a foreign error, 10 s, or 2 GiB of memory.
"""

import json
import resource
import signal
import sys
from collections import Counter
from pathlib import Path

import numpy as np

from hetlava.errors import HetlavaError
from hetlava.export.net_hdf5 import read
from hetlava.quantised import QuantisedNetwork

MEMORY, PATIENCE = 2 << 30, 10


def damaged(data: bytes, seed: int) -> bytes:
    rng = np.random.default_rng(seed)
    if rng.random() < 0.1:
        return data[: rng.integers(len(data))]
    copy = bytearray(data)
    for at in rng.integers(0, len(data), rng.integers(1, 4)):
        copy[at] = rng.integers(256) if rng.random() < 0.5 else copy[at] ^ (1 << rng.integers(8))
    return bytes(copy)


def outcome(path: Path, original: QuantisedNetwork) -> str:
    signal.alarm(PATIENCE)
    try:
        net = read(path)
    except HetlavaError as error:
        assert str(path) in str(error), error
        return "error"
    finally:
        signal.alarm(0)
    return "same" if net == original else "other"


def main(file: str, first: str, count: str) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    path = Path(file)
    data, original, copy = path.read_bytes(), read(path), path.with_suffix(".damaged")
    counts: Counter[str] = Counter()
    for seed in range(int(first), int(first) + int(count)):
        copy.write_bytes(damaged(data, seed))
        sys.stderr.write(f"{seed}\n")
        counts[outcome(copy, original)] += 1
    sys.stdout.write(json.dumps(counts))


if __name__ == "__main__":
    main(*sys.argv[1:])
