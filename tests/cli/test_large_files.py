"""A large file costs what is asked of it: looking at it does not take its weights into memory."""

import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from hetlava.export.net_hdf5 import write
from hetlava.neurons.cuba import CubaRegisters
from hetlava.quantised import QuantisedNetwork, QuantisedPopulation, QuantisedProjection

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


N_DENSE = 4096

# what a process takes from opening the file to the end of a run, and of that what it must keep
GROWTH = """
import re, sys
from pathlib import Path
import numpy as np
from hetlava.events import from_dense
from hetlava.export.net_hdf5 import read
from hetlava.sim import engine

def memory(key):
    status = Path("/proc/self/status").read_text()
    return int(re.search(key + r":\\s*(\\d+) kB", status)[1]) * 1024

small, large = sys.argv[1:]
net = read(small)
engine.run(net, from_dense(np.ones((2, 1, net.n_inputs), bool)))  # loads the compiled loops
before = memory("VmRSS")
net = read(large)
opened = memory("VmRSS")
rest = memory("RssAnon")
prepared = engine.prepare(net)
print(opened - before, memory("RssAnon") - rest, memory("VmHWM") - before)
prepared.run(from_dense(np.ones((2, 1, net.n_inputs), bool)))
"""


def dense(n: int, rng: np.random.Generator) -> QuantisedNetwork:
    zero = np.zeros(n, np.int32)
    registers = CubaRegisters(du=zero, dv=zero, vth=zero, bias_mant=zero, bias_exp=zero)
    weights = (2 * rng.integers(-128, 128, (n, n), np.int16)).astype(np.int16)
    return QuantisedNetwork(
        chip="loihi2",
        dt=1e-3,
        n_inputs=n,
        n_steps=2,
        populations=(QuantisedPopulation(name="a", registers=registers),),
        projections=(QuantisedProjection(source="input", target="a", weights=weights),),
        output="a",
    )


@pytest.mark.skipif(sys.platform != "linux", reason="measures memory as Linux reports it")
def test_a_large_matrix_is_opened_for_nothing_and_prepared_in_a_byte_a_weight(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    for name, n in (("small", 64), ("large", N_DENSE)):
        write(tmp_path / name, dense(n, rng), compact=True)
    done = subprocess.run(
        [sys.executable, "-c", GROWTH, str(tmp_path / "small"), str(tmp_path / "large")],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    opened, kept, peak = map(int, done.stdout.split())
    n_weights, slack = N_DENSE**2, 4 * MEGABYTE
    assert opened < slack
    assert n_weights <= kept + slack and kept < n_weights + slack
    # what is mapped is let go block by block, and blocks are unpacked in 16 bits
    assert peak < 2 * n_weights + slack
