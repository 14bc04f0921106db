"""Times what comes before the first result: imports, compiling, a cached start; and peak memory.

    python benchmarks/startup.py [--quick] [--rounds N] [--json FILE]

Everything runs in processes of its own, which print what they found.
"""

import os
import subprocess
import sys
import tempfile
import time
from statistics import median
from typing import Any

from measuring import HERE, options, save, show

PREPARE = """
import sys, time
sys.path.insert(0, {here!r})
import numpy as np
from hetlava.sim import engine
import networks
from measuring import random_events
rng = np.random.default_rng(0)
"""
FIRST = (
    PREPARE
    + """
networks.with_thresholds = lambda net, *_: net  # they would be tuned in runs before the first
net = networks.{network}
inputs = random_events(rng, net.n_steps, 1, net.n_inputs, 0.01)
start = time.perf_counter()
engine.run(net, inputs, threads=1)
print(time.perf_counter() - start)
"""
)
FIRST_NETWORKS = {
    "dense": "chain(rng, (2312, 512), 300, 0.01)",
    "recurrent": "recurrent(rng)",
    "conv": "convolutional(rng)",
    "lists": "sparse(rng, 8192, 32, 50)",
}
MEMORY = (
    PREPARE
    + """
import ctypes, gc
from pathlib import Path
def held():
    gc.collect()
    try:
        ctypes.CDLL(None).malloc_trim(0)  # glibc keeps what was freed
    except (OSError, AttributeError):
        pass
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096
def peak():
    import resource
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
def prepared(net, inputs):
    before = held()
    made = engine.prepare(net)
    after = held()
    made.run(inputs, threads=1)
    return after - before
engine.run(networks.chain(rng, (64, 64), 10, 0.1), random_events(rng, 10, 1, 64, 0.1), threads=1)
idle = peak()
net = networks.chain(rng, (2312, 512, 512, 10), 300, 0.01)
engine.prepare(net).run(random_events(rng, 300, 32, 2312, 0.01), threads=1)
print("peak", peak())
wide = networks.chain(rng, (4096, 8192), 5, 0.01)
print("dense", prepared(wide, random_events(rng, 5, 1, 4096, 0.01)) / (4096 * 8192))
thin = networks.sparse(rng, 65536, 256, 5)
synapses = thin.projections[0].weights.size
print("listed", prepared(thin, random_events(rng, 5, 1, 65536, 0.01)) / synapses)
field = networks.field(rng, 256, 3)
ready = prepared(field, random_events(rng, 3, 1, 1 << 20, 0.01))
print("neuron", ready / (1 << 20))
engine.run(networks.field(rng, 8, 3), random_events(rng, 3, 1, 1 << 10, 0.01), threads=1)
inputs = random_events(rng, 3, 1, 1 << 20, 0.01)
before = held()
made = engine.prepare(field)
held()  # gives back what only that took
Path("/proc/self/clear_refs").write_text("5")  # begins to watch for the peak again
made.run(inputs, threads=1)
status = Path("/proc/self/status").read_text().split()
print("resident", (int(status[status.index("VmHWM:") + 1]) * 1024 - before) / (1 << 20))
import tracemalloc
tracemalloc.start()
made.run(inputs, threads=1)
print("running", (ready + tracemalloc.get_traced_memory()[1]) / (1 << 20))
print("idle", idle)
"""
)
IMPORTS = {
    "hetlava --help": "import sys; sys.argv = ['hetlava', '--help']\n"
    "from hetlava.cli import main\ntry:\n    main()\nexcept SystemExit:\n    pass",
    "import hetlava.sim.engine": "import hetlava.sim.engine",
    "import numba": "import numba",
    "import torch": "import torch",
}


def python(code: str, **environment: str) -> tuple[float, str]:
    """Run code in a new process and return the seconds and what it printed."""
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        env=os.environ | environment,
    )  # fmt: skip
    return time.perf_counter() - start, done.stdout


def imports(rounds: int) -> list[dict[str, Any]]:
    """Time processes that only import, less one that imports nothing."""
    times: dict[str, list[float]] = {"an empty process": []} | {name: [] for name in IMPORTS}
    for lap in range(rounds + 1):
        for name in times:
            took, _ = python(IMPORTS.get(name, "pass"))
            if lap:
                times[name].append(took)
    return [{"what": name, "seconds": median(values)} for name, values in times.items()]


def first_runs(rounds: int) -> list[dict[str, Any]]:
    """Time the first run of a process, before and after kernels are compiled to disk."""
    rows = []
    for name, network in FIRST_NETWORKS.items():
        code = FIRST.format(here=str(HERE), network=network)
        cold, warm = [], []
        for _ in range(min(rounds, 3)):
            with tempfile.TemporaryDirectory() as cache:
                cold.append(float(python(code, NUMBA_CACHE_DIR=cache)[1]))
                warm.append(float(python(code, NUMBA_CACHE_DIR=cache)[1]))
        rows += [
            {"what": f"first run after installation, {name}, compiling", "seconds": median(cold)},
            {"what": f"first run of a later process, {name}", "seconds": median(warm)},
        ]
    return rows


def memory() -> dict[str, float]:
    """Measure peak memory, and what weights and neurons take on top of the network's own arrays.

    Of a run counts all that it adds to what was held before the network was made ready: tables,
    state, sums, spikes and the recording of three steps. Of the process, that is more: threads have
    heaps of their own, and keep what one of them let go of from the others.
    """
    _, printed = python(MEMORY.format(here=str(HERE)))
    return {name: float(value) for name, value in map(str.split, printed.splitlines())}


def main() -> None:
    chosen = options(__doc__)
    times = imports(chosen.rounds) + first_runs(chosen.rounds)
    show("Start", ("what", "seconds"), [(r["what"], f"{r['seconds']:.2f}") for r in times])
    held = memory()
    lines = [
        ("2312-512-512-10, 32 samples: peak of the process, MB", f"{1e-6 * held['peak']:.0f}"),
        ("of which before any network", f"{1e-6 * held['idle']:.0f}"),
        ("bytes per dense 8-bit synapse, made ready", f"{held['dense']:.2f}"),
        ("bytes per listed synapse, made ready", f"{held['listed']:.2f}"),
        ("bytes per neuron, made ready, a million", f"{held['neuron']:.1f}"),
        ("bytes per neuron, at the peak of a run, a million", f"{held['running']:.1f}"),
        ("the same of the process, with what the allocator keeps", f"{held['resident']:.1f}"),
    ]
    show("Memory", ("what", "value"), lines)
    save("startup", {"times": times, "memory": held}, chosen.json)


if __name__ == "__main__":
    main()
