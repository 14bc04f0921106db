"""Placement of large sparse networks: cores beside the lower bound, CPU time and peak memory.

``python benchmarks/placement.py`` places a recurrent network of a million neurons, 32 synapses
onto each, with 31 decay pairs, and others for comparison. Every row runs in a process of its own,
so that its peak of memory is its own; making the network is not counted in its time, but is in the
peak.
"""

import json
import resource
import subprocess
import sys
import time
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from hetlava.chips import LOIHI1, LOIHI2
from hetlava.hardware.placement import place
from hetlava.neurons.cuba import CubaRegisters
from hetlava.quantised import QuantisedNetwork, QuantisedPopulation
from hetlava.sparse_synapses import QuantisedSparse

CHIPS = {chip.name: chip for chip in (LOIHI1, LOIHI2)}
ROWS = (
    # neurons, synapses onto each, from neighbours within, distinct pairs of decays, chip
    (100_000, 32, 512, 31, "loihi1"),
    (100_000, 32, 512, 400, "loihi1"),
    (100_000, 32, 100_000, 31, "loihi1"),
    (1_000_000, 32, 512, 31, "loihi1"),
    (1_000_000, 32, 512, 400, "loihi1"),
    (1_000_000, 32, 512, 400, "loihi2"),
)


def network(n: int, fan: int, near: int, pairs: int, seed: int = 0) -> QuantisedNetwork:
    """Return ``n`` neurons that listen to ``fan`` of their ``near`` neighbours each."""
    rng = np.random.default_rng(seed)
    # one target in each stretch of near / fan neighbours, so that none is met twice
    stretch = near // fan
    offset = np.arange(fan) * stretch + rng.integers(0, stretch, (n, fan)) - near // 2
    post = np.sort((np.arange(n)[:, None] + offset) % n, axis=1).astype(np.int32).ravel()
    ring = QuantisedSparse(
        source="ring",
        target="ring",
        weights=np.full(post.size, 2, np.int8),
        post=post,
        indptr=np.arange(n + 1, dtype=np.int64) * fan,
        n_post=n,
    )
    word = rng.integers(0, pairs, n).astype(np.int32)
    registers = CubaRegisters(
        du=200 + word,
        dv=100 + word,
        vth=np.full(n, 500, np.int32),
        bias_mant=np.zeros(n, np.int32),
        bias_exp=np.zeros(n, np.int32),
    )
    return QuantisedNetwork(
        chip="loihi1",
        dt=1e-3,
        n_inputs=1,
        n_steps=1,
        populations=(QuantisedPopulation(name="ring", registers=registers),),
        projections=(ring,),
        output="ring",
    )


def measure(row: tuple[int, int, int, int, str]) -> dict[str, float | str]:
    """Place one network and return what it took."""
    net, chip = network(*row[:4]), CHIPS[row[4]]
    place(network(100, 4, 8, 2), chip)  # numba loads its compiled loops
    start = time.process_time()
    placement = place(net, chip, cores=1 << 20)
    return {
        "cores": placement.n_cores,
        "at least": placement.lower_bound,
        "chips": placement.n_chips,
        "bound by": placement.binds() or "-",
        "order": placement.populations[0].order,
        "CPU s": time.process_time() - start,
        "peak GB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20),
    }


def main(
    only: Annotated[int | None, typer.Option(hidden=True)] = None,
    first: Annotated[int, typer.Option(help="Rows to run, of the smaller ones first.")] = len(ROWS),
) -> None:
    """Print a table of placements."""
    if only is not None:
        print(json.dumps(measure(ROWS[only])))
        return
    table = Table("neurons", "synapses onto one", "of the nearest", "pairs", "chip")
    for k, row in enumerate(ROWS[:first]):
        command = [sys.executable, __file__, "--only", str(k)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        figures = json.loads(done.stdout)
        if not k:
            for name in figures:
                table.add_column(name)
        table.add_row(
            *map(str, row),
            *(f"{v:.3g}" if isinstance(v, float) else str(v) for v in figures.values()),
        )
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
