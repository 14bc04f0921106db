"""A large file costs what is asked of it: looking at it does not take its weights into memory."""

import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

N = 1_000_000
MEGABYTE = 1 << 20

# not ru_maxrss, which a process inherits from the one that started it
MEASURE = """
import re, sys
from pathlib import Path
from hetlava.cli import main
try:
    main()
except SystemExit as end:
    assert end.code in (None, 0, 1), end.code  # 1: the doctor found something
status = Path("/proc/self/status").read_text()
print(int(re.search(r"VmHWM:\\s*(\\d+) kB", status)[1]) * 1024, file=sys.stderr)
"""


@pytest.fixture
def million(tmp_path: Path, rng: np.random.Generator) -> Path:
    """A file as lava-dl writes it: a million neurons with decays of their own behind a kernel."""
    path = tmp_path / "million.net"
    with h5py.File(path, "w") as file:
        layer, image = file.create_group("layer"), (1, 1000, 1000)
        layer["0/type"], layer["0/shape"] = np.bytes_("input"), np.array(image)
        layer["1/type"], layer["1/shape"] = np.bytes_("conv"), np.array(image)
        layer["1/weight"] = np.full((1, 1, 3, 3), 20.0)
        for key, value in {"stride": 1, "padding": 1, "dilation": 1}.items():
            layer[f"1/{key}"] = np.array([value, value])
        layer["1/groups"] = 1
        for key in ("iDecay", "vDecay"):
            layer[f"1/neuron/{key}"] = rng.integers(1, 4096, N).astype(np.int32)
        layer["1/neuron/type"], layer["1/neuron/vThMant"] = np.bytes_("CUBA"), 100
        file["simulation/Ts"], file["simulation/tSample"] = 1, 10
    return path


@pytest.mark.skipif(sys.platform != "linux", reason="measures memory as Linux reports it")
@pytest.mark.parametrize("command", ["inspect", "doctor"])
def test_a_million_neurons_are_looked_at_in_500_megabytes(million: Path, command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, command, str(million)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "1000000" in done.stdout.replace(",", "")
    assert int(done.stderr.split()[-1]) < 500 * MEGABYTE
