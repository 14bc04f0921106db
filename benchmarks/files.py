"""How fast large files open, and what looking at them takes: ``python benchmarks/files.py``.

Both layouts of a file of about 10 MB of weights: lava-dl's alone, and with hetlava's group.
"""

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import h5py
import numpy as np

from hetlava.export.net_hdf5 import read, write

SIZES = (2312, 1200, 1200, 1200, 10)  # inputs and layers: 5.7 million weights
ROUNDS = 5
MEGABYTE = 1e6
LOOK = "import sys; from hetlava.cli import main; main()"


def lava_dl_file(path: Path, rng: np.random.Generator) -> None:
    """Write what lava-dl would: weights as int16, decays per neuron."""
    with h5py.File(path, "w") as file:
        layer = file.create_group("layer")
        layer["0/type"], layer["0/shape"] = np.bytes_("input"), np.array([SIZES[0]])
        for k, (n_pre, n_post) in enumerate(zip(SIZES, SIZES[1:], strict=False), 1):
            layer[f"{k}/type"], layer[f"{k}/shape"] = np.bytes_("dense"), np.array([n_post])
            weights = 2 * rng.integers(-128, 128, (n_post, n_pre))
            layer[f"{k}/weight"] = weights.astype(np.int16)
            for key in ("iDecay", "vDecay"):
                layer[f"{k}/neuron/{key}"] = rng.integers(1, 4096, n_post).astype(np.int32)
            layer[f"{k}/neuron/type"] = np.bytes_("CUBA")
            layer[f"{k}/neuron/vThMant"] = 512
        file["simulation/Ts"], file["simulation/tSample"] = 1, 300


def opening(path: Path) -> float:
    """Return the median time [s] to read a file whole."""
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        read(path)
        times.append(time.perf_counter() - start)
    return median(times)


def peak(path: Path) -> float:
    """Return the peak memory [byte] of ``hetlava inspect`` in a process of its own."""
    subprocess.run(
        [sys.executable, "-c", LOOK, "inspect", str(path)], check=True, capture_output=True
    )
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024


def main() -> None:
    """Print one line a file."""
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        theirs, ours = Path(folder, "lava-dl.net"), Path(folder, "hetlava.net")
        lava_dl_file(theirs, rng)
        write(ours, read(theirs))
        for path in (theirs, ours):
            size = path.stat().st_size / MEGABYTE
            print(
                f"{path.name:12} {size:5.1f} MB: opened in {opening(path):.3f} s, "
                f"inspected within {peak(path) / MEGABYTE:.0f} MB"
            )


if __name__ == "__main__":
    main()
